//! Relocations of x86-64 (`arch/x86/kernel/module.c`), which are applied to zeros only.

use std::collections::{HashMap, HashSet};

use crate::module::defects::relocations::Applied;
use crate::module::defects::{Defect, EXIT, THIS_MODULE};
use crate::module::elf::{Elf, Relocation, SHN_ABS, SHN_COMMON, SHN_UNDEF, Section, Symbol};

const R_X86_64_NONE: u32 = 0;
const R_X86_64_64: u32 = 1;
const R_X86_64_PC32: u32 = 2;
const R_X86_64_PLT32: u32 = 4;
const R_X86_64_32: u32 = 10;
const R_X86_64_32S: u32 = 11;
const R_X86_64_PC64: u32 = 24;

/// How many bytes a relocation changes; `None` for one that changes none, or is unknown.
fn width(kind: u32) -> Option<u64> {
    match kind {
        R_X86_64_64 | R_X86_64_PC64 => Some(8),
        R_X86_64_PC32 | R_X86_64_PLT32 | R_X86_64_32 | R_X86_64_32S => Some(4),
        _ => None,
    }
}

/// `apply_relocate_add`.
pub(crate) fn relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
) -> Option<Defect> {
    first(elf, symbols, applied).or_else(|| written_twice(symbols, applied))
}

/// The first relocation that is refused, or leads out of the module's memory.
fn first(elf: &Elf<'_>, symbols: &[Symbol<'_>], applied: &[Applied<'_, '_>]) -> Option<Defect> {
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    for (_, changed, relocations) in applied {
        for relocation in relocations {
            let kind = relocation.kind;
            let section = || changed.name.into();
            let width = match width(kind) {
                None if kind == R_X86_64_NONE => continue,
                None => return Some(Defect::RelocationUnknown { kind }),
                Some(width) => width,
            };
            if !is_zero(elf.content(changed), relocation.offset, width) {
                let section = section();
                return Some(Defect::RelocationTarget { kind, section });
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
            if kind == R_X86_64_32 && target.is_some() || kind == R_X86_64_32S && in_a_copy {
                let section = section();
                return Some(Defect::RelocationOverflow { kind, section });
            }
            let Some(target) = target.filter(|_| in_a_copy) else {
                continue;
            };
            let (from, to) = (section(), target.name.into());
            match (kind, changed.name) {
                (R_X86_64_64, THIS_MODULE) if symbol.is_some_and(|it| it.name == EXIT) => {}
                (R_X86_64_64, THIS_MODULE) => return Some(Defect::NotLoaded { from, to }),
                // Relative addresses of names that the next look-up reads.
                (R_X86_64_PC32, name) if name.starts_with("__ksymtab") => {
                    return Some(Defect::NotLoaded { from, to });
                }
                // The lower half of an address leads anywhere near the kernel.
                (R_X86_64_PC32 | R_X86_64_PLT32, name)
                    if name.starts_with(".text") || name == ".init.text" =>
                {
                    return Some(Defect::CodeNotLoaded { from, to });
                }
                _ => {}
            }
        }
    }
    None
}

/// Whether a relocation finds zeros. What is not in the file is zero in memory.
fn is_zero(content: &[u8], offset: u64, width: u64) -> bool {
    let length = content.len() as u64;
    let range = offset.min(length) as usize..offset.saturating_add(width).min(length) as usize;
    content[range].iter().all(|byte| *byte == 0)
}

/// Bytes that two relocations change: the second one finds what the first one left.
fn written_twice(symbols: &[Symbol<'_>], applied: &[Applied<'_, '_>]) -> Option<Defect> {
    let mut tables: HashMap<u32, (&Section<'_>, Vec<&Relocation>)> = HashMap::new();
    for (table, changed, relocations) in applied {
        let (_, all) = tables
            .entry(table.info)
            .or_insert_with(|| (*changed, Vec::new()));
        all.extend(relocations.iter().filter(|it| width(it.kind).is_some()));
    }
    let mut tables: Vec<_> = tables.into_iter().collect();
    tables.sort_unstable_by_key(|(section, _)| *section);
    tables.into_iter().find_map(|(_, (changed, mut all))| {
        // Stable: of two at one place the first one is applied first.
        all.sort_by_key(|relocation| relocation.offset);
        all.windows(2).find_map(|pair| {
            let [first, second] = pair else { return None };
            let symbol = symbols.get(first.symbol as usize);
            let may_be_zero = first.kind == R_X86_64_64
                && symbol.is_none_or(|symbol| symbol.weak || symbol.section == SHN_ABS);
            (first.offset == second.offset && !may_be_zero).then(|| Defect::RelocationTarget {
                kind: second.kind,
                section: changed.name.into(),
            })
        })
    })
}
