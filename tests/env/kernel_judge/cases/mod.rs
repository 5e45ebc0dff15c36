//! The table of cases, by what they vary.

mod command_line;
mod dependencies;
mod elf;
mod files;
mod layers;
mod signatures;
mod symbols;
mod versions;

pub(crate) use signatures::trusted_certificates;

use super::case::Case;
use super::forge::Forge;

/// Every case for one kernel.
pub(crate) fn all(forge: &Forge) -> Vec<Case> {
    [
        files::cases(forge),
        layers::cases(forge),
        elf::cases(forge),
        versions::cases(forge),
        symbols::cases(forge),
        dependencies::cases(forge),
        signatures::cases(forge),
        command_line::cases(forge),
    ]
    .concat()
}
