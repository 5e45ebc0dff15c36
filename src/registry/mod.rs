//! Registries and images on disk: every look at an image goes through here.
//!
//! [`credentials`] and [`mirrors`] decide whom to ask and as whom; [`retry`] when to ask
//! again; [`fault`] says why an image could not be read.

pub mod access;
pub mod cache;
pub mod credentials;
pub mod digest;
pub mod fault;
pub mod layout;
pub mod manifest;
pub mod mirrors;
pub mod retry;
