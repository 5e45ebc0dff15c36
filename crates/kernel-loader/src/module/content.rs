//! The uncompressed bytes of a module.
//!
//! Where its sections are stands at its end, so that nobody knows before which of its bytes are
//! debug information, and a layer is read once. Of a large module the rest is therefore held
//! packed, and what rules ask for is unpacked. None of them sees a byte that is not there: what
//! was asked for in vain is unpacked, and the rules look again.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use crate::module::ElfFault;

mod packed;

use packed::Packed;

/// So many bytes of a module are held as they are: modules that are larger have debug
/// information, mostly.
pub const AS_THEY_ARE: usize = 48 << 20;
/// The same of one whose compressed file is held beside it.
pub(crate) const UNPACKED: usize = 32 << 20;

/// How often rules look before all is unpacked. They look at the header, the section table, its
/// names, and then at the sections.
const MOST_LOOKS: usize = 6;
/// The most ranges that are unpacked one by one.
const MOST_RANGES: usize = 4096;

/// The uncompressed bytes of a module file.
#[derive(Debug)]
pub struct Content<'a> {
    /// The first bytes, as they are.
    start: Cow<'a, [u8]>,
    /// How many those may be.
    most: usize,
    /// What follows them.
    rest: Packed,
}

impl<'a> Content<'a> {
    /// Bytes that are all there.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            start: bytes.into(),
            most: bytes.len(),
            rest: Packed::default(),
        }
    }

    /// Content that is still to be written, of which the first bytes, `most` of them, are held as
    /// they are, in `room`.
    pub fn in_room(mut room: Vec<u8>, most: usize) -> Self {
        room.clear();
        Self {
            start: room.into(),
            most,
            rest: Packed::default(),
        }
    }

    /// The room again.
    pub fn into_room(self) -> Vec<u8> {
        self.start.into_owned()
    }

    /// The first bytes, as they are.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.start.len() as u64 + self.rest.length()
    }

    /// The bytes from an offset up to another one.
    pub(crate) fn range(&self, from: u64, to: u64) -> io::Result<Cow<'_, [u8]>> {
        if let Some(bytes) = slice(&self.start, from, to) {
            return Ok(bytes.into());
        }
        let mut bytes = Vec::new();
        self.each(from, to, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes.into())
    }

    /// The same, piece by piece.
    pub(crate) fn each(&self, from: u64, to: u64, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        let start = self.start.len() as u64;
        if from < start {
            see(slice(&self.start, from, to.min(start)).unwrap_or_default());
        }
        if to > start {
            self.rest.each(from.max(start) - start, to - start, see)?;
        }
        Ok(())
    }

    /// Looks at the first `length` bytes, until nothing that was asked for is missing.
    ///
    /// # Errors
    /// What `look` answers, or: what is packed cannot be unpacked.
    pub(crate) fn look<T>(
        &self,
        length: u64,
        look: impl Fn(&View<'_>) -> Result<T, ElfFault>,
    ) -> Result<T, ElfFault> {
        let total = self.length();
        let mut wanted = BTreeSet::new();
        let mut looks = 0;
        loop {
            looks += 1;
            if looks > MOST_LOOKS || wanted.len() > MOST_RANGES {
                wanted = BTreeSet::from([(0, total)]);
            }
            let mut parts = BTreeMap::new();
            for (from, to) in joined(&wanted) {
                let part = self.range(from, to);
                let part = part.map_err(|fault| ElfFault::Compression(fault.to_string().into()))?;
                parts.insert(from, part);
            }
            let view = View {
                length,
                total,
                start: &self.start,
                parts: &parts,
                missing: RefCell::default(),
            };
            let seen = look(&view);
            let missing = view.missing.into_inner();
            if missing.is_empty() {
                return seen;
            }
            wanted.extend(missing);
        }
    }
}

impl io::Write for Content<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let start = self.start.to_mut();
        let left = self.most.saturating_sub(start.len());
        if left == 0 {
            return self.rest.write(bytes);
        }
        let first = &bytes[..left.min(bytes.len())];
        start.extend_from_slice(first);
        Ok(first.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is there of a module without its signature.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Where the module ends, and its signature begins.
    length: u64,
    /// Where the file ends.
    total: u64,
    start: &'a [u8],
    /// What was asked for of the rest, by its offset; none lies over another.
    parts: &'a BTreeMap<u64, Cow<'a, [u8]>>,
    /// What was asked for, and is not there.
    missing: RefCell<BTreeSet<(u64, u64)>>,
}

impl<'a> View<'a> {
    /// The number of bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// True where there are so many bytes behind an offset.
    pub(crate) fn has(&self, offset: u64, size: u64) -> bool {
        offset
            .checked_add(size)
            .is_some_and(|end| end <= self.length)
    }

    /// So many bytes behind an offset; `None` where the module does not have them, or where they
    /// are missing for now.
    pub(crate) fn get(&self, offset: u64, size: u64) -> Option<&'a [u8]> {
        match self.has(offset, size) {
            true => self.range(offset, offset + size),
            false => None,
        }
    }

    /// All from an offset to the end of the file.
    pub(crate) fn to_the_end(&self, offset: u64) -> Option<&'a [u8]> {
        match offset <= self.total {
            true => self.range(offset, self.total),
            false => None,
        }
    }

    /// True where something that was asked for is missing: what was made of the rest counts for
    /// nothing.
    pub(crate) fn lacks_any(&self) -> bool {
        !self.missing.borrow().is_empty()
    }

    fn range(&self, from: u64, to: u64) -> Option<&'a [u8]> {
        if from == to {
            return Some(&[]);
        }
        let part = || {
            let (start, part) = self.parts.range(..=from).next_back()?;
            slice(part, from - start, to - start)
        };
        let found = slice(self.start, from, to).or_else(part);
        if found.is_none() {
            let mut missing = self.missing.borrow_mut();
            // More than these are not told from one another.
            match missing.len() > MOST_RANGES {
                true => missing.insert((0, self.total)),
                false => missing.insert((from, to)),
            };
        }
        found
    }
}

fn slice(bytes: &[u8], from: u64, to: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}

/// Ranges in order, those that touch as one.
fn joined(ranges: &BTreeSet<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for &(from, to) in ranges {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
