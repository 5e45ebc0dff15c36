//! What the loader of 64-bit POWER has of its own (`arch/powerpc/kernel/module_64.c`).

use crate::arch::sections::ArchSection;
use crate::module::defects::Defect;
use crate::module::defects::relocations::{Addresses, Applied};
use crate::module::elf::{Elf, Relocation, SHN_LIVEPATCH, SHN_UNDEF, Section, Symbol};

/// The section of stubs for calls, which `module_frob_arch_sections` makes room in.
pub(crate) const SECTIONS: [ArchSection; 1] = [ArchSection::Stubs];

const R_PPC_REL24: u32 = 10;
const R_PPC64_TOC16: u32 = 47;
const R_PPC64_TOC16_DS: u32 = 63;
const R_PPC64_TOC16_LO_DS: u32 = 64;

/// Kinds for which `apply_relocate_add` has a case, in kernels without `CONFIG_PPC_KERNEL_PCREL`,
/// which no distribution sets: `REL24`, `REL32`, addresses, those of the table of contents, and
/// `REL16` of function entries.
const KNOWN: [u32; 15] = [
    1,
    R_PPC_REL24,
    26,
    38,
    44,
    R_PPC64_TOC16,
    48,
    50,
    51,
    R_PPC64_TOC16_DS,
    R_PPC64_TOC16_LO_DS,
    109,
    118,
    250,
    252,
];
/// Those that kernels with it (Linux ≥6.4) have as well: `R_PPC64_REL24_NOTOC`,
/// `R_PPC64_PCREL34`, `R_PPC64_GOT_PCREL34`.
const RELATIVE: [u32; 3] = [116, 132, 133];

/// The first relocation that `apply_relocate_add` has no case for, or refuses wherever the module
/// lies.
pub(crate) fn relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
) -> Option<Defect> {
    let addresses = Addresses::of(elf, symbols);
    applied.iter().find_map(|(_, changed, relocations)| {
        relocations.iter().find_map(|relocation| {
            let kind = relocation.kind;
            if RELATIVE.contains(&kind) {
                return Some(Defect::RelocationPcRelative { kind });
            }
            if !KNOWN.contains(&kind) {
                return Some(Defect::RelocationUnknown { kind });
            }
            if overflows(elf, &addresses, changed, relocation) {
                let section = changed.name.into();
                return Some(Defect::RelocationOverflow { kind, section });
            }
            let symbol = symbols.get(relocation.symbol as usize)?;
            (kind == R_PPC_REL24 && leaves_no_room(elf, symbol, changed, relocation.offset)).then(
                || Defect::CallWithoutNop {
                    symbol: symbol.name.into(),
                },
            )
        })
    })
}

/// Whether a relocation leads between two instructions or words, or, relative to the start of
/// the table of contents (`my_r2`, at a multiple of 256), further than 64 KiB.
fn overflows(
    elf: &Elf<'_>,
    addresses: &Addresses<'_, '_>,
    changed: &Section<'_>,
    relocation: &Relocation,
) -> bool {
    let Some((section, offset)) = addresses.place(relocation) else {
        return false;
    };
    let target = &elf.sections[section];
    let is_aligned = |section: &Section<'_>| section.align > 0 && section.align.is_multiple_of(4);
    let is_far = || target.name == ".toc" && offset > 0xffff;
    let is_between = |from: u64| is_aligned(target) && offset.wrapping_sub(from) & 3 != 0;
    match relocation.kind {
        R_PPC64_TOC16 => is_far(),
        R_PPC64_TOC16_DS => is_between(0) || is_far(),
        R_PPC64_TOC16_LO_DS => is_between(0),
        R_PPC_REL24 => is_aligned(changed) && is_between(relocation.offset),
        _ => false,
    }
}

/// `restore_r2`: what follows a call out of the module is overwritten, and has to be a `nop`; or
/// what it is overwritten with. Jumps do not return, and calls of the function tracer are none
/// that change the register.
fn leaves_no_room(elf: &Elf<'_>, symbol: &Symbol<'_>, changed: &Section<'_>, offset: u64) -> bool {
    const NOP: u32 = 0x6000_0000;
    const LOAD_TOC: u32 = 0xe841_0018;
    let content = elf.content(changed);
    // A relative branch, conditional or not, that links.
    let links = |call: u32| matches!(call >> 26, 16 | 18) && call & 3 == 1;
    let leaves = matches!(symbol.section, SHN_UNDEF | SHN_LIVEPATCH) && symbol.name != "_mcount";
    let next = |call: u32| links(call).then(|| elf.word(content, offset + 4))?;
    let next = elf.word(content, offset).and_then(next);
    leaves && next.is_some_and(|next| next != NOP && next != LOAD_TOC)
}
