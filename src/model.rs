//! The nouns that all stages share.

pub(crate) mod budget;
pub(crate) mod layer;
pub(crate) mod printable;
pub(crate) mod report;
pub(crate) mod target;
pub(crate) mod verdict;
