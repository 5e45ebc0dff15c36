//! Relocations that the loader refuses, or that it applies to the wrong place.

use std::collections::HashSet;

use super::memory::{FAR, Mapped, Tables};
use super::{
    BEYOND_MEMORY, CODE_NOT_LOADED, EM_X86_64, NOT_LOADED, NOT_RELOCATED, REL_RELOCATIONS,
    RELOCATION_OUTSIDE, RELOCATION_OVERFLOW, RELOCATION_TARGET, RELOCATION_UNKNOWN,
    SYMBOLS_RELOCATED, THIS_MODULE,
};
use crate::kmod::elf::{
    Elf, Relocation, SHF_ALLOC, SHN_ABS, SHN_COMMON, SHN_UNDEF, SHT_RELA, Section, Symbol,
};

const SHT_REL: u32 = 9;
/// The module's exit function (`module_exit`), which `delete_module` calls.
const EXIT: &str = "cleanup_module";

pub(super) fn relocation_tables(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    tables: &Tables,
    add: &mut impl FnMut(&str, String),
) {
    let relocated: HashSet<u32> = applied.iter().map(|(table, ..)| table.info).collect();
    for section in elf.sections.iter().skip(1) {
        let changed = elf.sections.get(section.info as usize);
        if section.kind == SHT_REL
            && elf.is_64()
            && changed.is_some_and(|changed| changed.flags & SHF_ALLOC != 0)
        {
            add(REL_RELOCATIONS, "REL relocation unsupported".into());
        }
        let named = section.name.strip_prefix(".rela");
        let meant = named.and_then(|name| elf.find(name));
        if let Some((index, meant)) = meant
            && section.kind == SHT_RELA
            && section.size > 0
            // Empty names export nothing, and hurt nobody.
            && !meant.name.starts_with("__ksymtab")
            // Nor does the name of a section for debuggers that another one bears.
            && !meant.name.starts_with(".debug")
            && u32::try_from(index).is_ok_and(|index| !relocated.contains(&index))
        {
            add(
                NOT_RELOCATED,
                format!("the relocations of {} are not applied to it", meant.name),
            );
        }
    }
    let symtab = elf.symbol_tables().map(|(index, _)| index);
    let over_symbols = elf.sections.iter().skip(1).any(|section| {
        section.kind == SHT_RELA && section.size > 0 && symtab.contains(&(section.info as usize))
    });
    if over_symbols {
        add(
            SYMBOLS_RELOCATED,
            "relocations are applied to the table of symbols".into(),
        );
    }
    let mut is_told = false;
    for (section, changed, relocations) in applied {
        for relocation in relocations.iter().filter(|relocation| relocation.kind != 0) {
            let Some((rule, what)) =
                out_of_bounds(elf, symbols, tables, changed, relocations, relocation)
            else {
                continue;
            };
            if rule != RELOCATION_OUTSIDE {
                add(rule, format!("a relocation in {} {what}", section.name));
                return;
            }
            if !std::mem::replace(&mut is_told, true) {
                add(rule, format!("a relocation in {} {what}", section.name));
            }
        }
    }
}

/// A relocation that leads out of its tables: the rule, and where to.
fn out_of_bounds(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    tables: &Tables,
    changed: &Section<'_>,
    all: &[Relocation],
    relocation: &Relocation,
) -> Option<(&'static str, String)> {
    let symbol = u64::from(relocation.symbol);
    if relocation.symbol as usize >= symbols.len() {
        let mapped = tables.symbol(symbol.saturating_mul(elf.symbol_size()));
        let address = symbol_behind(elf, symbol)
            .filter(|_| mapped == Mapped::Yes)
            .map(|value| value.wrapping_add_signed(relocation.addend));
        let rule = match address {
            _ if mapped == Mapped::No => BEYOND_MEMORY,
            Some(address)
                if address != 0
                    && changed.name == THIS_MODULE
                    && is_first_of_two(all, relocation) =>
            {
                BEYOND_MEMORY
            }
            Some(address) if !fits(elf.machine, relocation.kind, address) => RELOCATION_OVERFLOW,
            _ => RELOCATION_OUTSIDE,
        };
        let what = format!("names symbol {symbol} of {}", symbols.len());
        return Some((rule, what));
    }
    let behind = relocation.offset.checked_sub(changed.size)?;
    let what = format!("changes byte {} of {}", relocation.offset, changed.size);
    (behind > FAR).then_some((BEYOND_MEMORY, what))
}

/// In `struct module`, the init function comes before the exit function, which nobody calls when
/// the module is loaded.
fn is_first_of_two(all: &[Relocation], relocation: &Relocation) -> bool {
    all.len() > 1 && all.iter().all(|other| other.offset >= relocation.offset)
}

/// Whether an address has room in what an x86-64 relocation changes: `R_X86_64_32`,
/// `R_X86_64_32S`.
fn fits(machine: u16, kind: u32, address: u64) -> bool {
    match (machine, kind) {
        (EM_X86_64, 10) => u32::try_from(address).is_ok(),
        (EM_X86_64, 11) => i32::try_from(address as i64).is_ok(),
        _ => true,
    }
}

/// The value of a symbol behind the table, where the names of the symbols come next.
fn symbol_behind(elf: &Elf<'_>, symbol: u64) -> Option<u64> {
    let table = elf.content(&elf.sections[elf.symtab]);
    let at = usize::try_from(symbol.checked_mul(24)?.checked_add(8)?).ok()?;
    let value: Vec<u8> = table
        .iter()
        .chain(elf.symbol_names())
        .skip(at)
        .take(8)
        .copied()
        .collect();
    elf.native(&value, 0).filter(|_| elf.is_64())
}

/// A section of relocations that the loader applies, the section it changes, and its relocations.
pub(crate) type Applied<'e, 'a> = (&'e Section<'a>, &'e Section<'a>, Vec<Relocation>);

/// Relocations that the loader applies: those of sections that are loaded
/// (`apply_relocations`), which the first `.modinfo` and `__versions` never are
/// (`rewrite_section_headers`).
pub(crate) fn applied_relocations<'e, 'a>(elf: &'e Elf<'a>) -> Vec<Applied<'e, 'a>> {
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    let tables = elf.sections.iter().skip(1).filter_map(|section| {
        let index = section.info as usize;
        let changed = elf.sections.get(index)?;
        (section.kind == SHT_RELA && loaded.contains(&index))
            .then(|| (section, changed, elf.relocations(section)))
    });
    tables.collect()
}

/// `apply_relocate_add` of x86-64 (`arch/x86/kernel/module.c`).
pub(super) fn x86_relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(&str, String),
) {
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    for (_, changed, relocations) in applied {
        let content = elf.content(changed);
        for relocation in relocations {
            let kind = relocation.kind;
            let width = match kind {
                0 => continue,
                1 | 24 => 8,
                2 | 4 | 10 | 11 => 4,
                _ => {
                    add(
                        RELOCATION_UNKNOWN,
                        format!("Unknown rela relocation: {kind}"),
                    );
                    return;
                }
            };
            let value = if width == 8 {
                elf.native(content, relocation.offset)
            } else {
                elf.word(content, relocation.offset).map(u64::from)
            };
            // Beyond the content lies memory that the loader zeroed, or somebody else's.
            if value.unwrap_or(0) != 0 {
                add(
                    RELOCATION_TARGET,
                    format!(
                        "Skipping invalid relocation target, existing value is nonzero for type {kind} in section {}",
                        changed.name
                    ),
                );
                return;
            }
            let symbol = symbols.get(relocation.symbol as usize);
            let target = symbol
                .filter(|symbol| !matches!(symbol.section, SHN_UNDEF | SHN_ABS | SHN_COMMON))
                .and_then(|symbol| elf.sections.get(usize::from(symbol.section)));
            let in_a_copy = symbol.is_some_and(|symbol| {
                target.is_some() && !loaded.contains(&usize::from(symbol.section))
            });
            // Module memory is in the upper half, whose addresses no unsigned 32-bit value
            // holds; the copy of the file is in the middle of it, where no signed one leads.
            if kind == 10 && target.is_some() || kind == 11 && in_a_copy {
                add(
                    RELOCATION_OVERFLOW,
                    format!(
                        "overflow in relocation type {kind} in section {}: likely not compiled with -mcmodel=kernel",
                        changed.name
                    ),
                );
                return;
            }
            let rule = match (kind, changed.name) {
                (1, THIS_MODULE) if symbol.is_some_and(|symbol| symbol.name == EXIT) => continue,
                (1, THIS_MODULE) => NOT_LOADED,
                // Relative addresses of names that the next look-up reads.
                (2, name) if name.starts_with("__ksymtab") => NOT_LOADED,
                // The lower half of an address leads anywhere near the kernel.
                (2 | 4, name) if name.starts_with(".text") || name == ".init.text" => {
                    CODE_NOT_LOADED
                }
                _ => continue,
            };
            if let Some(target) = target.filter(|_| in_a_copy) {
                add(
                    rule,
                    format!(
                        "{} points into section {}, which is not loaded",
                        changed.name, target.name
                    ),
                );
                return;
            }
        }
    }
}
