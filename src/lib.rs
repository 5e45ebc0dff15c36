//! Will every KMM Module still load on the new kernel?
//!
//! Data flows one way: inputs → plan → checks → report.
//!
//! # Module index
//! - [`build`]: builds Dockerfiles as KMM has them built in the cluster.
//! - [`check`]: puts the plans to images, kernels, builders and signers, side by side.
//! - [`cli`]: clap's types, and the names under which the binary is called.
//! - [`cluster`]: the connection, KMM's CRs, and why one is in progress.
//! - [`commands`]: one file a command; wires the stages together.
//! - [`image`]: layers as a file system, and where images are found.
//! - [`input`]: reads Modules and the objects they refer to from `-f`.
//! - [`judge`]: the rules of KMM's worker, modprobe and the kernel's loader (pure).
//! - [`kernel`]: what is known about a target kernel.
//! - [`kmod`]: kernel module files and depmod's indexes (pure).
//! - [`model`]: the nouns that all stages share (pure).
//! - [`plan`]: which image, sections and arguments are in force for a kernel (pure).
//! - [`registry`]: registries, layouts, credentials, mirrors.
//! - [`report`]: what was seen, as text and as data (pure).
//! - [`sign`]: signs modules of an image as the kernel's sign-file does.
//! - [`error`]: why a command could not run, and the exit codes.
//!
//! # Invariants
//! - Pure modules read no file, open no socket, start no process: `tests/layering.rs`.
//! - Only the binary prints; commands return text.
//! - What a check saw is a finding; an [`error::Error`] means that a command could not run.

pub mod build;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod error;
mod hex;
pub mod image;
pub mod input;
pub mod judge;
pub mod kernel;
pub mod kmod;
pub mod model;
pub mod plan;
pub mod registry;
pub mod report;
pub mod sign;
