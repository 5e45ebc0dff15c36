//! KMM: its Module, and what each release makes of it.

pub mod module;
pub mod names;
pub mod plan;
pub mod planned;
pub mod releases;
pub mod schema;
pub(crate) mod worker;
