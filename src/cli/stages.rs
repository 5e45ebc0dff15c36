//! Flags of `run --local` about Build and Sign.

use clap::Args;

use crate::boot::queue::BootMode;
use crate::image_build::builder::{Choice, IsolationChoice};
use crate::kmm::releases::{Flavor, KmmRelease};
use crate::model::verdict::StageSet;

/// Which stages run, and how images are built.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Build and Sign (--local)")]
pub struct StageArgs {
    /// KMM release whose rules apply, such as 2.3 or upstream-2.3 [default: the cluster's, or the
    /// newest]
    #[arg(long, value_name = "X.Y")]
    pub kmm_version: Option<KmmRelease>,
    /// Whose KMM loads the modules [default: the cluster's, or OpenShift's]
    #[arg(long, value_enum, value_name = "FLAVOR")]
    pub kmm_flavor: Option<Flavor>,
    /// Program that builds images
    #[arg(long, value_enum, value_name = "BUILDER", default_value_t = Choice::Auto)]
    pub builder: Choice,
    /// Isolation of the Dockerfile's steps from this machine (buildah, podman)
    #[arg(long, value_enum, value_name = "ISOLATION", default_value_t = IsolationChoice::Auto)]
    pub build_isolation: IsolationChoice,
    /// Stages that may run: a list of image, build, sign
    #[arg(long, value_name = "STAGES", default_value = "image,build,sign")]
    pub stages: StageSet,
    /// Images built in parallel [default: 1 per 2 cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub build_jobs: Option<u16>,
    /// Load the modules on the target's own kernel in QEMU: off, auto (if QEMU and a bootable
    /// kernel are available), or require (an error if they are not)
    #[arg(help_heading = "Run", long, value_enum, value_name = "WHEN", hide_possible_values = true, default_value_t = BootMode::Off, requires = "local")]
    pub boot: BootMode,
    /// Check modules again when their Module, ConfigMap or Secret changes, until all are verified
    #[arg(short, long, requires = "local")]
    pub watch: bool,
}
