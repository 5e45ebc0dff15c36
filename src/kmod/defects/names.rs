//! Names that lie outside of their tables.

use super::{
    BEYOND_MEMORY, CODE_NAME_FAR, CODE_NAME_OUTSIDE, DATA_NAME_FAR, DATA_NAME_OUTSIDE,
    NAME_OUTSIDE, NAME_TABLES, SECTION_NAMES, SYMBOL_NAME_FAR, SYMBOL_NAMES,
};
use crate::kmod::elf::{
    Elf, SHF_ALLOC, SHF_EXECINSTR, SHN_UNDEF, SHT_NULL, SHT_STRTAB, Section, Symbol,
};

const PAGE: u64 = 4096;
/// Further than this behind the copy of a file, and at all behind a copy as large, for which the
/// holes between small areas have no room, nothing else is mapped in most kernels.
const FAR: u64 = 64 << 10;

pub(super) fn section_names(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    for table in [elf.shstrtab, elf.sections[elf.symtab].link as usize] {
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
pub(super) fn far_names(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(&str, String)) {
    let end = elf.len().next_multiple_of(PAGE);
    let is_outside = |at: u64| at >= end;
    // One page without memory follows the copy of the file, then whatever came next.
    let unmapped = |at: u64| (end..end + PAGE).contains(&at) || at >= end + FAR || elf.len() >= FAR;
    let names = elf.sections[elf.shstrtab].offset;
    for (index, section) in elf.sections.iter().enumerate() {
        let at = names + u64::from(section.name_at);
        if is_outside(at) {
            add(
                if unmapped(at) {
                    BEYOND_MEMORY
                } else {
                    NAME_OUTSIDE
                },
                format!("the name of section {index} lies outside of the file"),
            );
        }
    }
    let names = elf.symbol_names_offset();
    for (index, symbol) in symbols.iter().enumerate() {
        let at = names + symbol.name_at;
        let section = elf.sections.get(usize::from(symbol.section));
        let (far, near) = match section {
            // `layout_symtab` takes the first one along whatever it is.
            _ if index == 0 => (CODE_NAME_FAR, CODE_NAME_OUTSIDE),
            _ if symbol.section == SHN_UNDEF => (BEYOND_MEMORY, NAME_OUTSIDE),
            Some(section) if !stays(section) => (SYMBOL_NAME_FAR, ""),
            Some(section) if section.flags & SHF_EXECINSTR != 0 => {
                (CODE_NAME_FAR, CODE_NAME_OUTSIDE)
            }
            Some(_) => (DATA_NAME_FAR, DATA_NAME_OUTSIDE),
            None => (SYMBOL_NAME_FAR, ""),
        };
        let rule = if unmapped(at) { far } else { near };
        if is_outside(at) && !rule.is_empty() {
            add(
                rule,
                format!("the name of symbol {index} lies outside of the string table"),
            );
        }
    }
}

/// What is not freed after the module's init function ran (`is_core_symbol`,
/// `module_init_section`).
fn stays(section: &Section<'_>) -> bool {
    section.flags & SHF_ALLOC != 0 && !section.name.starts_with(".init")
}
