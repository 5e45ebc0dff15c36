//! The cluster: whose KMM it is, what its preflight CRs say, and why they do not say more.
//!
//! [`kubeconfig`], [`pod`] and [`proxy`] find the way, [`credentials`] say who asks,
//! [`client`] goes it, [`fault`] says why it ended; [`resource`] names what is read, [`objects`]
//! reads it. [`generation`] tells which KMM serves the CRs, [`preflight`] is a CR of any release,
//! [`desired`] the one to create, [`detect`] asks for them, [`follow`] keeps an eye on one;
//! [`updates`] knows the releases that the cluster can go to.

pub mod client;
pub mod credentials;
pub mod cross_check;
pub mod desired;
pub mod detect;
pub mod diagnose;
pub mod direct;
pub mod fault;
pub mod follow;
pub mod generation;
pub mod kubeconfig;
pub mod objects;
pub mod pod;
pub mod preflight;
pub mod proxy;
pub mod resource;
pub mod survey;
pub mod updates;
pub mod warnings;

pub use client::{Cluster, connect};
