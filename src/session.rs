//! From flags and inputs to what a run needs: images, objects and targets.

pub mod arch;
mod fleet;
pub mod open;
pub mod outcome;
mod releases;
pub mod requested;
pub mod selection;
pub mod shard;
pub mod stages;
pub mod targets;
