//! KMM: its Module, and what each release makes of it.

pub mod early;
pub mod module;
pub mod names;
pub mod owner;
pub mod plan;
pub mod planned;
pub mod releases;
pub mod schema;
pub(crate) mod worker;
