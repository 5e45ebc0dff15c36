//! Edits of symbol versions and exports: entries of `__versions`, `__kcrctab` and
//! `__ksymtab_strings`.

use super::super::elf::Elf;
use super::random::Random;
use super::tools;

const SECTION: &str = "__versions";
/// `struct modversion_info`: 8 bytes of checksum, 56 of name.
const ENTRY: usize = 64;
const CRC: usize = 8;

#[derive(Clone, Copy)]
enum Edit {
    Removed,
    Doubled,
    Moved,
    Swapped,
    OtherCrc,
    Zero,
    HighBits,
    LongName,
    OtherName,
    BehindName,
    Added,
    Size,
    Sorted,
    Extended,
    ExportCrc,
    ExportName,
    ExportSections,
}

/// Makes one edit; the file, and what was done in words.
pub(super) fn edit(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let edit = random.weighted(&[
        (3, Edit::Removed),
        (3, Edit::Doubled),
        (2, Edit::Moved),
        (2, Edit::Swapped),
        (2, Edit::OtherCrc),
        (2, Edit::Zero),
        (1, Edit::HighBits),
        (2, Edit::LongName),
        (2, Edit::OtherName),
        (2, Edit::BehindName),
        (2, Edit::Added),
        (2, Edit::Size),
        (1, Edit::Sorted),
        (2, Edit::Extended),
        (3, Edit::ExportCrc),
        (4, Edit::ExportName),
        (3, Edit::ExportSections),
    ]);
    match edit {
        Edit::ExportCrc => return export_crc(random, module),
        Edit::ExportName => return export_name(random, module),
        Edit::ExportSections => return export_sections(random, module),
        Edit::Extended => return extended(random, module),
        _ => {}
    }
    let index = module.find(SECTION)?;
    let before = module.bytes.get(module.range_of(index))?;
    let mut entries: Vec<Vec<u8>> = before.chunks_exact(ENTRY).map(<[u8]>::to_vec).collect();
    if entries.is_empty() {
        return None;
    }
    let (at, other) = (random.below(entries.len()), random.below(entries.len()));
    let shown = |number: usize| name(&before[number * ENTRY + CRC..(number + 1) * ENTRY]);
    let words = match edit {
        Edit::Removed => {
            entries.remove(at);
            format!("version of {} removed", shown(at))
        }
        Edit::Doubled => {
            let mut entry = entries[at].clone();
            let same = random.below(2) == 0;
            entry[0] ^= u8::from(!same);
            let to = *random.pick(&[0, at, entries.len()]);
            entries.insert(to, entry);
            let which = if same { "the same" } else { "another" };
            format!("{which} version of {} again as number {to}", shown(at))
        }
        Edit::Moved => {
            let entry = entries.remove(at);
            entries.insert(other, entry);
            format!("version of {} as number {other}", shown(at))
        }
        Edit::Swapped => {
            entries.swap(at, other);
            format!(
                "versions of {} and {} in each other's place",
                shown(at),
                shown(other)
            )
        }
        Edit::OtherCrc => {
            let crc = entries[other][..CRC].to_vec();
            entries[at][..CRC].copy_from_slice(&crc);
            format!("{} with the version of {}", shown(at), shown(other))
        }
        Edit::Zero => {
            entries[at][..CRC].fill(0);
            format!("version of {} zero", shown(at))
        }
        Edit::HighBits => {
            entries[at][4 + random.below(4)] ^= 1 << random.below(8);
            format!("version of {} with a bit above the lowest 32", shown(at))
        }
        Edit::LongName => {
            let length = name(&entries[at][CRC..]).len();
            entries[at][CRC + length..].fill(b'x');
            format!("name of {} to the end of its entry", shown(at))
        }
        Edit::OtherName => {
            let length = name(&entries[at][CRC..]).len().max(1);
            entries[at][CRC + random.below(length)] ^= 0x20;
            format!("a letter of {} in the other case", shown(at))
        }
        Edit::BehindName => {
            let length = name(&entries[at][CRC..]).len();
            entries[at][CRC + (length + 1).min(55)..].fill(b'x');
            format!("bytes behind the name of {}", shown(at))
        }
        Edit::Added => {
            let mut entry = vec![0; ENTRY];
            entry[..4].copy_from_slice(b"\x78\x56\x34\x12");
            let name = *random.pick(&["kmm_absent", "printk", "module_layout", "kmm_open", ""]);
            entry[CRC..CRC + name.len()].copy_from_slice(name.as_bytes());
            let to = *random.pick(&[0, entries.len()]);
            entries.insert(to, entry);
            format!("a version of `{name}` as number {to}")
        }
        Edit::Size => {
            let mut bytes = before.to_vec();
            let length = match random.below(3) {
                0 => 0,
                1 => bytes.len() + 1 + random.below(ENTRY),
                _ => random.below(bytes.len()),
            };
            bytes.resize(length, 0);
            let bytes = module.clone().contents(SECTION, &bytes).bytes;
            return Some((bytes, format!("{SECTION} of {length} bytes")));
        }
        _ => {
            entries.sort_by_key(|entry| entry[CRC..].to_vec());
            format!("{SECTION} sorted by name")
        }
    };
    let after = entries.concat();
    (after != before).then(|| (module.clone().contents(SECTION, &after).bytes, words))
}

/// Bytes up to a zero, in print.
fn name(bytes: &[u8]) -> String {
    let length = bytes.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&bytes[..length.unwrap_or(bytes.len())]).into_owned()
}

/// The extended form beside `__versions`, which not every kernel reads.
fn extended(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let section = *random.pick(&["__version_ext_crcs", "__version_ext_names"]);
    let flags = *random.pick(&["alloc,readonly", "readonly"]);
    let words =
        format!("objcopy --add-section {section}=extra --set-section-flags {section}={flags}");
    Some((tools::run(&words, &module.bytes)?, words))
}

/// Sections of exports that the module has and that fit.
fn of_exports(module: &Elf, fits: impl Fn(&str) -> bool) -> Vec<String> {
    (1..module.sections())
        .map(|index| module.section_name(index))
        .filter(|name| fits(name))
        .collect()
}

/// Another checksum for what the module exports, or those of two exports swapped.
fn export_crc(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let tables = of_exports(module, |name| name.starts_with("__kcrctab"));
    if tables.is_empty() {
        return None;
    }
    let table = random.pick(&tables);
    let mut bytes = module.bytes.get(module.range(table))?.to_vec();
    let count = bytes.len() / 4;
    if count == 0 {
        return None;
    }
    let (a, b) = (random.below(count), random.below(count));
    let words = if a == b {
        bytes[4 * a] ^= 1;
        format!("{table} with another checksum as number {a}")
    } else {
        for byte in 0..4 {
            bytes.swap(4 * a + byte, 4 * b + byte);
        }
        format!("checksums {a} and {b} of {table} swapped")
    };
    let before = &module.bytes[module.range(table)];
    (bytes != before).then(|| (module.clone().contents(table, &bytes).bytes, words))
}

/// Another name for an export, or for its namespace.
fn export_name(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    const STRINGS: &str = "__ksymtab_strings";
    let range = module.range_of(module.find(STRINGS)?);
    let text = module.bytes.get(range.clone())?;
    let mut starts = vec![0];
    starts.extend((1..text.len()).filter(|&at| text[at - 1] == 0 && text[at] != 0));
    let at = *random.pick(&starts);
    let old = name(text.get(at..)?);
    if old.is_empty() {
        return None;
    }
    let new = *random.pick(&["_printk", "kfree", "jiffies", "kmm_gpl", "KMM", "init", ""]);
    if new.len() > old.len() || new == old {
        return None;
    }
    let mut field = vec![0; old.len()];
    field[..new.len()].copy_from_slice(new.as_bytes());
    let bytes = module.clone().set(range.start + at, &field).bytes;
    Some((bytes, format!("export `{old}` -> `{new}`")))
}

/// What was exported to everybody to GPL modules, and the other way round.
fn export_sections(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let sections = of_exports(module, |name| {
        name.starts_with("__ksymtab") && name != "__ksymtab_strings"
            || name.starts_with("__kcrctab")
    });
    if sections.is_empty() {
        return None;
    }
    let old = random.pick(&sections);
    let new = *random.pick(&[
        "__ksymtab",
        "__ksymtab_gpl",
        "__ksymtab_gpl_future",
        "__ksymtab_unused",
        "__kcrctab",
        "__kcrctab_gpl",
        "__kmm",
    ]);
    if old == new {
        return None;
    }
    // A checksum is no address of a function.
    if old.starts_with("__kcrctab") && new.starts_with("__ksymtab") {
        return None;
    }
    let bytes = module.clone().rename_section(old, new).bytes;
    Some((bytes, format!("section {old} renamed {new}")))
}
