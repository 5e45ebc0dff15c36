//! Relocations: of no known type, over what is not zero, over each other.

use super::super::case::Case;
use super::super::elf::Elf;
use super::super::forge::Forge;
use super::elf::edit_all;

/// Bytes of one relocation, which starts with its offset.
const RELOCATION: usize = 24;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    edit_all(
        forge,
        &[
            ("relocation-unknown-type", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at + 8, &[0xc8])
            }),
            ("relocation-not-zero-at-target", |elf| {
                let relocation = elf.range(".rela.init.text").start;
                let at = usize::try_from(elf.u64(relocation)).expect("an offset");
                let target = elf.range(".init.text").start + at;
                elf.set(target, &[1])
            }),
            ("relocation-over-another", second_of_init),
        ],
    )
}

/// Puts the second relocation of the init function's code over the first one's offset.
fn second_of_init(elf: Elf) -> Elf {
    let first = elf.range(".rela.init.text").start;
    let offset = elf.u64(first);
    elf.set(first + RELOCATION, &offset.to_le_bytes())
}
