//! Where the facts about a target kernel come from: images, and a folder on disk.

pub mod release;
pub mod sources;
pub mod streams;
