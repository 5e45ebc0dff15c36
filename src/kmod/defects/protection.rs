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
            _ => continue,
        };
        let (rule, what) = fault;
        add(rule, format!("section {} {what}", section.name));
    }
}

/// Sections whose addresses lead to what is run or written when the module is loaded, or by
/// those that use its exports.
fn uses(changed: &Section<'_>) -> bool {
    changed.name == ".init.text" || changed.name.starts_with("__ksymtab")
}
