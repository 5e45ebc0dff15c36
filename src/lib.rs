//! Will every KMM Module still load on the new kernel?
//!
//! # Module index
//! - [`model`]: the nouns that all stages share.
//! - [`kmod`]: kernel module files and depmod's indexes.

pub mod kmod;
pub mod model;
