//! The cluster: whose KMM it is, what its preflight CRs say, and why they do not say more.
//!
//! [`kubeconfig`] and [`proxy`] find the way, [`client`] goes it, [`fault`] says why it
//! ended; [`resource`] names what is read, [`objects`] reads it.

pub mod client;
pub mod fault;
pub mod kubeconfig;
pub mod objects;
pub mod proxy;
pub mod resource;

pub use client::{Cluster, connect};
