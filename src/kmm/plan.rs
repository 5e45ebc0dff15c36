//! Plans: every Module on every target, with everything resolved that its spec alone decides.
//!
//! [`mapping`] finds the kernel mapping, [`merge`] puts its sections over the container's,
//! [`template`] substitutes, [`admission`] says what KMM's webhook would refuse.

pub mod admission;
pub mod go_regexp;
pub mod mapping;
pub mod merge;
pub mod resolve;
pub mod template;
pub mod variables;

pub use resolve::plan;
