//! The local validation in the cluster: as a Job, on a schedule, and as an alert.
//!
//! [`manifests`] are the objects to apply, [`shards`] divides the Modules, [`reports`] keeps each
//! shard's report as a ConfigMap and merges them. Scheduling is Kubernetes': an Indexed Job is
//! the only engine.

pub mod manifests;
pub mod reports;
pub mod shards;
