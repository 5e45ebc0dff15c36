//! `run --local`: inputs → plan → checks → report, from this machine.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinHandle;

use crate::boot::queue::Boots;
use crate::check::image::ImageCheck;
use crate::check::run::{RunLimits, Slot, run_all};
use crate::check::stages::Stages;
use crate::cli::connection::ConnectionArgs;
use crate::cli::run::{RegistryArgs, RunArgs, SourceArgs};
use crate::cli::target::TargetArgs;
use crate::cluster::{Cluster, connect};
use crate::commands::run::division::Start;
use crate::commands::run::watched;
use crate::commands::run::{division, jobs, kept_report, kmm_release, metrics};
use crate::console::output::{Console, Done};
use crate::console::progress::Progress;
use crate::error::{EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_VERIFIED, Error, exit_code_of};
use crate::findings::accept;
use crate::findings::finding::Code;
use crate::image_build::leftovers;
use crate::images::registry::access::Access;
use crate::kmm::module::ModuleKey;
use crate::kmm::plan::plan;
use crate::kmm::planned::Plan;
use crate::kmm::releases::KmmRelease;
use crate::model::report::{ModuleReport, Report};
use crate::model::target::Target;
use crate::session::open::{self, Session};
use crate::session::outcome::Reach;
use crate::session::request::{Found, Request};
use crate::session::{inputs, outcome, selection, shard, stages};

/// Validates the Modules that `-f` gives, or those of the cluster; with `--watch` again and
/// again until all are verified.
///
/// # Errors
/// An input that cannot be used, no target, or nothing to check.
pub async fn run(args: &RunArgs, console: &Console<'_>) -> Result<Done, Error> {
    let cluster = cluster_of(&args.source, &args.target, &args.connection).await?;
    if args.stages.watch {
        return watched::run(args, console, cluster.as_ref()).await;
    }
    let part = shard::of_call(&args.shard)?;
    let job = kept_report::job_of_pod();
    let start = match part {
        Some(part) => division::start(args, cluster.as_deref(), part, job.as_ref()).await,
        None => Start::Divide(None),
    };
    let own = start.own(part);
    let prepared = match prepare(args, cluster.as_ref(), own.as_ref()).await {
        Ok(prepared) => prepared,
        Err(error) => {
            start.give_up().await;
            return Err(error);
        }
    };
    let Prepared {
        mut report,
        mut plans,
        reach,
        stages,
    } = prepared;
    let mut of_shard = None;
    let mut of_run = Vec::new();
    if let Some(part) = part {
        let divide = shard::divide(&plans, part.count, &report.targets, &stages, jobs(args));
        of_run = start.of_run(divide).await;
        let own = own.unwrap_or_else(|| shard::own(&of_run, part));
        plans = shard::select(plans, &own);
        of_shard = Some(format!("shard {part}: {} rows", plans.len()));
    }
    if part.is_some() && plans.is_empty() {
        end(&stages, console);
        kept_report::leave(args, console, cluster.as_deref(), part, &report, &of_run).await?;
        let warnings = metrics::push(args, console, part, &report).await;
        report.notes.extend(of_shard);
        return Ok(console.done(report, &warnings, |_| EXIT_VERIFIED));
    }
    report.modules = check(args, console, plans, &report.targets, &stages).await;
    report
        .notes
        .extend(stages.boots.iter().flat_map(Boots::notes));
    end(&stages, console);
    outcome::mark_breaks(&mut report, &reach);
    let by_pool = outcome::pools_by_module(&report, &reach);
    report.notes.extend(by_pool);
    kept_report::leave(args, console, cluster.as_deref(), part, &report, &of_run).await?;
    let warnings = metrics::push(args, console, part, &report).await;
    report.notes.extend(of_shard);
    Ok(console.done(report, &warnings, |report| exit_code(report, console)))
}

/// The cluster, where the flags need one.
///
/// # Errors
/// It cannot be reached.
pub(crate) async fn cluster_of(
    source: &SourceArgs,
    target: &TargetArgs,
    connection: &ConnectionArgs,
) -> Result<Option<Arc<Cluster>>, Error> {
    if source.is_cluster() || target.asks_the_cluster() || connection.names_a_cluster() {
        return Ok(Some(Arc::new(connect(connection).await?)));
    }
    Ok(None)
}

/// A run that can start.
pub(super) struct Prepared {
    /// The report without its rows.
    pub(super) report: Report,
    /// What to look at.
    pub(super) plans: Vec<Plan>,
    /// The nodes that the Modules select.
    pub(super) reach: Reach,
    /// What looks.
    pub(super) stages: Arc<Stages>,
}

/// From flags and inputs to plans, within `--timeout`; with `own` for none of the cluster's
/// Modules but these.
pub(super) async fn prepare(
    args: &RunArgs,
    cluster: Option<&Arc<Cluster>>,
    own: Option<&HashSet<ModuleKey>>,
) -> Result<Prepared, Error> {
    let prepared = prepare_in_time(args, cluster, own);
    match args.timeout.filter(|limit| !limit.is_zero()) {
        None => prepared.await,
        Some(limit) => tokio::time::timeout(limit, prepared)
            .await
            .unwrap_or_else(|_| {
                Err(Error::Cluster {
                    message: format!("Timed out after {limit:?} while reading the inputs."),
                    hint: "Check -f, --oci-layout and the cluster, or raise --timeout.".to_owned(),
                })
            }),
    }
}

async fn prepare_in_time(
    args: &RunArgs,
    cluster: Option<&Arc<Cluster>>,
    own: Option<&HashSet<ModuleKey>>,
) -> Result<Prepared, Error> {
    // What is left of a killed run holds Secrets.
    let _ = tokio::task::spawn_blocking(leftovers::remove).await;
    let (release, flavor_is_assumed) =
        kmm_release::of_worker(&args.stages, cluster.map(Arc::as_ref)).await?;
    let (source, registry, target) = (&args.source, &args.registry, &args.target);
    let planned = planned(source, registry, target, cluster, release, own).await?;
    let Planned {
        session,
        access,
        found,
        plans,
        reach,
        notes,
    } = planned;
    let image = ImageCheck {
        flavor_is_assumed,
        ..open::image_check(target, session.images, access, release)?
    };
    Ok(Prepared {
        plans,
        reach,
        report: Report {
            targets: found.targets,
            modules: Vec::new(),
            notes,
            interrupted: false,
            shown_at: None,
            finished_at: None,
            footer: None,
        },
        stages: Arc::new(stages::from_args(args, Arc::new(image), session.objects)),
    })
}

/// What is to be looked at, and the way to it.
pub(crate) struct Planned {
    pub(crate) session: Session,
    pub(crate) access: Access,
    pub(crate) found: Found,
    pub(crate) plans: Vec<Plan>,
    pub(crate) reach: Reach,
    pub(crate) notes: Vec<String>,
}

/// From Modules and target flags to plans.
pub(crate) async fn planned(
    source: &SourceArgs,
    registry: &RegistryArgs,
    target: &TargetArgs,
    cluster: Option<&Arc<Cluster>>,
    release: KmmRelease,
    own: Option<&HashSet<ModuleKey>>,
) -> Result<Planned, Error> {
    let ca_file = registry.ca_file.as_deref();
    let mut inputs = inputs::read(source, ca_file, cluster.map(Arc::as_ref), own).await?;
    let session = Session::as_nodes(registry, &mut inputs, cluster.cloned()).await?;
    let access = session.objects.access_of_release().await;
    let request = Request {
        args: target,
        preflights: &inputs.preflights,
        cluster: cluster.map(Arc::as_ref),
        images: &session.images,
        access: &access,
    };
    let found = request.find().await?;
    let plans = plan(&inputs.modules, &found.targets, release);
    let plans = selection::select(plans, &inputs.modules, &found);
    let reach = selection::reach(&inputs.modules, &found);
    let notes = [&inputs.notes[..], &session.notes, &found.notes].concat();
    Ok(Planned {
        session,
        access,
        found,
        plans,
        reach,
        notes,
    })
}

/// Ends what the stages have started. An interruption waits for it, or builders and Secrets
/// would be left behind.
pub(super) fn end(stages: &Stages, console: &Console<'_>) {
    console.hold.store(true, Ordering::Relaxed);
    tokio::task::block_in_place(|| stages.end());
    console.hold.store(false, Ordering::Relaxed);
}

/// The exit code of a report, unless the user has ended the run or no Module loads anything.
pub(super) fn exit_code(report: &Report, console: &Console<'_>) -> u8 {
    if console.interrupt.is_cancelled() {
        EXIT_INTERRUPTED
    } else if report.modules.iter().all(loads_nothing) {
        EXIT_NOTHING
    } else {
        exit_code_of(report.verdict())
    }
}

/// Puts the plans for these targets through the stages.
pub(super) async fn check(
    args: &RunArgs,
    console: &Console<'_>,
    plans: Vec<Plan>,
    targets: &[Target],
    stages: &Arc<Stages>,
) -> Vec<ModuleReport> {
    let progress = Progress::new(console.progress, plans.len(), targets.len() > 1);
    let ahead = read_facts_ahead(&plans, stages);
    let limits = RunLimits {
        jobs: jobs(args),
        timeout: args.timeout.filter(|limit| !limit.is_zero()),
        fail_fast: args.fail_fast,
        interrupt: console.interrupt.clone(),
    };
    let one = |plan: Plan, slot: Slot| {
        let (stages, progress) = (Arc::clone(stages), progress.clone());
        async move {
            let name = progress.name(&plan.namespace, &plan.name, &plan.target.kernel_version);
            let step = move |stage, step: &str| progress.step(&name, stage, step);
            let outcome = stages.check(&plan, &slot, &step).await;
            stages.image.facts.done(&plan.target);
            outcome
        }
    };
    let rows = run_all(plans, &limits, one, |row| {
        accept::apply_to(console.accepts, row);
        progress.decided(row);
    })
    .await;
    ahead.abort();
    progress.finish();
    rows
}

/// Begins with the facts about the kernels that images will be judged by.
fn read_facts_ahead(plans: &[Plan], stages: &Arc<Stages>) -> JoinHandle<()> {
    let with_work = plans.iter().filter(|plan| plan.work.is_some());
    let targets: Vec<&Target> = with_work.map(|plan| &plan.target).collect();
    let facts = &stages.image.facts;
    facts.expect(targets.iter().copied());
    let mut seen = HashSet::new();
    let first = targets.into_iter().filter(|target| seen.insert(*target));
    let first: Vec<Target> = first.cloned().collect();
    let image = Arc::clone(&stages.image);
    tokio::spawn(async move { image.facts.read_ahead(&first).await })
}

fn loads_nothing(row: &ModuleReport) -> bool {
    row.findings
        .iter()
        .any(|finding| finding.code == Code::NoModuleLoader)
}
