//! A text whose lines each have a name, and where every name stands: of the ten thousand lines
//! of a kernel's files a module asks for a few.

use std::hash::{BuildHasher, RandomState};

/// Which of the lines with one name counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    First,
    Last,
}

/// A text and a table of its lines by name.
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
    pub(super) fn new(
        text: impl Into<Box<str>>,
        name: fn(&str) -> Option<&str>,
        counts: Counts,
    ) -> Self {
        let text = text.into();
        // Lines without a name take no place in the table: a text may be nothing but line ends.
        let named = text.split_inclusive('\n').filter_map(name);
        let lines = named.count() + 1;
        let mut named = Self {
            text,
            name,
            table: vec![(0, 0); (lines * 2).next_power_of_two()],
            hasher: RandomState::new(),
        };
        let mut start = 0;
        for line in named.text.split_inclusive('\n') {
            if let (Some(name), Ok(place)) = (name(line), u32::try_from(start + 1)) {
                let (slot, mark) = named.slot(name);
                if named.table[slot].0 == 0 || counts == Counts::Last {
                    named.table[slot] = (place, mark);
                }
            }
            start += line.len();
        }
        named
    }

    /// The line of a name, without its end.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (slot, _) = self.slot(name);
        self.at(self.table[slot].0)
    }

    /// Every line, without its end.
    pub(super) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// Where a name stands in the table, or would, and what marks it there.
    fn slot(&self, name: &str) -> (usize, u32) {
        let mask = self.table.len() - 1;
        let hash = self.hasher.hash_one(name);
        let mark = (hash >> 32) as u32;
        let mut slot = hash as usize & mask;
        loop {
            let (place, other) = self.table[slot];
            let is_name = || self.at(place).and_then(self.name) == Some(name);
            if place == 0 || (other == mark && is_name()) {
                return (slot, mark);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn at(&self, place: u32) -> Option<&str> {
        let start = place.checked_sub(1)? as usize;
        self.text.get(start..)?.lines().next()
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
            let first = NamedLines::new(&*text, before_equals, Counts::First);
            let last = NamedLines::new(&*text, before_equals, Counts::Last);
            for name in ["", "a", "b", "ab", "cc"] {
                let mut expected = text
                    .lines()
                    .filter(|line| before_equals(line) == Some(name));
                prop_assert_eq!(last.get(name), expected.clone().next_back(), "{}", name);
                prop_assert_eq!(first.get(name), expected.next(), "{}", name);
            }
        }
    }

    #[test]
    fn one_name_on_every_line_takes_no_longer_than_many() {
        let text = "a=\n".repeat(2_000_000);
        let lines = NamedLines::new(text, before_equals, Counts::First);
        assert_eq!(lines.get("a"), Some("a="));
    }
}
