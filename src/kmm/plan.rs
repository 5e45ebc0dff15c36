//! Plans: every Module on every target, with everything resolved that its spec alone decides.
//!
//! [`mapping`] finds the kernel mapping, [`merge`] puts its sections over the container's,
//! [`template`] substitutes, [`admission`] says what KMM's webhook would refuse.

pub(crate) mod admission;
pub(crate) mod go_regexp;
pub(crate) mod mapping;
pub(crate) mod merge;
pub(crate) mod resolve;
pub(crate) mod template;
pub(crate) mod variables;

pub(crate) use resolve::plan;
