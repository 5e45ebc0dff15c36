//! What tools are not let loose on, and what they are.

use super::super::elf::{Elf, section};

const EXEC: u64 = 4;
const SYMBOL_BYTES: usize = 24;

/// True for sections of code.
pub(super) fn is_code(elf: &Elf, index: usize) -> bool {
    elf.u64(elf.header_of(index) + section::FLAGS) & EXEC != 0
}

/// Offsets of all symbols of the file but the first, which is none.
pub(super) fn symbols(elf: &Elf) -> impl Iterator<Item = usize> {
    let range = elf
        .find(".symtab")
        .map_or(0..0, |index| elf.range_of(index));
    range.step_by(SYMBOL_BYTES).skip(1)
}
