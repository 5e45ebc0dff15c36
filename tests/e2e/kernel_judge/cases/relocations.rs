//! Relocations: of no known type, over what is not zero, beyond their section, over each other.

use super::super::case::Case;
use super::super::elf::{Elf, section};
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
            ("relocation-over-another", |elf| second_of_init(elf, 0)),
            ("relocation-over-half-of-another", |elf| {
                second_of_init(elf, 3)
            }),
            // What it changes is the next section's, or nobody's.
            ("relocations-of-empty-param", |elf| empty(elf, "__param")),
            ("relocations-of-empty-data", |elf| empty(elf, ".data")),
            ("relocations-of-empty-exit-data", |elf| {
                empty(elf, ".exit.data")
            }),
            ("relocations-of-shorter-param", |elf| {
                let size = elf.header("__param") + section::SIZE;
                let less = elf.u64(size) / 2 + 4;
                elf.set(size, &less.to_le_bytes())
            }),
            ("relocation-over-the-list-of-modules", |elf| {
                let at = elf.range(".rela.gnu.linkonce.this_module").start;
                elf.set(at, &8_u64.to_le_bytes())
            }),
        ],
    )
}

/// Puts the second relocation of the init function's code behind the first one's offset.
fn second_of_init(elf: Elf, behind: u64) -> Elf {
    let first = elf.range(".rela.init.text").start;
    let offset = elf.u64(first) + behind;
    elf.set(first + RELOCATION, &offset.to_le_bytes())
}

fn empty(elf: Elf, name: &str) -> Elf {
    elf.set_header(name, section::SIZE, &[0; 8])
}
