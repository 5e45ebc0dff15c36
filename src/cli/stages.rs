//! Flags of `run --local` about Build and Sign.

use clap::Args;

use crate::check::stages::StageSet;
use crate::image_build::builder::{Choice, IsolationChoice};
use crate::kmm::releases::KmmRelease;

/// Which stages run, and how images are built.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Build and Sign (--local)")]
pub struct StageArgs {
    /// The KMM release whose rules apply, such as 2.3 or upstream-2.3, instead of the
    /// cluster's, or the newest
    #[arg(long, value_name = "X.Y")]
    pub kmm_version: Option<KmmRelease>,
    /// What builds images
    #[arg(long, value_enum, value_name = "BUILDER", default_value_t = Choice::Auto)]
    pub builder: Choice,
    /// What isolates the steps of a Dockerfile from this machine (buildah, podman)
    #[arg(long, value_enum, value_name = "ISOLATION", default_value_t = IsolationChoice::Auto)]
    pub build_isolation: IsolationChoice,
    /// Which stages may run: a list of image, build, sign
    #[arg(long, value_name = "STAGES", default_value = "image,build,sign")]
    pub stages: StageSet,
    /// How many images are built at once; without it one for two cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub build_jobs: Option<u16>,
    /// Check what is not verified again when its Module, ConfigMap or Secret changes, until
    /// everything is verified
    #[arg(short, long, requires = "local")]
    pub watch: bool,
}
