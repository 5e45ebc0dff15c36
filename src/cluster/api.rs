//! The API server: the way to it, who asks, and what it answers.
//!
//! [`kubeconfig`], [`pod`] and [`proxy`] find the way, [`credentials`] hold who asks, [`client`]
//! connects, [`fault`] explains why a request failed; [`resource`] names what is read,
//! [`objects`] reads it.

pub mod client;
pub mod credentials;
pub mod direct;
pub mod fault;
pub mod kubeconfig;
pub mod objects;
pub mod pod;
pub mod proxy;
pub mod resource;
pub mod warnings;
