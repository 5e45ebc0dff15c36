//! depmod's binary indexes, `modules.*.bin` (kmod, `libkmod/libkmod-index.c`): a trie from
//! keys to values, each with a priority.

use std::fmt;
use std::sync::Arc;

use crate::kmod::pattern::matches;

/// `INDEX_MAGIC`, big-endian at the start of an index.
pub const MAGIC: u32 = 0xB007_F457;
const MAJOR_VERSION: u32 = 2;

const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
const OFFSET: u32 = 0x0FFF_FFFF;

/// The most bytes of all keys that are listed.
const MOST_KEYS: usize = 16 << 20;
/// The longest key, in bytes; a path has no more.
const LONGEST_KEY: usize = 4096;

/// Why a file is no index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexFault {
    /// Shorter than its header.
    TooShort,
    /// Another magic number, which is this one.
    Magic(u32),
    /// Another major version, which is this one.
    Version(u32),
}

impl fmt::Display for IndexFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => f.write_str("it is shorter than an index's header"),
            Self::Magic(magic) => {
                write!(f, "magic check fail: {magic:x} instead of {MAGIC:x}")
            }
            Self::Version(version) => write!(
                f,
                "major version check fail: {version} instead of {MAJOR_VERSION}"
            ),
        }
    }
}

impl std::error::Error for IndexFault {}

/// An index whose header was checked. Damage further in makes keys absent, never a panic.
#[derive(Debug, Clone)]
pub struct Index {
    bytes: Arc<[u8]>,
    root: u32,
}

/// One node of the trie.
struct Node<'a> {
    prefix: &'a [u8],
    first: u8,
    children: &'a [u8],
    values: Vec<(u32, &'a [u8])>,
    /// How many bytes of the file it takes.
    size: usize,
}

impl Index {
    /// Checks the header (`index_file_open`).
    ///
    /// # Errors
    /// kmod does not open the file.
    pub fn parse(bytes: Arc<[u8]>) -> Result<Self, IndexFault> {
        let number = |at: usize| number(&bytes, at).ok_or(IndexFault::TooShort);
        let (magic, version, root) = (number(0)?, number(4)?, number(8)?);
        if magic != MAGIC {
            return Err(IndexFault::Magic(magic));
        }
        if version >> 16 != MAJOR_VERSION {
            return Err(IndexFault::Version(version >> 16));
        }
        Ok(Self { bytes, root })
    }

    /// The first value of a key (`index_search`).
    pub fn search(&self, key: &str) -> Option<String> {
        let mut rest = key.as_bytes();
        let mut node = self.node(self.root)?;
        loop {
            rest = rest.strip_prefix(node.prefix)?;
            let Some((next, after)) = rest.split_first() else {
                return node.values.first().map(|(_, value)| text(value));
            };
            node = self.child(&node, *next)?;
            rest = after;
        }
    }

    /// The values of every key that matches as a shell pattern, lowest priority number
    /// first (`index_searchwild`).
    pub fn search_wild(&self, word: &str) -> Vec<String> {
        let mut found: Vec<(u32, String)> = Vec::new();
        self.walk(
            |key| {
                let plain = key
                    .iter()
                    .position(|c| matches!(c, b'*' | b'?' | b'[' | b'\\'))
                    .unwrap_or(key.len());
                word.as_bytes().starts_with(&key[..plain])
            },
            |key, priority, value| {
                if matches(&text(key), word) {
                    let at = found.partition_point(|(other, _)| *other < priority);
                    found.insert(at, (priority, text(value)));
                }
            },
        );
        found.into_iter().map(|(_, value)| value).collect()
    }

    /// Every key, in the trie's order.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut left = MOST_KEYS;
        self.walk(
            |_| true,
            |key, _, _| {
                let key = text(key);
                left = left.saturating_sub(key.len());
                if left > 0 && keys.last() != Some(&key) {
                    keys.push(key);
                }
            },
        );
        keys
    }

    /// Looks at every value whose key's beginnings are all wanted.
    fn walk(&self, wanted: impl Fn(&[u8]) -> bool, mut see: impl FnMut(&[u8], u32, &[u8])) {
        // Nodes whose keys begin with so many bytes of `key`, and then this letter.
        let mut todo: Vec<(u32, usize, Option<u8>)> = vec![(self.root, 0, None)];
        let mut key = Vec::new();
        // No two nodes of a trie share bytes: a walk over more than the file loops.
        let mut left = self.bytes.len();
        while let Some((offset, shared, letter)) = todo.pop() {
            key.truncate(shared);
            key.extend(letter);
            let Some(node) = self.node(offset) else {
                continue;
            };
            key.extend_from_slice(node.prefix);
            let Some(rest) = left
                .checked_sub(node.size)
                .filter(|_| key.len() <= LONGEST_KEY)
            else {
                return;
            };
            left = rest;
            if !wanted(&key) {
                continue;
            }
            for (priority, value) in &node.values {
                see(&key, *priority, value);
            }
            for (at, child) in node.children.chunks_exact(4).enumerate().rev() {
                let offset = u32::from_be_bytes([child[0], child[1], child[2], child[3]]);
                if offset & OFFSET != 0 {
                    let letter = node.first.wrapping_add(at as u8);
                    todo.push((offset, key.len(), Some(letter)));
                }
            }
        }
    }

    fn child<'a>(&'a self, node: &Node<'a>, letter: u8) -> Option<Node<'a>> {
        let at = usize::from(letter.checked_sub(node.first)?) * 4;
        self.node(number(node.children, at)?)
    }

    /// `index_mm_read_node`.
    fn node(&self, offset: u32) -> Option<Node<'_>> {
        let at = (offset & OFFSET) as usize;
        let mut rest = self.bytes.get(at..).filter(|_| at != 0)?;
        let whole = rest.len();
        let mut node = Node {
            prefix: &[],
            first: 0,
            children: &[],
            values: Vec::new(),
            size: 0,
        };
        if offset & HAS_PREFIX != 0 {
            (node.prefix, rest) = until_nul(rest)?;
        }
        if offset & HAS_CHILDREN != 0 {
            let (first, last) = (*rest.first()?, *rest.get(1)?);
            let count = usize::from(last.checked_sub(first)?) + 1;
            node.first = first;
            (node.children, rest) = rest.get(2..)?.split_at_checked(count * 4)?;
        }
        if offset & HAS_VALUES != 0 {
            let count = number(rest, 0)?;
            rest = rest.get(4..)?;
            for _ in 0..count {
                let priority = number(rest, 0)?;
                let value;
                (value, rest) = until_nul(rest.get(4..)?)?;
                node.values.push((priority, value));
            }
        }
        node.size = whole - rest.len();
        Some(node)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn until_nul(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An index of these keys and values, without shared prefixes: a root with one child
    /// for every first letter would need a trie builder, so each key is a chain of
    /// single-letter nodes that are shared where the keys are.
    pub(crate) fn build(entries: &[(&str, &str)]) -> Arc<[u8]> {
        fn emit(out: &mut Vec<u8>, entries: &[(&[u8], &str)]) -> u32 {
            let values: Vec<&str> = entries
                .iter()
                .filter(|(key, _)| key.is_empty())
                .map(|(_, value)| *value)
                .collect();
            let mut letters: Vec<u8> = entries
                .iter()
                .filter_map(|(key, _)| key.first().copied())
                .collect();
            letters.sort_unstable();
            letters.dedup();
            let mut children = Vec::new();
            for letter in &letters {
                let below: Vec<(&[u8], &str)> = entries
                    .iter()
                    .filter(|(key, _)| key.first() == Some(letter))
                    .map(|(key, value)| (&key[1..], *value))
                    .collect();
                children.push((*letter, emit(out, &below)));
            }
            let at = u32::try_from(out.len()).expect("a small index");
            let mut flags = 0;
            if let (Some(first), Some(last)) = (letters.first(), letters.last()) {
                flags |= HAS_CHILDREN;
                out.extend([*first, *last]);
                for letter in *first..=*last {
                    let child = children.iter().find(|(other, _)| *other == letter);
                    out.extend(child.map_or(0, |(_, offset)| *offset).to_be_bytes());
                }
            }
            if !values.is_empty() {
                flags |= HAS_VALUES;
                let count = u32::try_from(values.len()).expect("few values");
                out.extend(count.to_be_bytes());
                for (priority, value) in (0u32..).zip(&values) {
                    out.extend(priority.to_be_bytes());
                    out.extend(value.as_bytes());
                    out.push(0);
                }
            }
            at | flags
        }
        let mut out = Vec::new();
        out.extend(MAGIC.to_be_bytes());
        out.extend((MAJOR_VERSION << 16 | 1).to_be_bytes());
        out.extend(0u32.to_be_bytes());
        let entries: Vec<(&[u8], &str)> = entries
            .iter()
            .map(|(key, value)| (key.as_bytes(), *value))
            .collect();
        let root = emit(&mut out, &entries);
        out[8..12].copy_from_slice(&root.to_be_bytes());
        out.into()
    }

    #[test]
    fn keys_are_found_exactly_and_as_patterns() {
        let bytes = build(&[
            ("foo", "foo.ko:"),
            ("foobar", "foobar.ko: foo.ko"),
            ("pci:v*d00[0-9]", "x"),
            ("pci:v1d001", "y"),
        ]);
        let index = Index::parse(bytes).expect("an index");
        assert_eq!(index.search("foo").as_deref(), Some("foo.ko:"));
        assert_eq!(index.search("foobar").as_deref(), Some("foobar.ko: foo.ko"));
        for absent in ["", "fo", "foob", "foobarx", "z"] {
            assert_eq!(index.search(absent), None, "{absent}");
        }
        assert_eq!(index.search_wild("pci:v1d001").len(), 2);
        assert_eq!(index.search_wild("pci:v2d005"), ["x"]);
        assert_eq!(index.search_wild("foo"), ["foo.ko:"]);
        assert_eq!(index.keys().len(), 4);
    }

    #[test]
    fn what_kmod_does_not_open() {
        let good = build(&[("a", "b")]);
        assert!(Index::parse(good[..8].into()).is_err());
        assert!(Index::parse(b"BOOTFAST....".as_slice().into()).is_err());
        let mut other = good.to_vec();
        other[5] = 3;
        assert_eq!(
            Index::parse(other.into()).err(),
            Some(IndexFault::Version(3))
        );
    }

    /// One node of 256 children, each of which is the node itself.
    #[test]
    fn a_trie_that_loops_comes_to_an_end() {
        let mut bytes = build(&[]).to_vec();
        let at = u32::try_from(bytes.len()).expect("a small index") | HAS_CHILDREN | HAS_VALUES;
        bytes[8..12].copy_from_slice(&at.to_be_bytes());
        bytes.extend([0, 255]);
        bytes.extend(at.to_be_bytes().repeat(256));
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, b'v', 0]);
        let index = Index::parse(bytes.into()).expect("an index");
        assert_eq!(index.keys(), [""]);
    }

    proptest::proptest! {
        #[test]
        fn damage_never_panics_or_hangs(at in 0usize..200, byte: u8, cut in 12usize..200) {
            let mut bytes = build(&[("foo", "a"), ("fob*", "b"), ("x", "c")]).to_vec();
            let length = bytes.len();
            bytes[8 + at % (length - 8)] = byte;
            bytes.truncate(cut.max(12));
            if let Ok(index) = Index::parse(bytes.into()) {
                let _ = (index.search("foo"), index.search_wild("fobx"), index.keys());
            }
        }
    }
}
