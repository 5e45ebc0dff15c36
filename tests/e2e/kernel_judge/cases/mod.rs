//! The table of cases, by what they vary.

mod btf;
mod command_line;
mod crashes;
mod dependencies;
mod elf;
mod files;
mod indexes;
mod layers;
mod links;
mod messages;
mod places;
mod relocations;
mod sections;
mod signatures;
mod symbols;
mod versions;

pub(crate) use files::{gzip, xz, zstd};
pub(crate) use signatures::{sign, trusted_certificates};

use super::case::Case;
use super::forge::Forge;

/// What the cases of a table vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Files,
    Links,
    Indexes,
    Places,
    Layers,
    Elf,
    Sections,
    Relocations,
    Btf,
    Versions,
    Symbols,
    Dependencies,
    Signatures,
    Messages,
    CommandLine,
    Crashes,
}

/// A kernel's name as part of a case's.
pub(crate) fn kebab(name: &str) -> String {
    name.replace(['+', '_'], "-")
}

/// Every case for one kernel, by table.
pub(crate) fn tables(forge: &Forge) -> Vec<(Table, Vec<Case>)> {
    let mut tables = vec![
        (Table::Files, files::cases(forge)),
        (Table::Links, links::cases(forge)),
        (Table::Indexes, indexes::cases(forge)),
        (Table::Places, places::cases(forge)),
        (Table::Layers, layers::cases(forge)),
        (Table::Elf, elf::cases(forge)),
        (Table::Sections, sections::cases(forge)),
        (Table::Relocations, relocations::cases(forge)),
        (Table::Btf, btf::cases(forge)),
        (Table::Versions, versions::cases(forge)),
        (Table::Symbols, symbols::cases(forge)),
        (Table::Dependencies, dependencies::cases(forge)),
        (Table::Signatures, signatures::cases(forge)),
        (Table::Messages, messages::cases(forge)),
        (Table::CommandLine, command_line::cases(forge)),
        // Last, for each of these is another boot, with what is left.
        (Table::Crashes, crashes::cases(forge)),
    ];
    // Such a kmod takes the packed file for a module, as KMM's never does.
    if !forge.kernel.unpacks_gzip() {
        for (_, cases) in &mut tables {
            cases.retain(|case| !case.name.contains("gzip"));
        }
    }
    tables
}

/// Every case for one kernel.
pub(crate) fn all(forge: &Forge) -> Vec<Case> {
    let tables = tables(forge).into_iter();
    tables.flat_map(|(_, cases)| cases).collect()
}
