//! `explain`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::connection::ConnectionArgs;
use crate::cli::run::SourceArgs;
use crate::cli::target::TargetArgs;
use crate::kmm::releases::KmmRelease;

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Finding codes to explain, instead of Modules
    #[arg(value_name = "CODE", conflicts_with = "files")]
    pub codes: Vec<String>,
    /// List every finding code
    #[arg(long, conflicts_with_all = ["codes", "files"])]
    pub list: bool,
    /// Which Modules.
    #[command(flatten)]
    pub source: SourceArgs,
    /// KMM release whose rules apply, such as 2.3 or upstream-2.3 [default: the cluster's, or the
    /// newest]
    #[arg(long, value_name = "X.Y")]
    pub kmm_version: Option<KmmRelease>,
    /// Certificate authorities to trust besides the system's where -f is a URL, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Which kernels.
    #[command(flatten)]
    pub target: TargetArgs,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
