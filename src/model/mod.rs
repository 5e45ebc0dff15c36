//! The nouns that all stages share: data only, no clients and no I/O.

pub mod accept;
pub mod finding;
pub mod layer;
pub mod module;
pub mod plan;
pub mod printable;
pub mod report;
pub mod target;
pub mod verdict;
