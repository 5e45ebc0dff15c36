//! The commands that are about one image: `inspect` and `kernel`.

use clap::Args;

use crate::cli::run::RegistryArgs;
use crate::model::target::Arch;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The image
    pub image: String,
    /// The architecture to look at; without it this machine's, or the one that the image is for
    #[arg(long, value_name = "ARCH")]
    pub arch: Option<Arch>,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// Arguments of `kernel`.
#[derive(Debug, Args)]
pub struct KernelArgs {
    /// A release, driver-toolkit or machine-os image
    pub image: String,
    /// The architecture to resolve (repeatable); without it this machine's, or the one that
    /// the image is for
    #[arg(long, value_name = "ARCH")]
    pub arch: Vec<Arch>,
    /// How to reach the registries.
    #[command(flatten)]
    pub registry: RegistryArgs,
}
