//! KMM: its Module, and what each release makes of it.

pub(crate) mod early;
pub(crate) mod module;
pub(crate) mod names;
pub(crate) mod owner;
pub(crate) mod plan;
pub(crate) mod planned;
pub(crate) mod releases;
pub(crate) mod schema;
pub(crate) mod worker;
