//! Sections whose flags put them where the kernel may not write, or run code
//! (`layout_sections`, `module_enable_ro`, `module_enable_nx` of `kernel/module/`).

use std::collections::HashSet;

use super::relocations::Applied;
use super::{Defect, Protection, THIS_MODULE};
use crate::module::elf::{Elf, SHF_EXECINSTR, SHF_WRITE, Section, Symbol};

pub(super) fn protection(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(Defect),
) {
    let used: HashSet<u16> = applied
        .iter()
        .filter(|(_, changed, _)| uses(changed))
        .flat_map(|(.., relocations)| relocations)
        .filter_map(|relocation| symbols.get(relocation.symbol as usize))
        .map(|symbol| symbol.section)
        .collect();
    for (index, section) in elf
        .loaded_sections()
        .filter(|(_, section)| section.size > 0)
    {
        let is_used = u16::try_from(index).is_ok_and(|index| used.contains(&index));
        let can = |flag: u64| section.flags & flag != 0;
        let runs = can(SHF_EXECINSTR);
        let name: Box<str> = section.name.into();
        let wrong = |section, cannot| Defect::WrongProtection { section, cannot };
        let odd = |section, cannot| Defect::OddProtection { section, cannot };
        add(match section.name {
            THIS_MODULE if !can(SHF_WRITE) || runs => wrong(name, Protection::Write),
            ".init.text" if !runs => wrong(name, Protection::Run),
            text if text.starts_with(".text") && !runs && is_used => odd(name, Protection::Run),
            ".bss" | ".data" | ".init.data" if !can(SHF_WRITE) && is_used => {
                odd(name, Protection::Write)
            }
            _ => continue,
        });
    }
}

/// Sections whose addresses lead to what is run or written when the module is loaded, or by
/// those that use its exports.
fn uses(changed: &Section<'_>) -> bool {
    changed.name == ".init.text" || changed.name.starts_with("__ksymtab")
}
