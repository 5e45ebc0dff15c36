//! What the loader of 64-bit POWER has of its own (`arch/powerpc/kernel/module_64.c`).

use crate::arch::sections::ArchSection;
use crate::module::defects::Defect;
use crate::module::defects::relocations::Applied;

/// The section of stubs for calls, which `module_frob_arch_sections` makes room in.
pub(crate) const SECTIONS: [ArchSection; 1] = [ArchSection::Stubs];

/// Kinds for which `apply_relocate_add` has a case in every kernel: `REL24`, `REL32`,
/// addresses, those of the table of contents, and `REL16` of function entries.
const KNOWN: [u32; 15] = [
    1, 10, 26, 38, 44, 47, 48, 50, 51, 63, 64, 109, 118, 250, 252,
];
/// Those that kernels with `CONFIG_PPC_KERNEL_PCREL` (Linux ≥6.4) have as well:
/// `R_PPC64_REL24_NOTOC`, `R_PPC64_PCREL34`, `R_PPC64_GOT_PCREL34`.
const RELATIVE: [u32; 3] = [116, 132, 133];

/// The first relocation that `apply_relocate_add` has no case for.
pub(crate) fn relocations(applied: &[Applied<'_, '_>]) -> Option<Defect> {
    let mut all = applied.iter().flat_map(|(_, _, relocations)| relocations);
    all.find_map(|relocation| {
        let kind = relocation.kind;
        match kind {
            kind if KNOWN.contains(&kind) => None,
            kind if RELATIVE.contains(&kind) => Some(Defect::RelocationPcRelative { kind }),
            kind => Some(Defect::RelocationUnknown { kind }),
        }
    })
}
