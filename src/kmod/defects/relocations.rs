//! Relocations that the loader refuses, or that it applies to the wrong place.

use std::collections::HashSet;

use super::memory::{FAR, Mapped, Tables};
use super::{
    BEYOND_MEMORY, EM_X86_64, NOT_RELOCATED, REL_RELOCATIONS, RELOCATION_OUTSIDE,
    RELOCATION_OVERFLOW, SYMBOLS_RELOCATED, THIS_MODULE, x86,
};
use crate::kmod::elf::{Elf, Relocation, SHF_ALLOC, SHT_RELA, Section, Symbol};

const SHT_REL: u32 = 9;

pub(super) fn relocation_tables(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    tables: &Tables,
    add: &mut impl FnMut(&str, String),
) {
    let relocated: HashSet<&str> = applied.iter().map(|(_, changed, _)| changed.name).collect();
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
        if let Some((_, meant)) = meant
            && section.kind == SHT_RELA
            && section.size > 0
            // Empty names export nothing, and hurt nobody.
            && !meant.name.starts_with("__ksymtab")
            // Nor does the name of a section for debuggers that another one bears.
            && !meant.name.starts_with(".debug")
            // Of two sections of a name, the compiler meant one.
            && !relocated.contains(meant.name)
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
            Some(address) if elf.machine == EM_X86_64 && !x86::fits(relocation.kind, address) => {
                RELOCATION_OVERFLOW
            }
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
