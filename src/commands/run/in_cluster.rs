//! `run --in-cluster`: the local validation as a Job in the cluster.

mod applied;
mod follow;

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use self::applied::Applied;
use self::follow::{Ended, Follow};
use crate::cli::cluster::DryRun;
use crate::cli::output::ProgressMode;
use crate::cli::pod_flags::Caller;
use crate::cli::run::RunArgs;
use crate::cluster::{Cluster, connect};
use crate::commands::generate::Manifests;
use crate::commands::run::local;
use crate::console::live::Live;
use crate::console::output::{Console, Done};
use crate::error::Error;
use crate::image_build::builder::this_machine;
use crate::in_cluster::manifests::InCluster;
use crate::in_cluster::merge::{Key, Shards, merge};
use crate::input::Inputs;
use crate::model::target::{Arch, Target};
use crate::report::{self, Screen};
use crate::session::inputs;
use crate::session::targets::no_target;

/// The manifest with the rights of this command.
const MANIFEST: &str = "in-cluster";
/// The name of a run that nobody named.
const NAME: &str = "kmm-preflight-run";

/// Applies the Job, follows it, and prints one report of those of its shards.
///
/// # Errors
/// Flags that no pod heeds, no target, nothing to check, a run of that name, or an API server
/// that does not create the Job.
pub(super) async fn run(
    args: &RunArgs,
    console: &Console<'_>,
    words: &[OsString],
) -> Result<Done, Error> {
    let start = Instant::now();
    let name = args.name.as_deref().unwrap_or(NAME);
    let pods = &args.job.pods;
    let what = pods.in_cluster(name, words, Caller::Run, console.accepts)?;
    if !args.target.names_a_kernel() {
        return Err(no_target());
    }
    let cluster = Arc::new(connect(&args.connection).await?);
    match args.cluster.dry_run {
        DryRun::None => {}
        how => return dry_run(how, &cluster, &what, args.job.keep, console).await,
    }
    let inputs = inputs::read(&args.source, None, Some(&cluster), None).await?;
    let live = Live::new(console.progress);
    // What was made is removed, whatever happens in between.
    console.hold.store(true, Ordering::Relaxed);
    let applied = Applied::create(&cluster, &what, args.job.keep, &console.interrupt).await;
    let applied = match applied {
        Ok(applied) => applied,
        Err(error) => {
            console.hold.store(false, Ordering::Relaxed);
            return Err(error);
        }
    };
    live.note(&format!(
        "Job {}/{} created: {} of image {}",
        what.namespace,
        what.name,
        match what.shards.get() {
            1 => "1 pod".to_owned(),
            pods => format!("{pods} pods"),
        },
        what.image
    ));
    let mut follow = Follow::new(&cluster, &what, &applied.job_uid, live);
    let until = args.timeout.filter(|limit| !limit.is_zero());
    let until = until.map(|limit| (start + limit, limit));
    let ended = follow.until_the_end(console, until).await;
    let modules = keys(&inputs);
    let targets = named_targets(args);
    let without = follow.without(&ended);
    let mut report = merge(&Shards {
        kept: &follow.kept.values().cloned().collect::<Vec<_>>(),
        without,
        modules: &modules,
        targets: &targets,
    });
    report.notes.extend(inputs.notes);
    let mut warnings = follow.end();
    warnings.extend(applied.remove_or_keep(&what, args.job.keep).await);
    console.hold.store(false, Ordering::Relaxed);
    warnings.extend(cluster.take_warnings());
    if let Ended::TimedOut(limit) = ended {
        warnings.push(format!(
            "timed out after {limit:?} before every shard was done"
        ));
    }
    Ok(console.done(report, &warnings, |report| {
        local::exit_code(report, console)
    }))
}

fn keys(inputs: &Inputs) -> Vec<Key> {
    let key = |module: &crate::kmm::module::Module| {
        (
            module.kind.as_str(),
            module.namespace.clone(),
            module.name.clone(),
        )
    };
    inputs.modules.iter().map(key).collect()
}

/// The kernels that the flags name, for the rows of modules that no pod has seen.
fn named_targets(args: &RunArgs) -> Vec<Target> {
    let target = &args.target;
    let mut targets = Vec::new();
    for kernel in &target.kernel_version {
        let own = Arch::of_kernel_release(kernel).unwrap_or_else(this_machine);
        let archs = match target.arch.as_slice() {
            [] => vec![own],
            archs => archs.to_vec(),
        };
        targets.extend(archs.into_iter().map(|arch| Target::new(kernel, arch)));
    }
    targets
}

/// Prints the objects; `server` has the API server check each of them.
async fn dry_run(
    how: DryRun,
    cluster: &Cluster,
    what: &InCluster,
    is_kept: bool,
    console: &Console<'_>,
) -> Result<Done, Error> {
    let mut objects = what.surroundings();
    objects.push(what.only_job(is_kept));
    if how == DryRun::Server {
        for object in &objects {
            applied::check(cluster, what, object).await?;
        }
    }
    let mut done = Done {
        stdout: report::print(&Manifests(objects), console.format, &Screen::PLAIN)?,
        ..Done::default()
    };
    done.warn(&cluster.take_warnings());
    Ok(done)
}

/// A line on stderr that is no progress, so that it is there with every `--progress`.
fn say(text: &str) {
    Live::new(ProgressMode::Plain).note(text);
}
