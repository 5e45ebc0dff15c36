//! Random edits. Where they stand is taken from the file before the first of them, so that
//! each is made to what it says, whatever the others did.
//!
//! The bytes of code, and the relocations and addresses that decide what code runs, are left
//! alone: what becomes of a kernel that runs garbage is no verdict.

use std::ops::Range;

use super::super::elf::{Elf, header, section};
use super::random::Random;
use super::sections::{self, shown};

const SYMBOL_BYTES: usize = 24;
const EXEC: u64 = 4;

/// Fields of `Elf64_Ehdr`: name, offset, width.
const HEADER: [(&str, usize, usize); 19] = [
    ("magic", 0, 4),
    ("class", header::CLASS, 1),
    ("data", header::DATA, 1),
    ("ident-version", 6, 1),
    ("os-abi", header::OS_ABI, 1),
    ("padding", 8, 8),
    ("type", header::TYPE, 2),
    ("machine", header::MACHINE, 2),
    ("version", header::VERSION, 4),
    ("entry", 24, 8),
    ("phoff", 32, 8),
    ("shoff", header::SECTION_OFFSET, 8),
    ("flags", 48, 4),
    ("ehsize", 52, 2),
    ("phentsize", 54, 2),
    ("phnum", 56, 2),
    ("shentsize", header::SECTION_ENTRY_SIZE, 2),
    ("shnum", header::SECTION_COUNT, 2),
    ("shstrndx", header::NAMES_INDEX, 2),
];

/// Fields of `Elf64_Shdr`.
const SECTION: [(&str, usize, usize); 10] = [
    ("name", section::NAME, 4),
    ("type", section::TYPE, 4),
    ("flags", section::FLAGS, 8),
    ("addr", 16, 8),
    ("offset", section::OFFSET, 8),
    ("size", section::SIZE, 8),
    ("link", section::LINK, 4),
    ("info", 44, 4),
    ("addralign", section::ALIGN, 8),
    ("entsize", section::ENTRY_SIZE, 8),
];

/// Fields of `Elf64_Sym`.
const SYMBOL: [(&str, usize, usize); 6] = [
    ("name", 0, 4),
    ("info", 4, 1),
    ("other", 5, 1),
    ("shndx", 6, 2),
    ("value", 8, 8),
    ("size", 16, 8),
];

/// Sections whose contents are damaged, beginnings of their names.
const CONTENTS: [(usize, &str); 16] = [
    (6, ".modinfo"),
    (6, "__versions"),
    (4, ".gnu.linkonce.this_module"),
    (4, ".strtab"),
    (4, ".shstrtab"),
    (3, "__ksymtab"),
    (2, "__ksymtab_strings"),
    (3, "__kcrctab"),
    (3, ".note"),
    (3, "__param"),
    (2, ".rodata"),
    (2, ".comment"),
    (1, ".data"),
    (1, ".codetag"),
    (1, ".bss"),
    (2, ".BTF"),
];

#[derive(Clone, Copy)]
enum Kind {
    Header,
    Section,
    SwapSections,
    CopySection,
    SwapFields,
    Flag,
    Symbol,
    SwapSymbols,
    Contents,
    Cut,
    Longer,
}

/// Edits of a module's ELF file; the file, and what was done in words.
pub(super) fn of_module(
    random: &mut Random,
    module: &[u8],
    count: usize,
) -> (Vec<u8>, Vec<String>) {
    let elf = Elf::new(module);
    let mut bytes = module.to_vec();
    let mut words = Vec::new();
    while words.len() < count {
        let kind = random.weighted(&[
            (10, Kind::Header),
            (24, Kind::Section),
            (3, Kind::SwapSections),
            (3, Kind::CopySection),
            (14, Kind::SwapFields),
            (12, Kind::Flag),
            (18, Kind::Symbol),
            (2, Kind::SwapSymbols),
            (34, Kind::Contents),
            (2, Kind::Cut),
            (1, Kind::Longer),
        ]);
        words.extend(edit(random, &elf, &mut bytes, kind));
    }
    (bytes, words)
}

/// Makes one edit, unless it is one that decides what code runs.
fn edit(random: &mut Random, elf: &Elf, bytes: &mut Vec<u8>, kind: Kind) -> Option<String> {
    match kind {
        Kind::Header => {
            let &(name, at, width) = random.pick(&HEADER);
            Some(format!(
                "header {name} {}",
                overwrite(random, bytes, at, width)?
            ))
        }
        Kind::Section => {
            let index = random.below(elf.sections());
            let &(name, at, width) = random.pick(&SECTION);
            if decides_code(elf, index) && matches!(name, "offset" | "size" | "type" | "info") {
                return None;
            }
            let done = overwrite(random, bytes, elf.header_of(index) + at, width)?;
            Some(format!("section {} {name} {done}", shown(elf, index)))
        }
        Kind::SwapSections => {
            let (a, b) = (random.below(elf.sections()), random.below(elf.sections()));
            let (from, to) = (header_range(elf, a), header_range(elf, b));
            if decides_code(elf, a) || decides_code(elf, b) || to.end > bytes.len() {
                return None;
            }
            bytes[from.clone()].copy_from_slice(&elf.bytes[to.clone()]);
            bytes[to].copy_from_slice(&elf.bytes[from]);
            Some(format!(
                "sections {} and {} swapped",
                shown(elf, a),
                shown(elf, b)
            ))
        }
        Kind::CopySection => {
            let (a, b) = (random.below(elf.sections()), random.below(elf.sections()));
            let (from, to) = (header_range(elf, a), header_range(elf, b));
            if decides_code(elf, a) || decides_code(elf, b) || to.end > bytes.len() {
                return None;
            }
            bytes[to].copy_from_slice(&elf.bytes[from]);
            Some(format!("section {} over {}", shown(elf, a), shown(elf, b)))
        }
        Kind::SwapFields => sections::swap(random, elf, bytes),
        Kind::Flag => sections::turn_flag(random, elf, bytes),
        Kind::Symbol => {
            let table = symbols(elf)?;
            let at = table.start + SYMBOL_BYTES * random.below(table.len() / SYMBOL_BYTES);
            let &(name, field, width) = random.pick(&SYMBOL);
            // What was undefined is called, wherever it then is.
            let moved = name == "shndx" && elf.u16(at + 6) == 0;
            if moved || matches!(name, "value" | "shndx") && is_loaded(elf, at) {
                return None;
            }
            let done = overwrite(random, bytes, at + field, width)?;
            Some(format!("symbol {} {name} {done}", symbol_name(elf, at)))
        }
        Kind::SwapSymbols => {
            let table = symbols(elf)?;
            let mut any = || table.start + SYMBOL_BYTES * random.below(table.len() / SYMBOL_BYTES);
            let (a, b) = (any(), any());
            if is_loaded(elf, a) || is_loaded(elf, b) || table.end > bytes.len() {
                return None;
            }
            bytes[a..a + SYMBOL_BYTES].copy_from_slice(&elf.bytes[b..b + SYMBOL_BYTES]);
            bytes[b..b + SYMBOL_BYTES].copy_from_slice(&elf.bytes[a..a + SYMBOL_BYTES]);
            let (a, b) = (symbol_name(elf, a), symbol_name(elf, b));
            Some(format!("symbols {a} and {b} swapped"))
        }
        Kind::Contents => {
            let wanted = random.weighted(&CONTENTS);
            let fitting: Vec<usize> = (1..elf.sections())
                .filter(|&index| elf.section_name(index).starts_with(wanted))
                .filter(|&index| !decides_code(elf, index))
                .collect();
            if fitting.is_empty() {
                return None;
            }
            let index = *random.pick(&fitting);
            let range = elf.range_of(index);
            if range.is_empty() || range.end > elf.bytes.len() {
                return None;
            }
            let width = random.weighted(&[(6, 1), (1, 2), (2, 4), (1, 8)]);
            let at = random.within(&range) / width * width;
            let at = at.max(range.start);
            let done = overwrite(random, bytes, at, width)?;
            Some(format!(
                "{}+{:#x} {done}",
                shown(elf, index),
                at - range.start
            ))
        }
        Kind::Cut => {
            let length = random.below(bytes.len());
            bytes.truncate(length);
            Some(format!("cut to {length}"))
        }
        Kind::Longer => {
            let more = 1 + random.below(5000);
            let byte = *random.pick(&[0, 1, 0xff]);
            bytes.resize(bytes.len() + more, byte);
            Some(format!("{more} bytes of {byte} behind"))
        }
    }
}

/// Edits of any file, none before `from`.
pub(super) fn of_bytes(
    random: &mut Random,
    file: &[u8],
    from: usize,
    count: usize,
) -> (Vec<u8>, Vec<String>) {
    let mut bytes = file.to_vec();
    let mut words = Vec::new();
    while words.len() < count {
        if bytes.len() <= from || random.below(8) == 0 {
            let length = from + random.below(file.len() - from + 1);
            bytes.resize(length, 0);
            words.push(format!("{length} of {} bytes", file.len()));
            continue;
        }
        // Beginnings and ends tell more than what is between them.
        let span = bytes.len() - from;
        let near = span.min(64);
        let at = from + random.weighted(&[(1, 0), (1, span - near)]) + random.below(near);
        let at = random.weighted(&[(1, at), (1, from + at % span)]);
        let width = random.weighted(&[(6, 1), (1, 2), (1, 4)]);
        if let Some(done) = overwrite(random, &mut bytes, at, width) {
            words.push(format!("byte {at} {done}"));
        }
    }
    (bytes, words)
}

/// Writes another number over the one at an offset; `None` where that is no change.
fn overwrite(random: &mut Random, bytes: &mut [u8], at: usize, width: usize) -> Option<String> {
    let length = bytes.len();
    let field = bytes.get_mut(at..at + width)?;
    let mut raw = [0; 8];
    raw[..width].copy_from_slice(field);
    let old = u64::from_le_bytes(raw);
    let bits = 8 * width as u64;
    let new = match random.below(10) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => old.wrapping_add(1),
        4 => old.wrapping_sub(1),
        5 => length as u64,
        6 => random.next() % 64,
        7 => random.next(),
        _ => old ^ (1 << (random.next() % bits)),
    };
    field.copy_from_slice(&new.to_le_bytes()[..width]);
    let mask = u64::MAX >> (64 - bits);
    (new & mask != old).then(|| format!("{old:#x} -> {:#x}", new & mask))
}

fn header_range(elf: &Elf, index: usize) -> Range<usize> {
    let start = elf.header_of(index);
    start..start + section::BYTES
}

/// Where the symbols stand, of which a stripped module has none.
fn symbols(elf: &Elf) -> Option<Range<usize>> {
    let range = elf.range_of(elf.find(".symtab")?);
    (range.len() >= SYMBOL_BYTES && range.end <= elf.bytes.len()).then_some(range)
}

/// True for sections of code, those that change code when it is loaded, and their
/// relocations.
fn decides_code(elf: &Elf, index: usize) -> bool {
    let name = elf.section_name(index);
    let changes = [
        ".rela",
        ".alt",
        ".retpoline",
        ".return",
        ".static",
        ".call",
        ".ibt",
        "__jump",
    ];
    elf.u64(elf.header_of(index) + section::FLAGS) & EXEC != 0
        || changes.iter().any(|start| name.starts_with(start))
}

/// True for symbols of what is in memory, which relocations take addresses from.
fn is_loaded(elf: &Elf, at: usize) -> bool {
    let index = elf.u16(at + 6);
    index != 0 && usize::from(index) < elf.sections()
}

fn symbol_name(elf: &Elf, at: usize) -> String {
    let index = (at - elf.range(".symtab").start) / SYMBOL_BYTES;
    format!("{index} {}", elf.symbol_name(at))
}
