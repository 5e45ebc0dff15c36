//! The nouns that all stages share.

pub mod budget;
pub mod layer;
pub mod printable;
pub mod report;
pub mod target;
pub mod verdict;
