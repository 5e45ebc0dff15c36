//! Symbols that a module exports: `__ksymtab*` and `__kcrctab*`.

use std::collections::HashMap;

use crate::module::elf::{
    Elf, Relocation, SHN_ABS, SHN_LORESERVE, SHT_NOBITS, SHT_RELA, Section, Symbol, bytes_at,
};
use crate::module::{ElfFault, ExportedSymbol};

/// The table of flags of exports, which has a byte for each in `__ksymtab` (Linux 7.1).
pub(crate) const FLAGS: &str = "__kflagstab";

/// The exports of a module, those of `__ksymtab` first (`find_module_sections`).
///
/// # Errors
/// Their names are more than any module has.
pub(crate) fn of(elf: &Elf<'_>, symbols: &[Symbol<'_>]) -> Result<Vec<ExportedSymbol>, ElfFault> {
    /// `KSYM_FLAG_GPL_ONLY`
    const GPL_ONLY: u8 = 1;
    let flags = elf.find(FLAGS).map(|(_, section)| elf.content(section));
    let mut exports = Vec::new();
    for (table, crcs, gpl) in [
        ("__ksymtab", "__kcrctab", false),
        ("__ksymtab_gpl", "__kcrctab_gpl", true),
    ] {
        if let Some((index, section)) = elf.find(table) {
            let flags = flags.filter(|_| !gpl);
            let crcs = CrcTable::find(elf, symbols, crcs);
            for entry in entries(elf, symbols, index, section) {
                let namespace = entry.namespace.unwrap_or_default();
                elf.pay(entry.name)?;
                elf.pay(namespace)?;
                let flags = flags.and_then(|flags| flags.get(entry.position as usize));
                exports.push(ExportedSymbol {
                    name: String::from_utf8_lossy(entry.name).into(),
                    crc: crcs.as_ref().and_then(|crcs| crcs.at(entry.position)),
                    gpl: gpl || flags.is_some_and(|flags| flags & GPL_ONLY != 0),
                    // `.modinfo`, which it is compared with, is read the same way.
                    namespace: (!namespace.is_empty())
                        .then(|| String::from_utf8_lossy(namespace).into()),
                });
            }
        }
    }
    Ok(exports)
}

/// How `struct kernel_symbol` is laid out.
struct Layout {
    /// Size of an entry in bytes.
    entry: u64,
    /// Offset of the field that points to the name.
    name: u64,
    /// Offset of the field that points to the namespace, where there is one.
    namespace: Option<u64>,
}

impl Layout {
    /// Tells relative (`CONFIG_HAVE_ARCH_PREL32_RELOCATIONS`) from absolute entries, and
    /// those with a namespace (Linux 5.4) from older ones, by where relocations stand.
    fn of(elf: &Elf<'_>, size: u64, by_offset: &HashMap<u64, Relocation>) -> Option<Self> {
        let widths: &[u64] = if elf.is_64() { &[4, 8] } else { &[4] };
        for width in widths {
            for fields in [3, 2] {
                let entry = width * fields;
                let fits = size.is_multiple_of(entry)
                    && (0..size / entry).all(|index| {
                        by_offset.contains_key(&(index * entry))
                            && by_offset.contains_key(&(index * entry + width))
                    });
                if fits {
                    return Some(Self {
                        entry,
                        name: *width,
                        namespace: (fields == 3).then_some(2 * width),
                    });
                }
            }
        }
        None
    }
}

/// One entry of a table: its place there, and the texts that it points to.
struct Entry<'a> {
    position: u64,
    name: &'a [u8],
    namespace: Option<&'a [u8]>,
}

fn entries<'a>(
    elf: &Elf<'a>,
    symbols: &[Symbol<'a>],
    index: usize,
    section: &Section<'_>,
) -> Vec<Entry<'a>> {
    let by_offset = relocations_of(elf, index);
    let Some(layout) = Layout::of(elf, section.size, &by_offset) else {
        return Vec::new();
    };
    let text = |at: u64| {
        let relocation = by_offset.get(&at)?;
        let (content, at) = target(elf, symbols, relocation)?;
        bytes_at(content, at)
    };
    (0..section.size / layout.entry)
        .filter_map(|position| {
            let start = position * layout.entry;
            Some(Entry {
                position,
                name: text(start + layout.name)?,
                namespace: layout.namespace.and_then(|field| text(start + field)),
            })
        })
        .collect()
}

/// Relocations of a section by the offset that they change.
pub(crate) fn relocations_of(elf: &Elf<'_>, index: usize) -> HashMap<u64, Relocation> {
    elf.sections
        .iter()
        .filter(|section| section.kind == SHT_RELA && section.info as usize == index)
        .flat_map(|section| elf.relocations(section))
        .map(|relocation| (relocation.offset, relocation))
        .collect()
}

/// The section content and the offset in it that a relocation points to.
pub(crate) fn target<'a>(
    elf: &Elf<'a>,
    symbols: &[Symbol<'a>],
    relocation: &Relocation,
) -> Option<(&'a [u8], u64)> {
    let symbol = symbols.get(relocation.symbol as usize)?;
    if symbol.section == 0 || symbol.section >= SHN_LORESERVE {
        return None;
    }
    let section = elf.sections.get(usize::from(symbol.section))?;
    let at = symbol.value.wrapping_add_signed(relocation.addend);
    Some((elf.content(section), at))
}

/// CRCs by position: values, or relocations to `__crc_*` symbols (before Linux 5.19).
struct CrcTable<'a, 'e> {
    elf: &'e Elf<'a>,
    symbols: &'e [Symbol<'a>],
    content: &'a [u8],
    /// Bytes that are zero because the file has none for them.
    zeros: u64,
    by_offset: HashMap<u64, Relocation>,
}

impl<'a, 'e> CrcTable<'a, 'e> {
    fn find(elf: &'e Elf<'a>, symbols: &'e [Symbol<'a>], name: &str) -> Option<Self> {
        let (index, section) = elf.find(name)?;
        Some(Self {
            elf,
            symbols,
            content: elf.content(section),
            zeros: if section.kind == SHT_NOBITS {
                section.size
            } else {
                0
            },
            by_offset: relocations_of(elf, index),
        })
    }

    fn at(&self, position: u64) -> Option<u32> {
        let offset = position * 4;
        let Some(relocation) = self.by_offset.get(&offset) else {
            let is_zero = offset + 4 <= self.zeros;
            let crc = || self.elf.word(self.content, offset);
            return is_zero.then_some(0).or_else(crc);
        };
        let symbol = self.symbols.get(relocation.symbol as usize)?;
        if symbol.section == SHN_ABS {
            return Some(symbol.value.wrapping_add_signed(relocation.addend) as u32);
        }
        let (content, at) = target(self.elf, self.symbols, relocation)?;
        self.elf.word(content, at)
    }
}
