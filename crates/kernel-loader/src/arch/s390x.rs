//! What the loader of IBM Z has of its own (`arch/s390/kernel/module.c`).

use crate::module::defects::Defect;
use crate::module::defects::relocations::Applied;

/// `R_390_COPY`, `R_390_GLOB_DAT`, `R_390_JMP_SLOT`, `R_390_RELATIVE`: of shared objects only.
const OF_SHARED_OBJECTS: std::ops::RangeInclusive<u32> = 9..=12;
/// `R_390_PLTOFF64`: the last kind before those of thread-local storage.
const LAST: u32 = 36;
/// `R_390_20`, `R_390_GOT20` and `R_390_GOTPLT20`.
const LONG_DISPLACEMENT: std::ops::RangeInclusive<u32> = 57..=59;

/// The first relocation that `apply_rela` has no case for, or refuses.
pub(crate) fn relocations(applied: &[Applied<'_, '_>]) -> Option<Defect> {
    let mut all = applied.iter().flat_map(|(_, _, relocations)| relocations);
    all.find_map(|relocation| {
        let kind = relocation.kind;
        let is_known =
            kind <= LAST && !OF_SHARED_OBJECTS.contains(&kind) || LONG_DISPLACEMENT.contains(&kind);
        (!is_known).then_some(Defect::RelocationUnknown { kind })
    })
}
