//! The command line: clap's types and nothing else.

pub(crate) mod candidates;
pub(crate) mod cluster;
pub mod config;
pub(crate) mod connection;
pub(crate) mod duration;
pub mod examples;
pub(crate) mod explain;
pub mod help;
pub(crate) mod image;
pub(crate) mod in_cluster;
pub mod invocation;
pub(crate) mod output;
pub(crate) mod pod_flags;
pub(crate) mod run;
pub mod screen;
pub(crate) mod shard;
pub(crate) mod stages;
pub(crate) mod target;

use clap::{Args, Parser, Subcommand};

use crate::cli::cluster::{DeleteArgs, GenerateArgs, StatusArgs};
use crate::cli::explain::ExplainArgs;
use crate::cli::image::{InspectArgs, KernelArgs};
use crate::cli::output::OutputArgs;
use crate::cli::run::{RegistryArgs, RunArgs};
use crate::cli::target::TargetArgs;

/// Will every KMM Module still load on the new kernel?
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-kmm-preflight",
    bin_name = "kubectl kmm preflight",
    version,
    about = "Will every KMM Module still load on the new kernel?",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to print, for every command.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate every Module against a kernel
    #[command(after_help = examples::RUN)]
    Run(Box<RunArgs>),
    /// Show the results of preflight CRs
    #[command(after_help = examples::STATUS)]
    Status(Box<StatusArgs>),
    /// Print the preflight CR for this cluster's KMM
    #[command(after_help = examples::GENERATE)]
    Generate(Box<GenerateArgs>),
    /// Delete preflight CRs
    #[command(after_help = examples::DELETE)]
    Delete(Box<DeleteArgs>),
    /// Print the kernels that a run with these flags would check
    #[command(after_help = examples::TARGETS)]
    Targets(Box<TargetsArgs>),
    /// Explain finding codes, or how each Module's spec is understood
    #[command(after_help = examples::EXPLAIN)]
    Explain(Box<ExplainArgs>),
    /// List the kernels of a release, driver-toolkit or machine-os image
    #[command(after_help = examples::KERNEL)]
    Kernel(Box<KernelArgs>),
    /// List the kernel modules in an image
    #[command(after_help = examples::INSPECT)]
    Inspect(Box<InspectArgs>),
    /// Print a completion script, or install completion for kubectl
    #[command(after_help = examples::COMPLETION)]
    Completion(CompletionArgs),
    /// Print the version of this program and of the cluster's KMM
    #[command(after_help = examples::VERSION)]
    Version(Box<VersionArgs>),
}

/// Arguments of `targets`.
#[derive(Debug, Args)]
pub struct TargetsArgs {
    /// Which kernels.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: crate::cli::connection::ConnectionArgs,
}

/// Arguments of `version`.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// The way to the cluster.
    #[command(flatten)]
    pub connection: crate::cli::connection::ConnectionArgs,
}

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// Shell of the script, or `install` for completion of `kubectl kmm`
    #[arg(value_enum)]
    pub what: CompletionTarget,
    /// Folder for `install` [default: the plugin's folder]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<std::path::PathBuf>,
}

/// What `completion` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CompletionTarget {
    /// Bash
    Bash,
    /// Elvish
    Elvish,
    /// Fish
    Fish,
    /// PowerShell
    Powershell,
    /// Zsh
    Zsh,
    /// Installs the completers that kubectl 1.26 and later calls
    Install,
}
