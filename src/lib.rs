//! Will every KMM Module still load on the new kernel?
//!
//! Data flows one way: inputs → plan → checks → report.
//!
//! # Module index
//! - `cli`: clap's types, and the names under which the binary is called.
//! - `commands`: one file per command; wires the stages together.
//! - `session`: flags and inputs → images, objects and targets.
//! - `console`: what a command shows while it runs.
//! - `input`: reads Modules and the objects they refer to from `-f`.
//! - `kmm`: KMM's Module, and which image, sections and arguments are in force (pure).
//! - `cluster`: the API server, KMM's CRs, and why one is in progress.
//! - `images`: registries, images on disk, and layers as a file system.
//! - `kernel`: where the facts about a target kernel come from.
//! - [`kernel_loader`]: a crate of its own: what modprobe loads and the kernel takes (pure).
//! - `judge`: an image, as KMM's worker sees it, put to that loader (pure).
//! - `check`: puts the plans to images, kernels, builders and signers, side by side.
//! - `boot`: puts modules to the target's own kernel in a virtual machine.
//! - `image_build`: builds Dockerfiles as KMM has them built in the cluster.
//! - `sign`: signs modules of an image as the kernel's sign-file does.
//! - `in_cluster`: the local validation as a Job, its shards and their reports.
//! - `net`: what every connection shares: proxies, trust, redirects, and what may be shown.
//! - `findings`: every code, its message and help, and what is accepted (pure).
//! - `own_files`: caches, logs and the private folder of a run, on disk.
//! - `model`: the nouns that all stages share (pure).
//! - `report`: what was seen, as text and as data (pure).
//! - `error`: why a command could not run, and the exit codes.
//!
//! # Invariants
//! - Pure modules read no file, open no socket, start no process: `tests/layering.rs`, and the
//!   manifest of [`kernel_loader`].
//! - Only the binary prints; commands return text.
//! - What a check saw is a finding; an `error::Error` means that a command could not run.

mod base64_text;
mod boot;
#[cfg(test)]
mod bounds;
mod check;
mod cli;
mod cluster;
mod commands;
mod console;
mod error;
mod findings;
mod image_build;
mod images;
mod in_cluster;
mod input;
mod judge;
mod kernel;
mod kmm;
mod model;
mod net;
mod own_files;
mod report;
mod session;
mod sign;

/// What the binary calls. There is no interface for other programs but the command line.
pub mod program {
    pub use crate::cli::{config, invocation, screen};
    pub use crate::commands::{complete, run};
    pub use crate::error::{EXIT_UNDECIDED, EXIT_USAGE, EXIT_VERIFIED};
    pub use crate::model::printable::printable;
}

/// What the tests of this repository use beside the command line. The modules are private, so that
/// the compiler reports unused code.
pub mod for_tests {
    pub use crate::cli::{Cli, examples, help, invocation};
    pub use crate::input::yaml;
    // The parsers of untrusted files, for the fuzz targets and their corpus.
    #[cfg(feature = "test-env")]
    pub use crate::boot::cases_of_tests::{CaseAnswer, Guest};
    pub use crate::images::layers::layer_limits::LayerLimits;
    pub use crate::images::layers::layer_reader::{Purpose, Reading, read_layer};
    pub use crate::images::layers::overlay::Overlay;
    pub use crate::images::registry::image_config::ImageConfig;
    pub use crate::judge::{LoadCase, judge};
    pub use crate::kmm::module::{Modprobe, TlsOptions};
    pub use crate::kmm::planned::Work;
    pub use crate::kmm::releases::KmmRelease;
    pub use crate::model::budget::Budget;
    pub use crate::model::layer::{Content, LayerIndex, Node};
    pub use crate::model::target::Target;
    pub use kernel_loader::arch::Arch;
    pub use kernel_loader::signature::verification::Trust;
    // Stages against real registries, builders and kernels.
    pub use crate::{
        check::facts::FactsStore,
        check::image::ImageCheck,
        check::objects::Objects,
        check::run::{Outcome, Slot},
        check::stages::Stages,
        findings::finding::{Code, Effect, Finding},
        image_build::builder::{Choice, IsolationChoice},
        image_build::request::{BuildConfig, BuildRequest},
        image_build::stage::{Builds, Built},
        images::open::{Images, ImagesConfig},
        images::open_image::OpenImage,
        images::registry::access::Access,
        images::registry::credentials::source::{Credential, CredentialSource, SecretText},
        images::registry::http::HttpConfig,
        images::registry::mirrors::rules::Mirrors,
        images::registry::trust::TrustPlaces,
        kmm::early::ModuleKind,
        kmm::module::{Build, Sign},
        kmm::planned::Plan,
        model::report::Origin,
        model::verdict::{Stage, StageSet, Verdict},
        own_files::workspace::Scratch,
        sign::keys::{KeyFault, Signer},
        sign::{appended, pkcs7},
    };
}
