//! Headers of sections as a whole: flags and names of two of them swapped, flags that only some
//! readers know.

use super::super::elf::{Elf, section};
use super::random::Random;

const EXEC: u64 = 4;
const SYMBOL_BYTES: usize = 24;

/// `SHF_…`, and the kernel's own two (`include/uapi/linux/elf.h`).
const FLAGS: [(&str, u64); 13] = [
    ("write", 1),
    ("alloc", 2),
    ("exec", 4),
    ("merge", 0x10),
    ("strings", 0x20),
    ("info-link", 0x40),
    ("link-order", 0x80),
    ("group", 0x200),
    ("tls", 0x400),
    ("compressed", 0x800),
    ("livepatch", 0x10_0000),
    ("ro-after-init", 0x20_0000),
    ("exclude", 0x8000_0000),
];

/// Fields of two headers that are swapped: name, offset, width.
const SWAPPED: [(&str, usize, usize); 6] = [
    ("names", section::NAME, 4),
    ("names", section::NAME, 4),
    ("flags", section::FLAGS, 8),
    ("flags", section::FLAGS, 8),
    ("links", section::LINK, 4),
    ("alignments", section::ALIGN, 8),
];

/// Swaps one field of two sections.
pub(super) fn swap(random: &mut Random, elf: &Elf, bytes: &mut [u8]) -> Option<String> {
    let (a, b) = (random.below(elf.sections()), random.below(elf.sections()));
    let &(what, field, width) = random.pick(&SWAPPED);
    if is_relocation(elf, a) || is_relocation(elf, b) {
        return None;
    }
    // Names say when code is freed.
    if what == "names" && (is_code(elf, a) || is_code(elf, b)) {
        return None;
    }
    let (from, to) = (elf.header_of(a) + field, elf.header_of(b) + field);
    let (old, new) = (
        elf.bytes.get(from..from + width)?,
        elf.bytes.get(to..to + width)?,
    );
    if old == new || bytes.len() < elf.bytes.len() {
        return None;
    }
    bytes[from..from + width].copy_from_slice(new);
    bytes[to..to + width].copy_from_slice(old);
    Some(format!(
        "{what} of sections {} and {} swapped",
        shown(elf, a),
        shown(elf, b)
    ))
}

/// Turns one flag of a section.
pub(super) fn turn_flag(random: &mut Random, elf: &Elf, bytes: &mut [u8]) -> Option<String> {
    let index = random.below(elf.sections());
    let &(name, flag) = random.pick(&FLAGS);
    if is_relocation(elf, index) {
        return None;
    }
    let at = elf.header_of(index) + section::FLAGS;
    let flags = elf.u64(at) ^ flag;
    bytes
        .get_mut(at..at + 8)?
        .copy_from_slice(&flags.to_le_bytes());
    let done = if flags & flag == 0 {
        "no longer"
    } else {
        "now"
    };
    Some(format!("section {} {done} {name}", shown(elf, index)))
}

pub(super) fn shown(elf: &Elf, index: usize) -> String {
    format!("{index} {}", elf.section_name(index))
}

fn is_relocation(elf: &Elf, index: usize) -> bool {
    elf.section_name(index).starts_with(".rela")
}

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
