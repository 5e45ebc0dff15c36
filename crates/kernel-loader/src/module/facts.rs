//! What a module's ELF file says, gathered for the rules.

use std::borrow::Cow;

use crate::arch::Arch;
use crate::arch::sections::ArchSection;
use crate::module::btf::{self, Types};
use crate::module::content::{Content, View};
use crate::module::defects::{self, THIS_MODULE};
use crate::module::elf::{Elf, SHN_UNDEF, Section, string_at};
use crate::module::exports;
use crate::module::parameters;
use crate::module::{ElfFacts, ElfFault, Invalid, Limit, PerCpu, SymbolVersion, UndefinedSymbol};

/// `sizeof(struct modversion_info)` and the size of its CRC, by class.
const VERSION_ENTRY: usize = 64;
/// The most entries of `.modinfo`; the largest driver has some thousands.
const MOST_ENTRIES: usize = 1 << 18;

/// How much is read of an entry of `.modinfo` behind its section; no value is as long.
const LONGEST_TAIL: usize = 4096;

/// How much is gathered of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything that a rule may ask of a module that is to be loaded.
    Full,
    /// What the kernel's own modules are asked for: exports, `.modinfo`, `struct module`.
    Slim,
}

/// Gathers the facts about an uncompressed module, which ends after `length` bytes: its signature
/// is behind it.
///
/// # Errors
/// Why every kernel's loader refuses the file (`elf_validity_check`, `setup_load_info`).
pub fn gather(content: &Content<'_>, length: u64, depth: Depth) -> Result<ElfFacts, ElfFault> {
    content.look(length, |view| gather_from(view, depth))
}

fn gather_from(view: &View<'_>, depth: Depth) -> Result<ElfFacts, ElfFault> {
    let elf = Elf::parse(view)?;
    let symbols = elf.symbols()?;
    let Some((_, this_module)) = elf.find(THIS_MODULE) else {
        return Err(Invalid::NoModule.into());
    };
    let exports = exports::of(&elf, &symbols)?;
    let full = depth == Depth::Full;
    let content_of = |name: &str| elf.find(name).map(|(_, section)| elf.content(section));
    let text_of = |name: &str| -> Result<Option<&[u8]>, ElfFault> {
        let content = content_of(name);
        elf.pay(content.unwrap_or_default())?;
        Ok(content)
    };
    let with_memory = elf.find(".modinfo").map(|(_, section)| section);
    let information = with_memory.or_else(|| elf.find_any(".modinfo"));
    let (information, is_open) = information
        .map(|section| ended(&elf, section))
        .unwrap_or_default();
    elf.pay(&information)?;
    refuse_many_entries(&information)?;
    let mut facts = ElfFacts {
        is_64: elf.is_64(),
        little_endian: elf.little_endian(),
        machine: elf.machine,
        flags: elf.flags,
        modinfo: modinfo(&information),
        modinfo_without_memory: with_memory.is_none(),
        btf: elf
            .find_any(".BTF")
            .map(|section| elf.content(section))
            .filter(|content| !content.is_empty())
            .map(|content| btf::check(content, elf.little_endian(), Types::Own)),
        btf_base: elf
            .find_any(".BTF.base")
            .map(|section| elf.content(section))
            .map(|content| btf::check(content, elf.little_endian(), Types::Base)),
        exports,
        this_module_size: this_module.size,
        this_module_name: this_module_name(&elf, elf.content(this_module)),
        unversioned: unversioned(&elf),
        unflagged: has_exports(&elf, "__ksymtab") && elf.find(exports::FLAGS).is_none(),
        absent_sections: ArchSection::of(Arch::of_elf_machine(elf.machine))
            .iter()
            .copied()
            .filter(|section| !elf.sections.iter().any(|it| it.name == section.name()))
            .collect(),
        ..ElfFacts::default()
    };
    if full {
        facts.versions = text_of("__versions")?.map(|content| versions(&elf, content));
        facts.extended_versions = text_of("__version_ext_crcs")?
            .zip(text_of("__version_ext_names")?)
            .map(|(crcs, names)| extended_versions(&elf, crcs, names));
        facts.undefined = symbols
            .iter()
            .skip(1)
            .filter(|symbol| symbol.section == SHN_UNDEF)
            .map(|symbol| UndefinedSymbol {
                name: symbol.name.into(),
                weak: symbol.weak,
                has_value: symbol.value != 0,
            })
            .collect();
        facts.memory = elf.loaded_sections().fold(0, |sum: u32, (_, section)| {
            sum.wrapping_add(section.size as u32)
        });
        facts.per_cpu = elf.find(".data..percpu").map(|(_, section)| PerCpu {
            size: section.size,
            align: section.align,
        });
        facts.parameters = Some(parameters::of(&elf, &symbols)?);
        facts.defects = defects::of(&elf, &symbols);
        if is_open {
            facts
                .defects
                .extend(defects::open_information(&facts.modinfo));
        }
    }
    Ok(facts)
}

/// Refuses a `.modinfo` of so many short entries that they would take far more memory than
/// the file.
fn refuse_many_entries(content: &[u8]) -> Result<(), Limit> {
    let entries = content
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
        .take(MOST_ENTRIES + 1)
        .count();
    if entries > MOST_ENTRIES {
        return Err(Limit::Information(MOST_ENTRIES as u64));
    }
    Ok(())
}

/// `.modinfo` with its last entry as the kernel reads it: up to a NUL, wherever that is; and
/// whether the file ends first.
fn ended<'a>(elf: &Elf<'a>, section: &Section<'_>) -> (Cow<'a, [u8]>, bool) {
    let content = elf.content(section);
    if matches!(content.last(), None | Some(0)) {
        return (content.into(), false);
    }
    let rest = elf.content_behind(section);
    let end = rest.iter().position(|byte| *byte == 0);
    let longest = rest.len().min(LONGEST_TAIL);
    let whole = [content, &rest[..end.unwrap_or(longest)]].concat();
    (whole.into(), end.is_none())
}

/// `.modinfo` as `get_next_modinfo` walks it: strings between runs of NULs, each a tag and a
/// value around the first `=`. What has no `=` is no tag.
pub fn modinfo(content: &[u8]) -> Vec<(Box<str>, Box<str>)> {
    content
        .split(|byte| *byte == 0)
        .filter(|entry| !entry.is_empty())
        .filter_map(|entry| {
            let entry = String::from_utf8_lossy(entry);
            let (tag, value) = entry.split_once('=')?;
            Some((tag.into(), value.into()))
        })
        .collect()
}

/// `__versions`: `struct modversion_info`, a CRC as wide as a `long` and a name.
fn versions(elf: &Elf<'_>, content: &[u8]) -> Vec<SymbolVersion> {
    let crc_size = if elf.is_64() { 8 } else { 4 };
    content
        .chunks_exact(VERSION_ENTRY)
        .filter_map(|entry| {
            Some(SymbolVersion {
                name: string_at(&entry[crc_size..], 0)?.into(),
                crc: elf.native(entry, 0)?,
            })
        })
        .collect()
}

/// `__version_ext_crcs` and `__version_ext_names` (Linux 6.14, `modversion_ext_start`).
fn extended_versions(elf: &Elf<'_>, crcs: &[u8], names: &[u8]) -> Vec<SymbolVersion> {
    names
        .split(|byte| *byte == 0)
        .zip(0..crcs.len() as u64 / 4)
        .filter_map(|(name, index)| {
            Some(SymbolVersion {
                name: std::str::from_utf8(name).ok()?.into(),
                crc: elf.word(crcs, index * 4)?.into(),
            })
        })
        .collect()
}

/// `name` of `struct module`: it follows `state` and `list`.
fn this_module_name(elf: &Elf<'_>, content: &[u8]) -> Box<str> {
    let (at, longest) = if elf.is_64() { (24, 56) } else { (12, 60) };
    content
        .get(at..(at + longest).min(content.len()))
        .and_then(|name| string_at(name, 0))
        .unwrap_or_default()
        .into()
}

/// A table of exports that has entries, and no CRCs (`check_export_symbol_versions`).
fn unversioned(elf: &Elf<'_>) -> Option<Box<str>> {
    [
        ("__ksymtab", "__kcrctab"),
        ("__ksymtab_gpl", "__kcrctab_gpl"),
    ]
    .into_iter()
    .find(|(table, crcs)| has_exports(elf, table) && elf.find(crcs).is_none())
    .map(|(table, _)| table.into())
}

fn has_exports(elf: &Elf<'_>, table: &str) -> bool {
    // The name, its namespace and the value, as distances.
    const ENTRY: u64 = 12;
    let table = elf.find(table);
    table.is_some_and(|(_, table)| table.size >= ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modinfo_steps_over_runs_of_nuls() {
        let parsed = modinfo(b"license=GPL\0\0\0vermagic=6.1.0 SMP \0alias=a=b\0odd\0");
        let seen: Vec<(&str, &str)> = parsed
            .iter()
            .map(|(tag, value)| (&**tag, &**value))
            .collect();
        assert_eq!(
            seen,
            [
                ("license", "GPL"),
                ("vermagic", "6.1.0 SMP "),
                ("alias", "a=b"),
            ]
        );
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        for (bytes, fault) in [
            (&b""[..], Invalid::Empty),
            (b"#!/bin/sh\nexit 0 # not a module", Invalid::Magic),
            (
                b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0",
                Invalid::HeaderLength(16),
            ),
        ] {
            let seen = gather(&Content::of(bytes), bytes.len() as u64, Depth::Full);
            assert_eq!(seen, Err(ElfFault::Invalid(fault)));
        }
    }
}
