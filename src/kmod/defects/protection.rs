//! Sections whose flags put them where the kernel may not write, or run code
//! (`layout_sections`, `module_enable_ro`, `module_enable_nx` of `kernel/module/`).

use std::collections::HashSet;

use super::relocations::Applied;
use super::{ODD_PROTECTION, THIS_MODULE, WRONG_PROTECTION};
use crate::kmod::elf::{Elf, SHF_EXECINSTR, SHF_WRITE, Section, Symbol};

pub(super) fn protection(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(&str, String),
) {
    let used: HashSet<u16> = applied
        .iter()
        .filter(|(_, changed, _)| uses(changed))
        .flat_map(|(.., relocations)| relocations)
        .filter_map(|relocation| symbols.get(relocation.symbol as usize))
        .map(|symbol| symbol.section)
        .collect();
    let shared = shared(elf);
    for (index, section) in elf.loaded_sections() {
        let is_used = u16::try_from(index).is_ok_and(|index| used.contains(&index));
        let can = |flag: u64| section.flags & flag != 0;
        let runs = can(SHF_EXECINSTR);
        let fault = match section.name {
            _ if section.size == 0 => continue,
            THIS_MODULE if !can(SHF_WRITE) || runs => (WRONG_PROTECTION, "cannot be written to"),
            ".init.text" if !runs => (WRONG_PROTECTION, "cannot be run"),
            name if name.starts_with(".text") && !runs && is_used => {
                (ODD_PROTECTION, "cannot be run")
            }
            ".bss" | ".data" | ".init.data" if !can(SHF_WRITE) && is_used => {
                (ODD_PROTECTION, "cannot be written to")
            }
            _ if is_used && shared.contains(&index) => {
                (ODD_PROTECTION, "has its bytes in the file from another one")
            }
            _ => continue,
        };
        let (rule, what) = fault;
        add(rule, format!("section {} {what}", section.name));
    }
}

/// Loaded sections that share bytes of the file with others, which is what a damaged table of
/// sections looks like: who uses one may have meant another.
fn shared(elf: &Elf<'_>) -> HashSet<usize> {
    let mut places: Vec<(u64, u64, usize)> = elf
        .loaded_sections()
        .filter(|(_, section)| !elf.content(section).is_empty())
        .map(|(index, section)| (section.offset, section.offset + section.size, index))
        .collect();
    places.sort_unstable();
    let mut shared = HashSet::new();
    let mut last: Option<(u64, usize)> = None;
    for (start, end, index) in places {
        match last {
            Some((last_end, other)) if start < last_end => {
                shared.extend([index, other]);
                last = Some((
                    end.max(last_end),
                    if end > last_end { index } else { other },
                ));
            }
            _ => last = Some((end, index)),
        }
    }
    shared
}

/// Sections whose addresses lead to what is run or written when the module is loaded, or by
/// those that use its exports.
fn uses(changed: &Section<'_>) -> bool {
    changed.name == ".init.text" || changed.name.starts_with("__ksymtab")
}
