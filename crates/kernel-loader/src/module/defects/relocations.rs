//! Relocations that every architecture refuses or misses, and the tables that they fill in.

use std::collections::HashSet;

use super::{Defect, livepatch};
use crate::module::elf::{
    Elf, Relocation, SHF_ALLOC, SHN_ABS, SHN_COMMON, SHN_UNDEF, SHT_RELA, Section, Symbol,
};

const SHT_REL: u32 = 9;

/// Tables of addresses in which the loader finds what the file has there
/// (`find_module_sections`, `module_finalize` of x86). Those of return thunks and calls are not
/// among them: the kernel looks at the code before it changes it, and only warns.
const FOLLOWED: [&str; 17] = [
    "__ksymtab",
    "__ksymtab_gpl",
    "__param",
    "__jump_table",
    "__tracepoints_ptrs",
    "__trace_printk_fmt",
    "__dyndbg",
    "__verbose",
    "___srcu_struct_ptrs",
    "_ftrace_events",
    "_ftrace_eval_map",
    ".kunit_test_suites",
    ".init_array",
    ".ctors",
    ".static_call_sites",
    ".altinstructions",
    ".parainstructions",
];

pub(super) fn tables(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(Defect),
) {
    let is_rel = |section: &Section<'_>| {
        let changed = elf.sections.get(section.info as usize);
        section.kind == SHT_REL
            && !livepatch::applies(section)
            && changed.is_some_and(|changed| changed.flags & SHF_ALLOC != 0)
    };
    if elf.is_64() && elf.sections.iter().skip(1).any(is_rel) {
        add(Defect::RelRelocations);
    }
    let outside = applied.iter().find(|(_, changed, relocations)| {
        relocations.iter().any(|relocation| {
            relocation.kind != 0
                && (relocation.symbol as usize >= symbols.len()
                    || relocation.offset >= changed.size)
        })
    });
    if let Some((table, ..)) = outside {
        let section = table.name.into();
        add(Defect::RelocationOutside { section });
    }
    let filled: HashSet<usize> = applied
        .iter()
        .map(|(table, ..)| table.info as usize)
        .collect();
    for (index, section) in elf.loaded_sections() {
        if section.size > 0 && FOLLOWED.contains(&section.name) && !filled.contains(&index) {
            let section = section.name.into();
            add(Defect::TableContent { section });
        }
    }
}

/// A section of relocations that the loader applies, the section it changes, and its relocations.
pub(crate) type Applied<'e, 'a> = (&'e Section<'a>, &'e Section<'a>, Vec<Relocation>);

/// Relocations that the loader applies: those of sections that are loaded
/// (`apply_relocations`), which the first `.modinfo` and `__versions` never are
/// (`rewrite_section_headers`).
pub(super) fn applied<'e, 'a>(elf: &'e Elf<'a>) -> Vec<Applied<'e, 'a>> {
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    let tables = elf.sections.iter().skip(1).filter_map(|section| {
        let index = section.info as usize;
        let changed = elf.sections.get(index)?;
        (section.kind == SHT_RELA && loaded.contains(&index) && !livepatch::applies(section))
            .then(|| (section, changed, elf.relocations(section)))
    });
    tables.collect()
}

/// The first relocation that the architecture's loader has no case for, or that never fits.
pub(crate) fn first_refused(
    applied: &[Applied<'_, '_>],
    is_known: impl Fn(u32) -> bool,
    overflows: impl Fn(&Section<'_>, &Relocation) -> bool,
) -> Option<Defect> {
    applied.iter().find_map(|(_, changed, relocations)| {
        relocations.iter().find_map(|relocation| {
            let kind = relocation.kind;
            if !is_known(kind) {
                return Some(Defect::RelocationUnknown { kind });
            }
            overflows(changed, relocation).then(|| Defect::RelocationOverflow {
                kind,
                section: changed.name.into(),
            })
        })
    })
}

/// Further than any field of a structure is from its start.
const FAR: u64 = 1 << 30;

/// Where a relocation leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// Into the module's own memory.
    Own,
    /// To what the kernel or another module exports.
    Exported,
}

/// Which symbols have addresses, and not numbers, offsets or nothing.
pub(crate) struct Addresses<'e, 'a> {
    symbols: &'e [Symbol<'a>],
    loaded: HashSet<usize>,
    per_cpu: Option<usize>,
}

impl<'e, 'a> Addresses<'e, 'a> {
    pub(crate) fn of(elf: &Elf<'_>, symbols: &'e [Symbol<'a>]) -> Self {
        let mut loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
        let per_cpu = elf.find(".data..percpu").map(|(index, _)| index);
        if let Some(index) = per_cpu {
            loaded.remove(&index);
        }
        Self {
            symbols,
            loaded,
            per_cpu,
        }
    }

    /// Whether a relocation leads into a section that is not loaded, whose symbols are in the copy of
    /// the file.
    pub(crate) fn in_copy(&self, relocation: &Relocation) -> bool {
        let symbol = self.symbols.get(relocation.symbol as usize);
        symbol.is_some_and(|symbol| {
            let section = usize::from(symbol.section);
            relocation.addend.unsigned_abs() < FAR
                && !matches!(symbol.section, SHN_UNDEF | SHN_ABS | SHN_COMMON)
                && !self.loaded.contains(&section)
                && self.per_cpu != Some(section)
        })
    }

    /// Which of the module's sections a relocation leads into, and how far from its start.
    pub(crate) fn place(&self, relocation: &Relocation) -> Option<(usize, u64)> {
        let symbol = self.symbols.get(relocation.symbol as usize)?;
        let section = usize::from(symbol.section);
        let offset = symbol.value.wrapping_add_signed(relocation.addend);
        let is_own = self.target(relocation) == Some(Address::Own);
        is_own.then_some((section, offset))
    }

    /// Where a relocation leads for certain.
    pub(crate) fn target(&self, relocation: &Relocation) -> Option<Address> {
        let symbol = self.symbols.get(relocation.symbol as usize)?;
        if relocation.addend.unsigned_abs() >= FAR {
            return None;
        }
        match symbol.section {
            SHN_UNDEF => (!symbol.weak && relocation.symbol != 0).then_some(Address::Exported),
            SHN_ABS | SHN_COMMON => None,
            section => self
                .loaded
                .contains(&usize::from(section))
                .then_some(Address::Own),
        }
    }
}
