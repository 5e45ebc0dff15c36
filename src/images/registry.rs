//! Registries and images on disk: every look at an image goes through here.
//!
//! [`credentials`] and [`mirrors`] choose the registry and the credentials; [`retry`] decides when
//! to try again; [`fault`] is why an image could not be read.

pub(crate) mod access;
pub(crate) mod blob;
pub(crate) mod cache;
mod challenge;
pub(crate) mod client;
pub(crate) mod cluster_registry;
pub(crate) mod credentials;
pub(crate) mod digest;
mod endpoint;
pub(crate) mod fault;
pub(crate) mod folders;
pub(crate) mod http;
pub(crate) mod image_config;
pub(crate) mod manifest;
pub(crate) mod mirrors;
pub(crate) mod push;
pub(crate) mod reference;
mod refusal;
pub(crate) mod repository;
pub(crate) mod retry;
mod token;
pub(crate) mod trust;
