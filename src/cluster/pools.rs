//! What the cluster can be upgraded to.

pub mod updates;
