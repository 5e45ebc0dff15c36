//! From flags and inputs to what a run needs: images, objects and targets.

pub mod arch;
pub mod open;
pub mod requested;
pub mod stages;
pub mod targets;
