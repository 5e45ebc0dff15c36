//! Names that lie outside of their tables.

use super::memory::{Mapped, Tables};
use super::{
    BEYOND_MEMORY, CODE_NAME_FAR, CODE_NAME_OUTSIDE, DATA_NAME_FAR, DATA_NAME_OUTSIDE,
    NAME_OUTSIDE, NAME_TABLES, SECTION_NAMES, SYMBOL_NAME_FAR, SYMBOL_NAME_OUTSIDE, SYMBOL_NAMES,
};
use crate::kmod::elf::{
    Elf, SHF_ALLOC, SHF_EXECINSTR, SHN_UNDEF, SHT_NULL, SHT_STRTAB, Section, Symbol,
};

pub(super) fn section_names(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let [_, (symbol_names, _)] = elf.symbol_tables();
    for table in [elf.shstrtab, symbol_names] {
        if let Some(section) = elf.sections.get(table)
            && section.kind != SHT_STRTAB
        {
            add(
                NAME_TABLES,
                format!("Invalid ELF section name table type: {}", section.kind),
            );
        }
    }
    let outside = elf
        .sections
        .iter()
        .position(|section| section.name_out_of_bounds && section.kind != SHT_NULL);
    if let Some(index) = outside {
        add(
            SECTION_NAMES,
            format!(
                "Invalid ELF section name in module (section {index} type {})",
                elf.sections[index].kind
            ),
        );
    }
}

pub(super) fn symbol_names(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    add: &mut impl FnMut(&str, String),
) {
    let names = elf.symbol_names();
    if names.first() != Some(&0) {
        add(
            SYMBOL_NAMES,
            "ELF Spec violation: symbol strtab doesn't start with NUL".into(),
        );
    } else if names.last() != Some(&0) {
        add(
            SYMBOL_NAMES,
            "ELF Spec violation: symbol strtab isn't NUL terminated".into(),
        );
    } else if symbols.iter().any(|symbol| symbol.name_out_of_bounds) {
        add(
            SYMBOL_NAMES,
            "symbol name out of bounds of the string table".into(),
        );
    }
}

/// Names that are read where no memory may be.
pub(super) fn far_names(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    tables: &Tables,
    add: &mut impl FnMut(&str, String),
) {
    let in_the_copy = |at: u64| Mapped::of(at, elf.len());
    let names = elf.sections[elf.shstrtab].offset;
    for (index, section) in elf.sections.iter().enumerate() {
        let rule = match in_the_copy(names + u64::from(section.name_at)) {
            Mapped::Yes => continue,
            Mapped::Unknown => NAME_OUTSIDE,
            Mapped::No => BEYOND_MEMORY,
        };
        add(
            rule,
            format!("the name of section {index} lies outside of the file"),
        );
    }
    let names = elf.symbol_names_offset();
    for (index, symbol) in symbols.iter().enumerate() {
        let in_the_copy = || in_the_copy(names + symbol.name_at);
        let loaded = || tables.name(symbol.name_at);
        let (mapped, far, outside) = match elf.sections.get(usize::from(symbol.section)) {
            // `simplify_symbols`; the first symbol is none of its.
            _ if index > 0 && symbol.section == SHN_UNDEF => {
                (in_the_copy(), BEYOND_MEMORY, NAME_OUTSIDE)
            }
            // `layout_symtab` takes the first one along whatever it is.
            Some(section) if index > 0 && (!stays(section) || symbol.name_at == 0) => {
                (loaded(), SYMBOL_NAME_FAR, SYMBOL_NAME_OUTSIDE)
            }
            None if index > 0 => (loaded(), SYMBOL_NAME_FAR, SYMBOL_NAME_OUTSIDE),
            Some(section) if index > 0 && section.flags & SHF_EXECINSTR == 0 => (
                in_the_copy().and(loaded()),
                DATA_NAME_FAR,
                DATA_NAME_OUTSIDE,
            ),
            _ => (
                in_the_copy().and(loaded()),
                CODE_NAME_FAR,
                CODE_NAME_OUTSIDE,
            ),
        };
        let rule = match mapped {
            Mapped::Yes => continue,
            Mapped::Unknown => outside,
            Mapped::No => far,
        };
        add(
            rule,
            format!("the name of symbol {index} lies outside of the string table"),
        );
    }
}

/// What is not freed after the module's init function ran (`is_core_symbol`,
/// `module_init_section`).
fn stays(section: &Section<'_>) -> bool {
    section.flags & SHF_ALLOC != 0 && !section.name.starts_with(".init")
}
