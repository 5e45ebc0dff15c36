//! KMM's worker, in which `modprobe` runs.
//!
//! - `tools`, `firmware`: what KMM runs in the image, and copies out of it.
//! - `copied`: what its init container copies, and where to.
//! - `command_line`: what it tells `modprobe`.
//! - `file_system`: what `modprobe` finds there.

pub(crate) mod command_line;
pub(crate) mod copied;
pub(crate) mod file_system;
pub(crate) mod firmware;
pub(crate) mod tools;
