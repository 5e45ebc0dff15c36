//! The API server: the way to it, who asks, and what it answers.
//!
//! [`kubeconfig`] and [`pod`] find the way, [`credentials`] and `tls` hold who asks, `transport`
//! and [`client`] connect, [`fault`] explains why a request failed; [`resource`] names what is read,
//! [`objects`] reads it.

pub(crate) mod client;
pub(crate) mod credentials;
pub(crate) mod fault;
pub(crate) mod kubeconfig;
pub(crate) mod objects;
mod overrides;
pub(crate) mod pod;
pub(crate) mod resource;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod warnings;
