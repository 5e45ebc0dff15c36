//! Will every KMM Module still load on the new kernel?
//!
//! Data flows one way: inputs → plan → checks → report.
//!
//! # Module index
//! - [`cli`]: clap's types, and the names under which the binary is called.
//! - [`commands`]: one file per command; wires the stages together.
//! - [`session`]: flags and inputs → images, objects and targets.
//! - [`console`]: what a command shows while it runs.
//! - [`input`]: reads Modules and the objects they refer to from `-f`.
//! - [`kmm`]: KMM's Module, and which image, sections and arguments are in force (pure).
//! - [`cluster`]: the API server, KMM's CRs, and why one is in progress.
//! - [`images`]: registries, images on disk, and layers as a file system.
//! - [`kernel`]: where the facts about a target kernel come from.
//! - [`kernel_loader`]: a crate of its own, module files and the facts about kernels (pure).
//! - [`judge`]: the rules of KMM's worker, modprobe and the kernel's loader (pure).
//! - [`check`]: puts the plans to images, kernels, builders and signers, side by side.
//! - [`boot`]: puts modules to the target's own kernel in a virtual machine.
//! - [`image_build`]: builds Dockerfiles as KMM has them built in the cluster.
//! - [`sign`]: signs modules of an image as the kernel's sign-file does.
//! - [`in_cluster`]: the local validation as a Job, its shards and their reports.
//! - `net`: what every connection shares: proxies, trust, redirects, and what may be shown.
//! - [`findings`]: every code, its message and help, and what is accepted (pure).
//! - [`own_files`]: caches, logs and the private folder of a run, on disk.
//! - [`model`]: the nouns that all stages share (pure).
//! - [`report`]: what was seen, as text and as data (pure).
//! - [`error`]: why a command could not run, and the exit codes.
//!
//! # Invariants
//! - Pure modules read no file, open no socket, start no process: `tests/layering.rs`, and the
//!   manifest of [`kernel_loader`].
//! - Only the binary prints; commands return text.
//! - What a check saw is a finding; an [`error::Error`] means that a command could not run.

mod base64_text;
pub mod boot;
#[cfg(test)]
mod bounds;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod console;
pub mod error;
pub mod findings;
pub mod image_build;
pub mod images;
pub mod in_cluster;
pub mod input;
pub mod judge;
pub mod kernel;
pub mod kmm;
pub mod model;
mod net;
pub mod own_files;
pub mod report;
pub mod session;
pub mod sign;
