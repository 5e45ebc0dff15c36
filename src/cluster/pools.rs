//! What the cluster can be upgraded to, and which kernels its nodes then run.
//!
//! [`objects`] reads the pools' objects, [`needs`] decides what each pool needs, [`assign`]
//! puts it to what releases have; [`read`] asks the API server, and [`updates`] finds releases.

pub(crate) mod assign;
mod configurations;
pub(crate) mod needs;
pub(crate) mod objects;
pub(crate) mod read;
pub(crate) mod updates;
