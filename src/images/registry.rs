//! Registries and images on disk: every look at an image goes through here.
//!
//! [`credentials`] and [`mirrors`] decide whom to ask and as whom; [`retry`] when to ask
//! again; [`fault`] says why an image could not be read.

pub mod access;
pub mod blob;
pub mod cache;
mod challenge;
pub mod client;
pub(crate) mod cluster_registry;
pub mod credentials;
pub mod digest;
mod endpoint;
pub mod fault;
pub(crate) mod folders;
pub mod http;
pub mod manifest;
pub mod mirrors;
pub mod push;
mod refusal;
pub mod repository;
pub mod retry;
mod token;
pub mod trust;
