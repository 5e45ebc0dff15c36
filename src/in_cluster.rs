//! The local validation in the cluster: as a Job, on a schedule, and as an alert.
//!
//! [`manifests`] and [`alert`] are the objects to apply, [`shards`] divides the Modules,
//! [`division`] tells the other pods how, [`progress`] reads how far a Job's pods are, [`reports`]
//! keeps each shard's report as a ConfigMap and [`merge`] makes one of them. Scheduling is
//! Kubernetes': an Indexed Job is the only engine.

pub(crate) mod alert;
pub(crate) mod division;
pub(crate) mod manifests;
pub(crate) mod merge;
pub(crate) mod progress;
pub(crate) mod reports;
pub(crate) mod shards;
mod texts;
