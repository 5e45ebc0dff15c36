//! The Build stage: builds a Dockerfile with a builder of this machine, as KMM has it built
//! in the cluster, into an OCI layout on disk.
//!
//! [`args`], [`dockerfile`], [`lint`], [`command`], [`failure`] and [`redaction`] decide;
//! [`tool`] is the only place that starts a process, [`processes`] ends them all, and
//! [`leftovers`] removes what killed runs have left on disk.

pub(crate) mod args;
pub(crate) mod bases;
pub(crate) mod builder;
pub(crate) mod command;
pub(crate) mod credentials;
pub(crate) mod docker_config;
pub(crate) mod dockerfile;
pub(crate) mod failure;
mod inputs;
pub(crate) mod leftovers;
pub(crate) mod lint;
pub(crate) mod log;
pub(crate) mod processes;
pub(crate) mod redaction;
pub(crate) mod request;
pub(crate) mod stage;
pub(crate) mod tool;
