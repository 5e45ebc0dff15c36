//! The translated pattern, as far as a repetition has to find what it repeats.

use super::{MAX_NESTING, MAX_REPEAT, PatternError, Repeat};

/// One piece of a concatenation.
struct Piece {
    text: String,
    /// The largest product of nested repeat counts in it; `None` for flags, which a repetition
    /// passes over.
    cost: Option<u32>,
}

/// A group that is not closed yet.
#[derive(Default)]
struct Group {
    /// Its alternatives so far, each with its `|`.
    before: String,
    cost: u32,
    /// The alternative that is being read.
    pieces: Vec<Piece>,
}

impl Group {
    fn end_alternative(&mut self) {
        for piece in self.pieces.drain(..) {
            self.before.push_str(&piece.text);
            self.cost = self.cost.max(piece.cost.unwrap_or(0));
        }
    }
}

/// The groups that are open, the outermost first.
pub(super) struct Tree {
    groups: Vec<(String, Group)>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            groups: vec![(String::new(), Group::default())],
        }
    }
}

impl Tree {
    fn group(&mut self) -> Option<&mut Group> {
        self.groups.last_mut().map(|(_, group)| group)
    }

    /// Something that a repetition can repeat.
    pub(super) fn push(&mut self, text: String) {
        self.piece(text, Some(1));
    }

    fn piece(&mut self, text: String, cost: Option<u32>) {
        if let Some(group) = self.group() {
            group.pieces.push(Piece { text, cost });
        }
    }

    /// A character that means itself.
    pub(super) fn literal(&mut self, c: char) {
        let mut text = String::new();
        push_literal(&mut text, c);
        self.push(text);
    }

    /// Flags for what follows in the group. They are nothing to repeat, and a repetition behind
    /// them is one of what stands before them (Go keeps them beside its stack).
    pub(super) fn flags(&mut self, text: String) {
        self.piece(text, None);
    }

    pub(super) fn open(&mut self, text: &str, pattern: &str) -> Result<(), PatternError> {
        if self.groups.len() > MAX_NESTING {
            return Err(PatternError::unclear(
                "the expression nests too deeply to be checked",
                pattern,
            ));
        }
        self.groups.push((text.to_owned(), Group::default()));
        Ok(())
    }

    pub(super) fn alternative(&mut self) {
        if let Some(group) = self.group() {
            group.end_alternative();
            group.before.push('|');
        }
    }

    pub(super) fn close(&mut self, pattern: &str) -> Result<(), PatternError> {
        if self.groups.len() == 1 {
            return Err(PatternError::refused("unexpected )", pattern));
        }
        if let Some((open, mut group)) = self.groups.pop() {
            group.end_alternative();
            let text = format!("{open}{})", group.before);
            self.piece(text, Some(group.cost.max(1)));
        }
        Ok(())
    }

    /// Go, `parser.repeat` and `repeatIsValid`.
    pub(super) fn repeat(&mut self, operator: &Repeat) -> Result<(), PatternError> {
        let written = &operator.written;
        let last = self.group().and_then(|group| {
            let mut pieces = group.pieces.iter_mut();
            pieces.rfind(|piece| piece.cost.is_some())
        });
        let Some(piece) = last else {
            return Err(PatternError::refused(
                "missing argument to repetition operator",
                written,
            ));
        };
        let cost = piece.cost.unwrap_or(1);
        let factor = operator.max.unwrap_or(operator.min);
        let product = match (operator.counted, operator.max) {
            (false, _) => cost,
            // What stands inside no repetition at all is not looked at.
            (true, Some(0)) => 1,
            (true, _) => cost.saturating_mul(factor.max(1)),
        };
        if operator.counted && factor >= 2 && product > MAX_REPEAT {
            return Err(PatternError::refused("invalid repeat count", written));
        }
        piece.text = format!("(?:{}){written}", piece.text);
        piece.cost = Some(product);
        Ok(())
    }

    /// The whole pattern.
    pub(super) fn finish(mut self, pattern: &str) -> Result<String, PatternError> {
        match self.groups.pop() {
            Some((_, mut group)) if self.groups.is_empty() => {
                group.end_alternative();
                Ok(group.before)
            }
            _ => Err(PatternError::refused("missing closing )", pattern)),
        }
    }
}

/// A character that means itself, in a class and outside.
pub(super) fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
    }
}
