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

/// A kernel's name as part of a case's.
pub(crate) fn kebab(name: &str) -> String {
    name.replace(['+', '_'], "-")
}

/// Every case for one kernel.
pub(crate) fn all(forge: &Forge) -> Vec<Case> {
    [
        files::cases(forge),
        links::cases(forge),
        indexes::cases(forge),
        places::cases(forge),
        layers::cases(forge),
        elf::cases(forge),
        sections::cases(forge),
        relocations::cases(forge),
        btf::cases(forge),
        versions::cases(forge),
        symbols::cases(forge),
        dependencies::cases(forge),
        signatures::cases(forge),
        messages::cases(forge),
        command_line::cases(forge),
        // Last, for each of these is another boot, with what is left.
        crashes::cases(forge),
    ]
    .concat()
}
