//! The Build stage: builds a Dockerfile with a builder of this machine, as KMM has it built
//! in the cluster, into an OCI layout on disk.
//!
//! [`args`], [`dockerfile`], [`lint`], [`command`], [`failure`] and [`redaction`] decide;
//! [`tool`] is the only place that starts a process, [`processes`] ends them all, and
//! [`leftovers`] removes what killed runs have left on disk.

pub mod args;
pub mod builder;
pub mod command;
pub mod credentials;
pub mod docker_config;
pub mod dockerfile;
pub mod failure;
pub mod leftovers;
pub mod lint;
pub mod log;
pub mod processes;
pub mod redaction;
pub mod stage;
pub mod tool;
