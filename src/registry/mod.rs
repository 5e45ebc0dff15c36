//! Registries and images on disk: every look at an image goes through here.
//!
//! [`credentials`] and [`mirrors`] decide whom to ask and as whom; [`retry`] when to ask
//! again; [`fault`] says why an image could not be read.

pub mod access;
pub mod credentials;
pub mod digest;
pub mod fault;
pub mod mirrors;
pub mod retry;
