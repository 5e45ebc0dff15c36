//! What the loader of arm64 has of its own (`arch/arm64/kernel/module.c`, `module-plts.c`).

use crate::arch::sections::ArchSection;
use crate::module::defects::relocations::{Addresses, Applied, first_refused};
use crate::module::defects::{Defect, EXIT, THIS_MODULE};
use crate::module::elf::{Elf, Symbol};

/// Sections that `module.lds` puts into every module, and the loader looks for.
pub(crate) const SECTIONS: [ArchSection; 4] = [
    ArchSection::Plt,
    ArchSection::InitPlt,
    ArchSection::FtraceTrampoline,
    ArchSection::InitFtraceTrampoline,
];

const R_ARM_NONE: u32 = 0;
const R_AARCH64_NONE: u32 = 256;
const R_AARCH64_ABS64: u32 = 257;
const R_AARCH64_ABS32: u32 = 258;
const R_AARCH64_ABS16: u32 = 259;
const R_AARCH64_PREL32: u32 = 261;
const R_AARCH64_PREL16: u32 = 262;
const R_AARCH64_MOVW_UABS_G0: u32 = 263;
const R_AARCH64_MOVW_UABS_G1: u32 = 265;
const R_AARCH64_MOVW_UABS_G2: u32 = 267;
const R_AARCH64_MOVW_SABS_G0: u32 = 270;
const R_AARCH64_MOVW_SABS_G1: u32 = 271;
const R_AARCH64_LD_PREL_LO19: u32 = 273;
const R_AARCH64_ADR_PREL_LO21: u32 = 274;
const R_AARCH64_ADR_PREL_PG_HI21: u32 = 275;
const R_AARCH64_TSTBR14: u32 = 279;
const R_AARCH64_CONDBR19: u32 = 280;
const R_AARCH64_MOVW_PREL_G0: u32 = 287;
const R_AARCH64_MOVW_PREL_G1: u32 = 289;
const R_AARCH64_LDST128_ABS_LO12_NC: u32 = 299;

/// Whether `apply_relocate_add` has a case for a kind: all from `NONE` to
/// `R_AARCH64_MOVW_PREL_G3` but 281, and the last one of loads and stores.
fn is_known(kind: u32) -> bool {
    const LAST_OF_MOVW: u32 = 293;
    const NOT_ASSIGNED: u32 = 281;
    kind == R_ARM_NONE
        || kind == R_AARCH64_LDST128_ABS_LO12_NC
        || (R_AARCH64_NONE..=LAST_OF_MOVW).contains(&kind) && kind != NOT_ASSIGNED
}

/// Whether a kind takes only values that no address of the kernel's half has: addresses are
/// negative as signed numbers, and far from zero.
fn needs_low_address(kind: u32) -> bool {
    matches!(
        kind,
        R_AARCH64_ABS32
            | R_AARCH64_ABS16
            | R_AARCH64_MOVW_UABS_G0
            | R_AARCH64_MOVW_UABS_G1
            | R_AARCH64_MOVW_UABS_G2
            | R_AARCH64_MOVW_SABS_G0
            | R_AARCH64_MOVW_SABS_G1
    )
}

/// Whether a kind takes only what is at most 4 GiB away.
fn is_near(kind: u32) -> bool {
    matches!(
        kind,
        R_AARCH64_PREL32
            | R_AARCH64_PREL16
            | R_AARCH64_LD_PREL_LO19
            | R_AARCH64_ADR_PREL_LO21
            | R_AARCH64_ADR_PREL_PG_HI21
            | R_AARCH64_TSTBR14
            | R_AARCH64_CONDBR19
            | R_AARCH64_MOVW_PREL_G0
            | R_AARCH64_MOVW_PREL_G1
    )
}

/// The first relocation that `apply_relocate_add` refuses wherever the module lies, or that leads
/// out of the module's memory.
pub(crate) fn relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
) -> Option<Defect> {
    let addresses = Addresses::of(elf, symbols);
    let refused = first_refused(applied, is_known, |_, relocation| {
        needs_low_address(relocation.kind)
            && (addresses.target(relocation).is_some() || addresses.in_copy(relocation))
    });
    let in_copy = || {
        applied.iter().flat_map(|(_, changed, relocations)| {
            let in_copy = relocations.iter().filter(|it| addresses.in_copy(it));
            in_copy.map(|relocation| (changed.name, relocation))
        })
    };
    let far = || {
        let (section, relocation) = in_copy().find(|(_, it)| is_near(it.kind))?;
        let (kind, section) = (relocation.kind, section.into());
        Some(Defect::RelocationToCopy { kind, section })
    };
    let init = || {
        in_copy().find_map(|(section, relocation)| {
            let symbol = symbols.get(relocation.symbol as usize)?;
            let to = elf.sections.get(usize::from(symbol.section))?.name.into();
            let is_init = section == THIS_MODULE && symbol.name != EXIT;
            let from = section.into();
            (is_init && relocation.kind == R_AARCH64_ABS64)
                .then_some(Defect::NotLoaded { from, to })
        })
    };
    refused.or_else(far).or_else(init)
}
