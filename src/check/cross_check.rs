//! The cross-check: what KMM's own preflight reported is checked again from this machine.

pub(crate) mod looker;
pub(crate) mod report_rows;
pub(crate) mod running;
