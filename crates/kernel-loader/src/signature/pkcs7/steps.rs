//! Grammars that the decoder follows, and what they are made of.

/// One step of a grammar. `N` names what is to be done with an element that was met.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<N: 'static> {
    /// An element that has to be there.
    Need(Element<N>),
    /// An element that may be missing.
    May(Element<N>),
    /// One of several elements: the first that fits. `note` gets the last element that was met.
    One {
        options: &'static [Element<N>],
        required: bool,
        note: Option<N>,
    },
}

/// An element of a grammar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<N: 'static> {
    /// Its tag, any where there is none. A constructed one fits without its bit as well.
    pub(super) tag: Option<u8>,
    /// What is in it.
    pub(super) content: Content<N>,
    /// What is to be done with it.
    pub(super) note: Option<N>,
}

/// What is in an element.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<N: 'static> {
    /// Nobody looks.
    Opaque,
    /// One after the other.
    Sequence(&'static [Step<N>]),
    /// The same at least once, any number of times.
    Repeated(&'static [Step<N>]),
}

impl<N: Copy> Step<N> {
    pub(super) const fn one(options: &'static [Element<N>]) -> Self {
        Self::One {
            options,
            required: true,
            note: None,
        }
    }

    pub(super) const fn one_noted(options: &'static [Element<N>], note: N) -> Self {
        Self::One {
            options,
            required: true,
            note: Some(note),
        }
    }

    pub(super) const fn may_one(options: &'static [Element<N>]) -> Self {
        Self::One {
            options,
            required: false,
            note: None,
        }
    }
}

impl<N: Copy> Element<N> {
    const fn new(tag: Option<u8>, content: Content<N>) -> Self {
        Self {
            tag,
            content,
            note: None,
        }
    }

    pub(super) const fn opaque(tag: u8) -> Self {
        Self::new(Some(tag), Content::Opaque)
    }

    pub(super) const fn any() -> Self {
        Self::new(None, Content::Opaque)
    }

    pub(super) const fn sequence(tag: u8, steps: &'static [Step<N>]) -> Self {
        Self::new(Some(tag), Content::Sequence(steps))
    }

    pub(super) const fn repeated(tag: u8, steps: &'static [Step<N>]) -> Self {
        Self::new(Some(tag), Content::Repeated(steps))
    }

    pub(super) const fn noted(self, note: N) -> Self {
        Self {
            note: Some(note),
            ..self
        }
    }
}
