//! The commands that work on preflight CRs: `status`, `generate`, `delete`, and the flags
//! of `run` that mean something with a cluster only.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::connection::ConnectionArgs;
use crate::cli::duration::parse_duration;
use crate::cli::in_cluster::InClusterArgs;
use crate::cli::run::{RegistryArgs, SourceArgs};
use crate::cli::target::TargetArgs;
use crate::findings::accept::Accept;
use crate::kmm::releases::KmmRelease;

/// Flags of `run` for a run by the cluster's KMM.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterRunArgs {
    /// Wait until every module is decided
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub wait: bool,
    /// Print the CR without creating it; with `server` the API server validates it
    #[arg(long, value_enum, value_name = "HOW", default_value_t = DryRun::None)]
    pub dry_run: DryRun,
    /// Delete the CR of this run afterwards, whatever the result
    #[arg(long)]
    pub cleanup: bool,
    /// Check the images as well, because KMM does not check their contents
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = CrossCheck::Auto)]
    pub cross_check: CrossCheck,
}

/// `--dry-run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    /// Create the CR
    None,
    /// Print it
    Client,
    /// Print it as the API server would store it
    Server,
}

/// `--cross-check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CrossCheck {
    /// Every module that KMM decided on its image
    Auto,
    /// None
    Off,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Name of the preflight CR [default: all of them, the newest first]
    pub name: Option<String>,
    /// Refresh until every module has a result
    #[arg(short, long)]
    pub watch: bool,
    /// The last report of a validation in the cluster, such as a CronJob's; NAME is its name
    #[arg(long, conflicts_with_all = ["watch", "selector"])]
    pub last: bool,
    /// The namespace of its reports [default: openshift-kmm]
    #[arg(long, value_name = "NAMESPACE")]
    pub job_namespace: Option<String>,
    /// Only Modules of this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Modules of all namespaces (the default)
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only preflight CRs with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "name")]
    pub selector: Option<String>,
    /// Accept a finding: it is shown, but no longer affects the verdict (repeatable)
    #[arg(long, value_name = "CODE[=NAMESPACE/MODULE]")]
    pub accept: Vec<Accept>,
    /// For compatibility with kubectl; has no effect
    #[arg(long, value_name = "DIR", hide = true)]
    pub cache_dir: Option<PathBuf>,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// Arguments of `generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// Name of the CR [default: from the target]
    pub name: Option<String>,
    /// KMM release to print the CR for, such as 2.3 or upstream-2.3 [default: the cluster's]
    #[arg(long, value_name = "X.Y")]
    pub kmm_version: Option<KmmRelease>,
    /// Print the images that the Modules need on these kernels, one per line, or as
    /// additionalImages of an oc-mirror ImageSetConfiguration, instead of a CR
    #[arg(long, value_enum, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "plain")]
    pub image_list: Option<ImageList>,
    /// Which Modules, with --image-list.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Have KMM push what it builds and signs
    #[arg(long)]
    pub push_built_image: bool,
    /// Print the ClusterRoles of least rights instead of a CR
    #[arg(long)]
    pub rbac: bool,
    /// What runs in the cluster instead of KMM's preflight.
    #[command(flatten)]
    pub in_cluster: InClusterArgs,
    /// Which kernel.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to reach the registries, where a release image has to be resolved.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// `--image-list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageList {
    /// One image per line
    Plain,
    /// For oc-mirror v2
    OcMirror,
}

/// Arguments of `delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// The preflight CRs
    #[arg(required_unless_present_any = ["verified", "selector"])]
    pub names: Vec<String>,
    /// Every CR whose modules are all verified
    #[arg(long, conflicts_with = "names")]
    pub verified: bool,
    /// Every CR with these labels
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with = "names")]
    pub selector: Option<String>,
    /// Wait until dependent objects are deleted as well
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pub wait: bool,
    /// Maximum time to wait
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "2m")]
    pub timeout: Duration,
    /// For compatibility with kubectl; has no effect
    #[arg(long, value_name = "DIR", hide = true)]
    pub cache_dir: Option<PathBuf>,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
