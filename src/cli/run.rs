//! `run`, and the flags that it shares: which Modules, which registries.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use crate::cli::cluster::ClusterRunArgs;
use crate::cli::connection::ConnectionArgs;
use crate::cli::duration::parse_duration;
use crate::cli::in_cluster::JobRunArgs;
use crate::cli::shard::ShardArgs;
use crate::cli::stages::StageArgs;
use crate::cli::target::TargetArgs;
use crate::findings::accept::Accept;
use crate::images::registry::client::check_reference;
use crate::kmm::plan::template;
use crate::kmm::plan::variables::{TemplateField, variables};
use crate::kmm::releases::KmmRelease;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Name of the preflight CR, or of the Job with --in-cluster [default: from the target]
    #[arg(conflicts_with = "local")]
    pub name: Option<String>,
    /// Validate from this machine, without KMM
    #[arg(long)]
    pub local: bool,
    /// Validate in the cluster: apply a Job, follow it, print its result and remove it
    #[arg(long, conflicts_with = "local")]
    pub in_cluster: bool,
    /// The Job of a validation in the cluster.
    #[command(flatten)]
    pub job: JobRunArgs,
    /// Push what is built and signed
    #[arg(long)]
    pub push_built_image: bool,
    /// Which Modules.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Which kernels.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// Modules checked in parallel [default: 4 per core]
    #[arg(help_heading = "Run", short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Stop at the first module that is not verified
    #[arg(help_heading = "Run", long)]
    pub fail_fast: bool,
    /// Stop after this time, such as 90s, 10m or 1h30m, and print the results so far
    #[arg(help_heading = "Run", long, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Accept a finding: it is shown, but no longer affects the verdict (repeatable)
    #[arg(help_heading = "Run", long, value_name = "CODE[=NAMESPACE/MODULE]")]
    pub accept: Vec<Accept>,
    /// Which part of the Modules.
    #[command(flatten)]
    pub shard: ShardArgs,
    /// What a local run builds and signs.
    #[command(flatten)]
    pub stages: StageArgs,
    /// What a run by the cluster's KMM does.
    #[command(flatten)]
    pub cluster: ClusterRunArgs,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// Flags for a run by the cluster's KMM only.
pub(crate) const CLUSTER_ONLY: [&str; 4] = ["wait", "dry-run", "cleanup", "cross-check"];
/// Flags for a local run only.
pub(crate) const LOCAL_ONLY: [&str; 7] = [
    "pushgateway",
    "filename",
    "fail-fast",
    "builder",
    "stages",
    "build-jobs",
    "boot",
];

/// Flags that select Modules.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Modules")]
pub struct SourceArgs {
    /// File, folder, URL or `-`: Modules, ManagedClusterModules, ConfigMaps, Secrets,
    /// Lists, or a PreflightValidation(OCP), which then sets the target (repeatable) [default:
    /// the cluster's Modules]
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|URL|-")]
    pub files: Vec<OsString>,
    /// Folder with a kustomization, as kubectl's -k (repeatable)
    #[arg(short = 'k', long, value_name = "DIR")]
    pub kustomize: Vec<OsString>,
    /// Image template that a Module's owner will set for kernels without a mapping (repeatable)
    #[arg(long, value_name = "NAMESPACE/NAME=IMAGE", value_parser = parse_assumed)]
    pub assume_image: Vec<AssumedImage>,
    /// Only Modules of this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Modules of all namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only Modules with these labels, as kubectl's -l
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub selector: Option<String>,
}

/// One `--assume-image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedImage {
    /// The Module's namespace.
    pub namespace: String,
    /// The Module's name.
    pub name: String,
    /// A template, as in `containerImage`.
    pub template: String,
}

/// A registry as images name it.
fn parse_host(text: &str) -> Result<String, String> {
    let is_part =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    match !text.is_empty() && text.chars().all(is_part) {
        true => Ok(text.to_owned()),
        false => Err("not HOST or HOST:PORT, as in the image's name".to_owned()),
    }
}

fn parse_assumed(text: &str) -> Result<AssumedImage, String> {
    let parts = text.split_once('=').and_then(|(module, template)| {
        let (namespace, name) = module.split_once('/')?;
        let is_filled = !namespace.is_empty() && !name.is_empty() && !template.is_empty();
        is_filled.then(|| AssumedImage {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            template: template.to_owned(),
        })
    });
    let assumed = parts.ok_or_else(|| {
        "not NAMESPACE/NAME=IMAGE (with templates as in containerImage)".to_owned()
    })?;
    // Any kernel shows whether the template makes an image's name.
    let field = TemplateField::ContainerImage {
        name: &assumed.name,
        namespace: &assumed.namespace,
    };
    let variables = variables("5.14.0-1.x86_64", field, KmmRelease::NEWEST)
        .map_err(|error| error.to_string())?;
    let image =
        template::substitute(&assumed.template, &variables).map_err(|error| error.to_string())?;
    check_reference(&image)?;
    Ok(assumed)
}

impl SourceArgs {
    /// True where no file names Modules, so that they come from the cluster.
    pub fn is_cluster(&self) -> bool {
        self.files.is_empty() && self.kustomize.is_empty()
    }
}

/// Flags that say how to reach registries.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// Look images up on disk first: in an OCI layout (folder or tar archive), or in what `docker
    /// save`, `podman save`, `oc mirror` or `oc image mirror` wrote (repeatable)
    #[arg(long, value_name = "DIR|FILE")]
    pub oci_layout: Vec<PathBuf>,
    /// Credentials, as podman and skopeo write them
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// Mirrors and insecure registries, as podman reads them
    #[arg(long, value_name = "FILE")]
    pub registries_conf: Option<PathBuf>,
    /// Registry with plain HTTP, or TLS without verification (repeatable)
    #[arg(long, value_name = "HOST[:PORT]", value_parser = parse_host)]
    pub insecure_registry: Vec<String>,
    /// Certificate authorities to trust besides the system's, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Cache for facts about layers and kernels
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Maximum size of the cache; the oldest entries are removed first
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub cache_size: ByteSize,
    /// Neither read nor write the cache
    #[arg(long)]
    pub no_cache: bool,
}
