//! The kernel's `load_module` (`kernel/module/main.c`), step by step: [`machine`] goes through
//! the steps in their order, and each says in typed remarks what it minds.

pub(crate) mod elf;
pub mod exports;
pub(crate) mod facts_needed;
pub mod machine;
pub(crate) mod modinfo;
pub mod outcome;
pub mod parameters;
pub mod signature;
pub(crate) mod symbols;
pub(crate) mod versions;

#[cfg(test)]
mod tests;
