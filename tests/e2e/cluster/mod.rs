//! Commands against a real API server. No operator runs: the tests write what KMM would
//! write, as each release does.

mod connection;
pub(crate) mod crds;
mod credentials;
mod cross_check;
mod diagnosis;
pub(crate) mod example;
mod in_cluster;
mod kept_reports;
mod lost_jobs;
pub(crate) mod operator;
mod releases;
mod resilience;
mod rights;
mod same_name;
mod targets;
mod terminal;
mod watching;
