//! Will every KMM Module still load on the new kernel?
//!
//! # Module index
//! - [`model`]: the nouns that all stages share.

pub mod model;
