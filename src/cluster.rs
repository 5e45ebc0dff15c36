//! The cluster: whose KMM it is, what its preflight CRs report, and why they do not report more.
//!
//! [`api`] connects and reads objects, [`kmm`] knows KMM's CRs of every release, [`pools`] which
//! releases the cluster can go to.

pub(crate) mod api;
pub(crate) mod kmm;
pub(crate) mod pools;
pub(crate) mod rbac;
pub(crate) mod registry;

pub(crate) use api::client::{Cluster, connect};
