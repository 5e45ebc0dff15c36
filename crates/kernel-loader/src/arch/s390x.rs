//! What the loader of IBM Z has of its own (`arch/s390/kernel/module.c`).

use crate::module::defects::Defect;
use crate::module::defects::relocations::{Address, Addresses, Applied, first_refused};
use crate::module::elf::{Elf, Relocation, Section, Symbol};

/// `R_390_COPY`, `R_390_GLOB_DAT`, `R_390_JMP_SLOT`, `R_390_RELATIVE`: of shared objects only.
const OF_SHARED_OBJECTS: std::ops::RangeInclusive<u32> = 9..=12;
/// `R_390_PLTOFF64`: the last kind before those of thread-local storage.
const LAST: u32 = 36;
/// `R_390_20`, `R_390_GOT20` and `R_390_GOTPLT20`.
const LONG_DISPLACEMENT: std::ops::RangeInclusive<u32> = 57..=59;

/// `R_390_8`, `R_390_12`, `R_390_16` and `R_390_20`, which hold no address above 1 MiB.
const SHORT: [u32; 4] = [1, 2, 3, 57];
/// `R_390_32`: modules are at the end of the address space. Kernels were at its start, or with
/// `CONFIG_RANDOMIZE_BASE` anywhere in memory, before they got an address of their own
/// (`CONFIG_KERNEL_IMAGE_BASE`, Linux 6.10).
const R_390_32: u32 = 4;

const R_390_PC16DBL: u32 = 17;
const R_390_PLT16DBL: u32 = 18;
const R_390_PC32DBL: u32 = 19;
const R_390_PLT32DBL: u32 = 20;
const R_390_GOTPCDBL: u32 = 21;
const R_390_GOTENT: u32 = 26;
const R_390_GOTPLTENT: u32 = 33;

/// Whether `apply_rela` has a case for a kind, and does not refuse it there.
fn is_known(kind: u32) -> bool {
    kind <= LAST && !OF_SHARED_OBJECTS.contains(&kind) || LONG_DISPLACEMENT.contains(&kind)
}

/// Whether a relocation counts in steps of two bytes, and leads half a step away
/// (`apply_rela_bits`). Functions, entries for calls and the table of addresses are at even
/// addresses.
fn is_odd(
    elf: &Elf<'_>,
    addresses: &Addresses<'_, '_>,
    changed: &Section<'_>,
    relocation: &Relocation,
) -> bool {
    let is_even = |section: &Section<'_>| section.align > 0 && section.align.is_multiple_of(2);
    let place = || {
        let (section, offset) = addresses.place(relocation)?;
        is_even(&elf.sections[section]).then_some(offset)
    };
    let target = match relocation.kind {
        R_390_PC16DBL | R_390_PC32DBL => place(),
        R_390_PLT16DBL | R_390_PLT32DBL => match addresses.target(relocation) {
            Some(Address::Exported) => Some(relocation.addend as u64),
            _ => place(),
        },
        R_390_GOTPCDBL | R_390_GOTENT | R_390_GOTPLTENT => Some(relocation.addend as u64),
        _ => None,
    };
    is_even(changed) && target.is_some_and(|target| (target ^ relocation.offset) & 1 == 1)
}

/// The first relocation that `apply_rela` has no case for, or refuses wherever the module lies
/// (`apply_rela_bits`).
pub(crate) fn relocations(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
) -> Option<Defect> {
    let addresses = Addresses::of(elf, symbols);
    let refused = first_refused(applied, is_known, |changed, relocation| {
        match relocation.kind {
            R_390_32 => addresses.target(relocation) == Some(Address::Own),
            kind if SHORT.contains(&kind) => addresses.target(relocation).is_some(),
            _ => is_odd(elf, &addresses, changed, relocation),
        }
    });
    refused.or_else(|| {
        let is_exported = |_: &Section<'_>, relocation: &Relocation| {
            relocation.kind == R_390_32 && addresses.target(relocation) == Some(Address::Exported)
        };
        let first = first_refused(applied, is_known, is_exported)?;
        let Defect::RelocationOverflow { kind, section } = first else {
            return None;
        };
        Some(Defect::RelocationToExport { kind, section })
    })
}
