//! What a module exports, as the kernel's look-ups find it.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::kernel::symvers::KernelSymbol;
use crate::module::{ElfFacts, ExportedSymbol};

/// An exported symbol, as a lookup finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its CRC, where there are any.
    pub crc: Option<u32>,
    /// `EXPORT_SYMBOL_GPL`.
    pub gpl: bool,
    /// Its namespace.
    pub namespace: Option<Box<str>>,
}

impl From<KernelSymbol<'_>> for Export {
    fn from(symbol: KernelSymbol<'_>) -> Self {
        Self {
            crc: symbol.crc,
            gpl: symbol.gpl,
            namespace: symbol.namespace.map(Into::into),
        }
    }
}

impl From<&ExportedSymbol> for Export {
    fn from(symbol: &ExportedSymbol) -> Self {
        Self {
            crc: symbol.crc,
            gpl: symbol.gpl,
            namespace: symbol.namespace.clone(),
        }
    }
}

/// The exports of a module that a look-up finds, by name: the first of the two tables that has
/// one (`find_symbol`). A table that is not sorted hides some of its own.
pub fn found(elf: &ElfFacts) -> HashMap<Box<str>, Export> {
    let (gpl, plain): (Vec<_>, Vec<_>) = elf.exports.iter().partition(|export| export.gpl);
    let mut found = HashMap::new();
    for table in [plain, gpl] {
        for wanted in &table {
            if let Some(export) = search(&table, &wanted.name) {
                found
                    .entry(export.name.clone())
                    .or_insert_with(|| Export::from(export));
            }
        }
    }
    found
}

/// `find_exported_symbol_in_section`, whose `bsearch` takes the table for sorted.
fn search<'e>(table: &[&'e ExportedSymbol], name: &str) -> Option<&'e ExportedSymbol> {
    let (mut base, mut count) = (0, table.len());
    while count > 0 {
        let pivot = base + count / 2;
        match name.cmp(&table[pivot].name) {
            Ordering::Equal => return Some(table[pivot]),
            Ordering::Greater => {
                base = pivot + 1;
                count -= 1;
            }
            Ordering::Less => {}
        }
        count /= 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(names: &[(&str, bool)]) -> ElfFacts {
        let export = |(name, gpl): &(&str, bool)| ExportedSymbol {
            name: (*name).into(),
            crc: None,
            gpl: *gpl,
            namespace: None,
        };
        ElfFacts {
            exports: names.iter().map(export).collect(),
            ..ElfFacts::default()
        }
    }

    #[test]
    fn a_sorted_table_hides_nothing_and_another_one_what_the_search_passes_by() {
        for (names, hidden) in [
            (&["a", "b", "c", "d", "e"][..], &[][..]),
            (&["only"], &[]),
            (&["kmm_gpl", "init"], &["kmm_gpl"]),
            (&["c", "a", "b"], &["c"]),
        ] {
            let table: Vec<(&str, bool)> = names.iter().map(|name| (*name, true)).collect();
            let found = found(&module(&table));
            for name in names {
                let is_hidden = hidden.contains(name);
                assert_eq!(found.contains_key(*name), !is_hidden, "{name} of {names:?}");
            }
        }
        let both = found(&module(&[("twice", false), ("twice", true)]));
        assert!(!both["twice"].gpl);
    }
}
