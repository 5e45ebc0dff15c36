//! How the builds of a run are made, and what one of them needs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::image_build::bases::Base;
use crate::image_build::builder::{Choice, IsolationChoice};
use crate::images::registry::access::Access;
use crate::images::registry::mirrors::Mirrors;
use crate::images::registry::trust::TrustPlaces;
use crate::kmm::module::TlsOptions;
use crate::model::target::Arch;

/// How the builds of a run are made.
#[derive(Debug, Clone)]
pub struct BuildConfig {
    /// `--builder`
    pub choice: Choice,
    /// `--build-isolation`
    pub isolation: IsolationChoice,
    /// How many builds run at once.
    pub jobs: usize,
    /// Where logs are kept; `None` keeps none.
    pub logs: Option<PathBuf>,
    /// `--insecure-registry`: hosts of base images that may be plain HTTP.
    pub insecure_registries: Vec<String>,
    /// `--registries-conf`
    pub registries_conf: Option<PathBuf>,
    /// The rules of registries.conf and of the mirror sets.
    pub mirrors: Mirrors,
    /// `--ca-file`
    pub ca_file: Option<PathBuf>,
    /// The certificates of single registries.
    pub trust: TrustPlaces,
    /// The results will be pushed, so their layers are worth compressing.
    pub for_push: bool,
}

/// One build, with everything that it needs at hand.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// What log and messages call it: `namespace/name`, kernel and architecture.
    pub title: String,
    /// The Dockerfile's text.
    pub dockerfile: String,
    /// Build arguments.
    pub args: Vec<(String, String)>,
    /// Secrets by name, their entries by key.
    pub secrets: Vec<(String, BTreeMap<String, Vec<u8>>)>,
    /// `baseImageRegistryTLS`
    pub base_tls: TlsOptions,
    /// Credentials for base images.
    pub access: Access,
    /// Base images that the builder does not reach.
    pub bases: Vec<Base>,
    /// The architecture to build for.
    pub arch: Arch,
}
