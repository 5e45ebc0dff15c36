//! Relocations of x86-64 (`arch/x86/kernel/module.c`), which are applied to zeros only.

use std::collections::HashSet;

use super::memory::{Memory, Owner, Spot};
use super::relocations::Applied;
use super::{
    CODE_NOT_LOADED, NOT_LOADED, RELOCATION_OUTSIDE, RELOCATION_OVERFLOW, RELOCATION_TARGET,
    RELOCATION_UNKNOWN, THIS_MODULE,
};
use crate::kmod::elf::{Elf, Relocation, SHN_ABS, SHN_COMMON, SHN_UNDEF, Section, Symbol};

/// `R_X86_64_NONE`
const NONE: u32 = 0;
/// The module's exit function (`module_exit`), which `delete_module` calls.
const EXIT: &str = "cleanup_module";

/// Whether `add_unformed_module` has set a byte of `struct module` before relocations are
/// applied: the first one of `state`, and `list`.
fn is_set_before(at: u64) -> bool {
    matches!(at, 0 | 8..24)
}

/// How many bytes a relocation changes; `None` for one that changes none, or is unknown.
fn width(kind: u32) -> Option<u64> {
    match kind {
        // R_X86_64_64, R_X86_64_PC64
        1 | 24 => Some(8),
        // R_X86_64_PC32, R_X86_64_PLT32, R_X86_64_32, R_X86_64_32S
        2 | 4 | 10 | 11 => Some(4),
        _ => None,
    }
}

/// Whether an address has room in what a relocation changes: `R_X86_64_32`, `R_X86_64_32S`.
pub(super) fn fits(kind: u32, address: u64) -> bool {
    match kind {
        10 => u32::try_from(address).is_ok(),
        11 => i32::try_from(address as i64).is_ok(),
        _ => true,
    }
}

/// `apply_relocate_add`.
pub(super) fn relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    memory: &Memory,
    add: &mut impl FnMut(&str, String),
) {
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    let mut is_told = false;
    for (table, changed, relocations) in applied {
        for relocation in relocations {
            let kind = relocation.kind;
            let width = match width(kind) {
                None if kind == NONE => continue,
                None => {
                    add(
                        RELOCATION_UNKNOWN,
                        format!("Unknown rela relocation: {kind}"),
                    );
                    return;
                }
                Some(width) => width,
            };
            match existing(elf, memory, table.info as usize, relocation.offset, width) {
                Existing::Zero => {}
                Existing::NotZero => {
                    add(RELOCATION_TARGET, not_zero(kind, changed));
                    return;
                }
                Existing::Unknown => {
                    if !std::mem::replace(&mut is_told, true) {
                        add(RELOCATION_OUTSIDE, outside(changed));
                    }
                }
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
    written_twice(symbols, applied, memory, add);
}

fn not_zero(kind: u32, changed: &Section<'_>) -> String {
    format!(
        "Skipping invalid relocation target, existing value is nonzero for type {kind} in section {}",
        changed.name
    )
}

fn outside(changed: &Section<'_>) -> String {
    format!(
        "a relocation changes what does not belong to {}",
        changed.name
    )
}

/// What stands where a relocation is to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Zero,
    NotZero,
    Unknown,
}

/// What a relocation finds at an offset of a section. Sizes are not looked at: beyond the end
/// of its section lies what the loader put there.
fn existing(elf: &Elf<'_>, memory: &Memory, index: usize, offset: u64, width: u64) -> Existing {
    let byte = |section: usize, at: u64| {
        let content = elf.content(&elf.sections[section]);
        let byte = usize::try_from(at).ok().and_then(|at| content.get(at));
        byte.copied().unwrap_or(0)
    };
    let section = &elf.sections[index];
    let is_inside = offset.saturating_add(width) <= section.size;
    if is_inside && section.name != THIS_MODULE {
        let is_zero = (offset..offset + width).all(|at| byte(index, at) == 0);
        return if is_zero {
            Existing::Zero
        } else {
            Existing::NotZero
        };
    }
    let this_module = elf.find(THIS_MODULE).map(|(index, _)| index);
    let is_of_module = |section: usize| this_module == Some(section);
    let mut found = Existing::Zero;
    for at in (offset..).take(width as usize) {
        let owner = if is_inside {
            Owner::Section(index, at)
        } else {
            memory.owner(memory.spot(index, at))
        };
        match owner {
            Owner::Section(section, at) if byte(section, at) != 0 => return Existing::NotZero,
            Owner::Section(section, at) if is_of_module(section) && is_set_before(at) => {
                return Existing::NotZero;
            }
            // The kernel fills in what is zero there.
            Owner::Section(section, _) if section != index && is_of_module(section) => {
                found = Existing::Unknown;
            }
            Owner::Beyond => found = Existing::Unknown,
            Owner::Section(..) | Owner::Padding => {}
        }
    }
    found
}

/// What one relocation writes.
#[derive(Debug, Clone, Copy)]
struct Written<'a> {
    at: Spot,
    /// Counts up as they are applied.
    order: usize,
    width: u64,
    relocation: &'a Relocation,
    changed: &'a Section<'a>,
}

/// Bytes that two relocations change: the second one finds what the first one left.
fn written_twice(
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    memory: &Memory,
    add: &mut impl FnMut(&str, String),
) {
    if is_in_order(applied) {
        return;
    }
    let all = applied.iter().flat_map(|(table, changed, relocations)| {
        let write = move |relocation| (table.info as usize, *changed, relocation);
        relocations.iter().map(write)
    });
    let mut written: Vec<Written<'_>> = all
        .enumerate()
        .filter_map(|(order, (section, changed, relocation))| {
            Some(Written {
                at: memory.spot(section, relocation.offset),
                order,
                width: width(relocation.kind)?,
                relocation,
                changed,
            })
        })
        .collect();
    written.sort_unstable_by_key(|written| (written.at, written.order));
    let mut is_told = false;
    for pair in written.windows(2) {
        let [low, high] = pair else { continue };
        let Some(shift) = high.at.behind(low.at).filter(|shift| *shift < low.width) else {
            continue;
        };
        let (first, second) = if low.order < high.order {
            (low, high)
        } else {
            (high, low)
        };
        let symbol = symbols.get(first.relocation.symbol as usize);
        let may_be_zero = first.relocation.kind == 1
            && symbol.is_none_or(|symbol| symbol.weak || symbol.section == SHN_ABS);
        // The lower half of an address and a distance of less than 64 KiB may end in zeros, or
        // start with them.
        let is_seen = shift == 0 || first.width == 8 && first.order == low.order;
        if is_seen && !may_be_zero {
            add(
                RELOCATION_TARGET,
                not_zero(second.relocation.kind, second.changed),
            );
            return;
        }
        if !std::mem::replace(&mut is_told, true) {
            add(RELOCATION_OUTSIDE, outside(second.changed));
        }
    }
}

/// Whether each relocation changes what follows the one before it, in a section of its own:
/// as a compiler leaves them.
fn is_in_order(applied: &[Applied<'_, '_>]) -> bool {
    let mut sections = HashSet::new();
    applied.iter().all(|(table, changed, relocations)| {
        let mut end = 0;
        let follows = relocations.iter().all(|relocation| {
            let Some(width) = width(relocation.kind) else {
                return true;
            };
            let follows = relocation.offset >= end;
            end = relocation.offset.saturating_add(width);
            follows
        });
        follows && end <= changed.size && sections.insert(table.info)
    })
}
