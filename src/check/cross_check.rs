//! The cross-check: what KMM's own preflight reported is checked again from this machine.

pub(crate) mod image_cross_check;
pub(crate) mod report_rows;
pub(crate) mod running;
