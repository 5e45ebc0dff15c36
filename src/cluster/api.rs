//! The API server: the way to it, who asks, and what it answers.
//!
//! [`kubeconfig`] and [`pod`] find the way, [`credentials`] and `tls` hold who asks, `transport`
//! and [`client`] connect, [`fault`] explains why a request failed; [`resource`] names what is read,
//! [`objects`] reads it.

pub mod client;
pub mod credentials;
pub mod fault;
pub mod kubeconfig;
pub mod objects;
mod overrides;
pub mod pod;
pub mod resource;
pub(crate) mod tls;
pub(crate) mod transport;
pub mod warnings;
