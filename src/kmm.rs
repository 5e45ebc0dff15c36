//! KMM: its Module, and what each release makes of it.

pub mod module;
pub mod plan;
pub mod planned;
pub(crate) mod worker;
