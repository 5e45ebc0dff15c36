//! A text whose lines each have a name, and where every name stands: of the ten thousand lines
//! of a kernel's files a module asks for a few.

use std::hash::{BuildHasher, RandomState};

/// A text and a table of its lines by name. Lines are not looked at beyond their names until
/// somebody asks for them.
#[derive(Debug, Clone)]
pub(super) struct NamedLines {
    text: Box<str>,
    name: fn(&str) -> Option<&str>,
    /// Starts of lines plus one, at the hash of the line's name, with more of that hash; a
    /// start of 0 is free. A power of two, never full.
    table: Vec<(u32, u32)>,
    hasher: RandomState,
}

impl NamedLines {
    /// Reads a text; `name` tells a line's name, and `None` for a line without one. What
    /// begins beyond 4 GiB is not found.
    pub(super) fn new(text: impl Into<Box<str>>, name: fn(&str) -> Option<&str>) -> Self {
        let text = text.into();
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let mut named = Self {
            text,
            name,
            table: vec![(0, 0); (lines * 2).next_power_of_two()],
            hasher: RandomState::new(),
        };
        let mut start = 0;
        for line in named.text.split_inclusive('\n') {
            if let (Some(name), Ok(place)) = (name(line), u32::try_from(start + 1)) {
                let (mut slot, mark) = named.hash(name);
                while named.table[slot].0 != 0 {
                    slot = named.after(slot);
                }
                named.table[slot] = (place, mark);
            }
            start += line.len();
        }
        named
    }

    /// The lines of a name, without their ends, in the text's order.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let (mut slot, mark) = self.hash(name);
        std::iter::from_fn(move || {
            let (place, other) = self.table[slot];
            slot = self.after(slot);
            let start = place.checked_sub(1)?;
            Some((start as usize, other))
        })
        .filter(move |(_, other)| *other == mark)
        .filter_map(|(start, _)| self.text.get(start..)?.lines().next())
        .filter(move |line| (self.name)(line) == Some(name))
    }

    /// Every line, without its end.
    pub(super) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// The slot of the table at which a name is first looked for, and what marks it there.
    fn hash(&self, name: &str) -> (usize, u32) {
        let hash = self.hasher.hash_one(name);
        (hash as usize & (self.table.len() - 1), (hash >> 32) as u32)
    }

    fn after(&self, slot: usize) -> usize {
        (slot + 1) & (self.table.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn before_equals(line: &str) -> Option<&str> {
        Some(line.split_once('=')?.0)
    }

    proptest! {
        #[test]
        fn every_line_is_found_by_its_name(text in "([a-c]{0,2}=?[a-z]{0,3}\r?\n){0,40}[a-c]?") {
            let lines = NamedLines::new(&*text, before_equals);
            for name in ["", "a", "b", "ab", "cc"] {
                let found: Vec<&str> = lines.of(name).collect();
                let expected: Vec<&str> = text
                    .lines()
                    .filter(|line| before_equals(line) == Some(name))
                    .collect();
                prop_assert_eq!(found, expected, "{}", name);
            }
        }
    }
}
