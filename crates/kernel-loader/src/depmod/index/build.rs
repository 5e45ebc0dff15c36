//! Indexes for tests; those of other crates include this file.

use std::sync::Arc;

const MAGIC: u32 = 0xB007_F457;
const MAJOR_VERSION: u32 = 2;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;

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
