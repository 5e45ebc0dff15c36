//! The cross-check: what KMM's own preflight reported is checked again from this machine.

pub mod looker;
pub mod report_rows;
pub mod running;
