//! `run`: by the cluster's KMM, or from this machine.

pub mod cluster;
pub mod create;
mod division;
mod in_cluster;
mod kept_report;
pub(crate) mod kmm_release;
pub mod local;
mod metrics;
pub mod watched;

use std::ffi::OsString;

use crate::cli::cluster::{CrossCheck, DryRun};
use crate::cli::run::RunArgs;
use crate::console::output::{Console, Done};
use crate::error::Error;
use crate::image_build::builder::{Choice, IsolationChoice};
use crate::model::verdict::StageSet;

/// Runs where the flags say.
///
/// # Errors
/// Flags that make no sense together, and whatever keeps the run from starting.
pub async fn run(args: &RunArgs, console: &Console<'_>, words: &[OsString]) -> Result<Done, Error> {
    if args.in_cluster {
        return in_cluster::run(args, console, words).await;
    }
    refuse(
        &of_pods(args),
        "is for a run in the cluster",
        "Add --in-cluster.",
    )?;
    if args.local {
        refuse(
            &of_cluster(args),
            "is only for runs with the cluster's KMM",
            "Remove it or --local.",
        )?;
        local::run(args, console).await
    } else {
        refuse(&of_local(args), "is only for local runs", "Add --local.")?;
        cluster::run(args, console).await
    }
}

/// Images that are looked at side by side (`--jobs`): by default four a core, for a look mostly
/// waits for registries.
pub(super) fn jobs(args: &RunArgs) -> usize {
    args.jobs.map_or_else(
        || 4 * std::thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    )
}

fn refuse(given: &[(&str, bool)], why: &str, hint: &str) -> Result<(), Error> {
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(Error::Usage {
            message: format!("{flag} {why}"),
            hint: hint.to_owned(),
        }),
    }
}

fn of_pods(args: &RunArgs) -> [(&'static str, bool); 3] {
    let pods = &args.job.pods;
    [
        ("--shards", pods.shards.is_some()),
        ("--image", pods.image.is_some()),
        ("--job-namespace", pods.job_namespace.is_some()),
    ]
}

fn of_cluster(args: &RunArgs) -> [(&'static str, bool); 4] {
    let cluster = &args.cluster;
    [
        ("--wait=false", !cluster.wait),
        ("--dry-run", cluster.dry_run != DryRun::None),
        ("--cleanup", cluster.cleanup),
        ("--cross-check=off", cluster.cross_check != CrossCheck::Auto),
    ]
}

fn of_local(args: &RunArgs) -> [(&'static str, bool); 10] {
    let stages = &args.stages;
    [
        ("-f", !args.source.files.is_empty()),
        ("-k", !args.source.kustomize.is_empty()),
        ("--assume-image", !args.source.assume_image.is_empty()),
        ("--fail-fast", args.fail_fast),
        ("--builder", stages.builder != Choice::Auto),
        (
            "--build-isolation",
            stages.build_isolation != IsolationChoice::Auto,
        ),
        ("--stages", stages.stages != StageSet::ALL),
        ("--build-jobs", stages.build_jobs.is_some()),
        ("--kmm-version", stages.kmm_version.is_some()),
        ("--kmm-flavor", stages.kmm_flavor.is_some()),
    ]
}
