//! Where the facts about a target kernel come from: images, and a folder on disk.

pub(crate) mod release;
pub(crate) mod sources;
pub(crate) mod streams;
