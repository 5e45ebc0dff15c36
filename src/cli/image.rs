//! The commands that are about one image: `inspect` and `kernel`.

use clap::Args;

use crate::cli::connection::ConnectionArgs;
use crate::cli::run::RegistryArgs;
use crate::model::target::Arch;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The image
    pub image: String,
    /// Architecture to read [default: this machine's, or the image's only one]
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<Arch>,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// The way to the cluster whose own registry has the image.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// Arguments of `kernel`.
#[derive(Debug, Args)]
pub struct KernelArgs {
    /// A release, driver-toolkit or machine-os image
    pub image: String,
    /// Architecture to resolve (repeatable) [default: this machine's, or the image's only one]
    #[arg(long, value_name = "ARCH")]
    pub arch: Vec<Arch>,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
    /// The way to the cluster whose own registry has the image.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}
