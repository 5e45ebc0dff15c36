//! From flags and inputs to what a run needs: images, objects and targets.

pub(crate) mod arch;
mod fleet;
pub(crate) mod inputs;
pub(crate) mod named;
pub(crate) mod open;
pub(crate) mod outcome;
mod releases;
pub(crate) mod request;
pub(crate) mod request_flags;
pub(crate) mod selection;
pub(crate) mod shard;
pub(crate) mod stages;
pub(crate) mod targets;
