//! depmod's binary indexes, `modules.*.bin` (kmod, `libkmod/libkmod-index.c`): a trie from
//! keys to values, each with a priority.

use std::fmt;
use std::sync::Arc;

use crate::depmod::effort::{Effort, TooMuch};
use crate::depmod::pattern::matches;

/// `INDEX_MAGIC`, big-endian at the start of an index.
pub const MAGIC: u32 = 0xB007_F457;
const MAJOR_VERSION: u32 = 2;

const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
const OFFSET: u32 = 0x0FFF_FFFF;

/// The most bytes of all keys that are listed.
const MOST_KEYS: usize = 16 << 20;
/// The most values of one key, and of all keys that match a word: a kernel has a thousand
/// times fewer.
pub const MOST_VALUES: usize = 1 << 16;
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

/// A text in the index is cut by the file's end, behind which kmod reads on for ever
/// (`buf_freadchars`, which takes the end for a letter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Endless;

/// Why a search has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchFault {
    /// kmod would never come to one: a text is cut by the file's end.
    Endless,
    /// It takes more work than an answer may.
    TooMuch,
}

impl From<Endless> for SearchFault {
    fn from(_: Endless) -> Self {
        Self::Endless
    }
}

impl From<TooMuch> for SearchFault {
    fn from(_: TooMuch) -> Self {
        Self::TooMuch
    }
}

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
    ///
    /// # Errors
    /// kmod would never come to an answer, or it takes too much work.
    pub fn search(&self, key: &str, effort: &Effort) -> Result<Option<String>, SearchFault> {
        let mut rest = key.as_bytes();
        let mut next = self.node(self.root)?;
        while let Some(node) = next {
            effort.spend(node.size)?;
            let Some(behind) = rest.strip_prefix(node.prefix) else {
                break;
            };
            let Some((letter, after)) = behind.split_first() else {
                return Ok(node.values.first().map(|(_, value)| text(value)));
            };
            next = self.child(&node, *letter)?;
            rest = after;
        }
        Ok(None)
    }

    /// The values of every key that matches as a shell pattern, lowest priority number
    /// first (`index_searchwild`).
    ///
    /// # Errors
    /// kmod would never come to an answer, or it takes too much work.
    pub fn search_wild(&self, word: &str, effort: &Effort) -> Result<Vec<String>, SearchFault> {
        let mut found: Vec<(u32, String)> = Vec::new();
        self.walk(
            effort,
            |key| {
                let plain = key
                    .iter()
                    .position(|c| matches!(c, b'*' | b'?' | b'[' | b'\\'))
                    .unwrap_or(key.len());
                word.as_bytes().starts_with(&key[..plain])
            },
            |key, values| {
                let key = text(key);
                effort.spend_match(&key, word)?;
                if matches(&key, word) {
                    if found.len() + values.len() > MOST_VALUES {
                        return Err(TooMuch);
                    }
                    let values = values.iter();
                    found.extend(values.map(|(priority, value)| (*priority, text(value))));
                }
                Ok(())
            },
        )?;
        // `index_value_add`: of equal priorities the one that was found last comes first.
        found.reverse();
        found.sort_by_key(|(priority, _)| *priority);
        Ok(found.into_iter().map(|(_, value)| value).collect())
    }

    /// Every key, in the trie's order, up to where a text is cut or the work is too much.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let mut left = MOST_KEYS;
        let _ = self.walk(
            &Effort::default(),
            |_| true,
            |key, _| {
                left = left.saturating_sub(key.len());
                if left > 0 {
                    keys.push(text(key));
                }
                Ok(())
            },
        );
        keys
    }

    /// Looks at the values of every key whose beginnings are all wanted.
    fn walk(
        &self,
        effort: &Effort,
        wanted: impl Fn(&[u8]) -> bool,
        mut see: impl FnMut(&[u8], &[(u32, &[u8])]) -> Result<(), TooMuch>,
    ) -> Result<(), SearchFault> {
        // Nodes whose keys begin with so many bytes of `key`, and then this letter.
        let mut todo: Vec<(u32, usize, Option<u8>)> = vec![(self.root, 0, None)];
        let mut key = Vec::new();
        // No two nodes of a trie share bytes: a walk over more than the file loops.
        let mut left = self.bytes.len();
        while let Some((offset, shared, letter)) = todo.pop() {
            key.truncate(shared);
            key.extend(letter);
            effort.spend(key.len())?;
            if !wanted(&key) {
                continue;
            }
            let Some(node) = self.node(offset)? else {
                continue;
            };
            effort.spend(node.size)?;
            key.extend_from_slice(node.prefix);
            let Some(rest) = left
                .checked_sub(node.size)
                .filter(|_| key.len() <= LONGEST_KEY)
            else {
                break;
            };
            left = rest;
            if !wanted(&key) {
                continue;
            }
            if !node.values.is_empty() {
                see(&key, &node.values)?;
            }
            for (at, child) in node.children.chunks_exact(4).enumerate().rev() {
                let offset = u32::from_be_bytes([child[0], child[1], child[2], child[3]]);
                if offset & OFFSET != 0 {
                    let letter = node.first.wrapping_add(at as u8);
                    todo.push((offset, key.len(), Some(letter)));
                }
            }
        }
        Ok(())
    }

    fn child<'a>(&'a self, node: &Node<'a>, letter: u8) -> Result<Option<Node<'a>>, SearchFault> {
        let at = letter.checked_sub(node.first).map(|at| usize::from(at) * 4);
        match at.and_then(|at| number(node.children, at)) {
            Some(offset) => self.node(offset),
            None => Ok(None),
        }
    }

    /// `index_read`; `None` where its numbers are cut.
    fn node(&self, offset: u32) -> Result<Option<Node<'_>>, SearchFault> {
        let at = (offset & OFFSET) as usize;
        match self.bytes.get(at..).filter(|_| at != 0) {
            Some(rest) => node_at(rest, offset),
            None => Ok(None),
        }
    }
}

fn node_at(bytes: &[u8], offset: u32) -> Result<Option<Node<'_>>, SearchFault> {
    let mut rest = bytes;
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
        let Some((first, children, behind)) = children(rest) else {
            return Ok(None);
        };
        node.first = first;
        (node.children, rest) = (children, behind);
    }
    if offset & HAS_VALUES != 0 {
        let Some((count, behind)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        rest = behind;
        for _ in 0..u32::from_be_bytes(*count) {
            if node.values.len() == MOST_VALUES {
                return Err(SearchFault::TooMuch);
            }
            let (priority, behind) = rest.split_first_chunk().ok_or(Endless)?;
            let value;
            (value, rest) = until_nul(behind)?;
            node.values.push((u32::from_be_bytes(*priority), value));
        }
    }
    node.size = bytes.len() - rest.len();
    Ok(Some(node))
}

/// The first letter of the children, their offsets, and what follows.
fn children(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([first, last], rest) = bytes.split_first_chunk()?;
    let count = usize::from(last.checked_sub(*first)?) + 1;
    let (children, rest) = rest.split_at_checked(count * 4)?;
    Some((*first, children, rest))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn until_nul(bytes: &[u8]) -> Result<(&[u8], &[u8]), Endless> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or(Endless)?;
    Ok((&bytes[..end], &bytes[end + 1..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod build;
#[cfg(test)]
mod tests;
