//! `run`: has the cluster's KMM validate every Module, and looks at the images too.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::check::cross_check::image_cross_check::ImageCrossCheck;
use crate::check::cross_check::running::CrossChecks;
use crate::cli::cluster::{CrossCheck, DryRun};
use crate::cli::output::ProgressMode;
use crate::cli::run::RunArgs;
use crate::cluster::api::client::{Cluster, connect};
use crate::cluster::api::fault::Fault;
use crate::cluster::api::objects::ModuleQuery;
use crate::cluster::kmm::desired::{Desired, check_name};
use crate::cluster::kmm::diagnose::evidence::Evidence;
use crate::cluster::kmm::follow::{Event, Follower};
use crate::cluster::kmm::preflight::Preflight;
use crate::cluster::kmm::survey::{self, Filter, LastKnownRows, Survey};
use crate::commands::delete::clean_up;
use crate::commands::run::create::{create, created, dry_run};
use crate::commands::run::jobs;
use crate::commands::status::deleted;
use crate::console::live::Live;
use crate::console::output::{Console, Done};
use crate::error::{EXIT_INTERRUPTED, EXIT_NOTHING, EXIT_UNDECIDED, Error, exit_code_of};
use crate::kmm::module::Module;
use crate::model::report::Report;
use crate::model::verdict::Verdict;
use crate::session::request_flags::RequestFlags;

const MANIFEST: &str = "run";
/// How often the reasons of modules in progress are read anew.
const REFRESH: Duration = Duration::from_secs(5);
/// How long reasons are believed after KMM wrote something new.
const EVIDENCE_LASTS: Duration = Duration::from_secs(1);
/// How long the end of a run waits for the deletion of its CR.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(10);

/// Applies the CR and waits until every module is decided.
///
/// # Errors
/// Nothing to check, a target or CR in the way, or an API server that cannot be reached.
pub async fn run(args: &RunArgs, console: &Console<'_>) -> Result<Done, Error> {
    if let Some(name) = &args.name {
        check_name(name)?;
    }
    let cluster = connect(&args.connection).await?;
    let kmm = cluster.kmm().await?;
    let flags = RequestFlags::of_run(args);
    let (request, mut warnings) = flags.request(kmm, Some(&cluster)).await?;
    let desired = request.desired(kmm, args.name.as_deref())?;
    if args.cluster.dry_run != DryRun::None {
        let how = args.cluster.dry_run;
        return dry_run(how, &cluster, kmm, &desired, console.format, warnings).await;
    }
    let modules = expected(&cluster, args).await?;
    let filter = Filter {
        namespace: args.source.namespace.clone(),
        modules: args.source.selector.as_ref().map(|_| names(&modules)),
        ..Filter::default()
    };
    let cross_check = match args.cluster.cross_check {
        CrossCheck::Auto if args.cluster.wait => {
            let release_image = request.release_image.as_deref();
            let (cross_check, notes) =
                ImageCrossCheck::new(args, &cluster, kmm, release_image).await?;
            warnings.extend(notes);
            Some(cross_check)
        }
        _ => None,
    };
    let (preflight, is_ours) = create(&cluster, kmm, &desired).await?;
    if !args.cluster.wait {
        warnings.extend(cluster.take_warnings());
        return created(&preflight, &desired, is_ours, console.format, &warnings);
    }
    let mut live = Live::new(console.progress);
    if !is_ours {
        live.note(&format!(
            "{} {} exists with the same spec; watching it",
            preflight.resource.kind, preflight.meta.name
        ));
    }
    let mut run = Run {
        cluster: &cluster,
        console,
        args,
        filter,
        known: names(&modules),
        last_rows: LastKnownRows::default(),
        checks: CrossChecks::new(cross_check, jobs(args)),
        evidence: None,
    };
    let ended = run.watch(preflight.clone(), &mut live).await;
    live.finish();
    finish(&cluster, console, args, &preflight, is_ours).await;
    let (survey, ended) = ended;
    warnings.extend(cluster.take_warnings());
    match &ended {
        Ended::TimedOut(limit) => warnings.push(format!(
            "timed out after {limit:?} with undecided modules{}",
            kept(&preflight, is_ours && args.cluster.cleanup)
        )),
        Ended::Interrupted => warnings.push(format!(
            "interrupted with undecided modules{}",
            kept(&preflight, is_ours && args.cluster.cleanup)
        )),
        Ended::Emptied => warnings.push("every Module was deleted during the run".to_owned()),
        Ended::Decided | Ended::Broken(_) => {}
    }
    let exit_code = |report: &Report| match (&ended, report.verdict()) {
        (Ended::Interrupted, _) => EXIT_INTERRUPTED,
        (Ended::Emptied, _) => EXIT_NOTHING,
        (Ended::Broken(_), Some(Verdict::Verified | Verdict::Accepted)) | (_, None) => {
            EXIT_UNDECIDED
        }
        (_, verdict) => exit_code_of(verdict),
    };
    let mut done = console.done(survey.report, &warnings, exit_code);
    if let Ended::Broken(error) = &ended {
        done.stderr.push_str(&error.render());
    }
    Ok(done)
}

/// What an early end leaves, and how to go on with it.
fn kept(preflight: &Preflight, is_deleted: bool) -> String {
    let (kind, name) = (preflight.resource.kind, &preflight.meta.name);
    match is_deleted {
        true => String::new(),
        false => format!(
            "; {kind} {name} was kept, continue with `kubectl kmm preflight status {name} -w`"
        ),
    }
}

/// Deletes the CR of a run with `--cleanup`, whatever the outcome; an interruption waits
/// for that.
async fn finish(
    cluster: &Cluster,
    console: &Console<'_>,
    args: &RunArgs,
    preflight: &Preflight,
    is_ours: bool,
) {
    if !is_ours || !args.cluster.cleanup {
        return;
    }
    console.hold.store(true, Ordering::Relaxed);
    let said = tokio::time::timeout(CLEAN_UP_LIMIT, clean_up(cluster, preflight)).await;
    let name = &preflight.meta.name;
    Live::new(ProgressMode::Plain).note(&said.unwrap_or_else(|_| {
        format!(
            "{} {name} was not deleted in time. Delete it with `kubectl kmm preflight delete \
             {name}`.",
            preflight.resource.kind
        )
    }));
    console.hold.store(false, Ordering::Relaxed);
}

/// Why the watch ended.
enum Ended {
    Decided,
    TimedOut(Duration),
    Interrupted,
    /// There is no Module any more.
    Emptied,
    /// The CR can be followed no longer.
    Broken(Error),
}

/// One run while it waits.
struct Run<'a> {
    cluster: &'a Cluster,
    console: &'a Console<'a>,
    args: &'a RunArgs,
    filter: Filter,
    /// Every Module that was there at some time of the run.
    known: BTreeSet<(String, String)>,
    last_rows: LastKnownRows,
    checks: CrossChecks,
    evidence: Option<(Instant, Evidence)>,
}

impl Run<'_> {
    /// Follows the CR, with the cross-checks beside it.
    async fn watch(&mut self, mut preflight: Preflight, live: &mut Live) -> (Survey, Ended) {
        let name = preflight.meta.name.clone();
        let spec = preflight.spec.clone();
        let start = Instant::now();
        let mut follower = Follower::new(self.cluster, preflight.clone());
        loop {
            self.last_rows.apply(&mut preflight);
            let survey = self.survey(&preflight).await;
            let mut so_far = survey.report.clone();
            self.checks.merge(&mut so_far, false);
            live.show(so_far, |report| self.console.table(report));
            if survey.is_decided && self.checks.are_done() {
                return (self.last(survey), Ended::Decided);
            }
            if survey.report.modules.is_empty() && !self.filter.gone.is_empty() {
                return (survey, Ended::Emptied);
            }
            let limit = self.args.timeout;
            let until_limit = async {
                match limit {
                    Some(limit) => tokio::time::sleep(limit.saturating_sub(start.elapsed())).await,
                    None => std::future::pending().await,
                }
            };
            let broken = tokio::select! {
                biased;
                () = self.console.interrupt.cancelled() => {
                    return (self.last(survey), Ended::Interrupted);
                }
                () = until_limit => {
                    let limit = limit.unwrap_or_default();
                    return (self.last(survey), Ended::TimedOut(limit));
                }
                () = self.checks.next() => continue,
                event = follower.next() => match event {
                    Ok(Event::Changed(changed)) if changed.spec != spec => {
                        edited(&preflight, &changed)
                    }
                    Ok(Event::Changed(changed)) => {
                        preflight = *changed;
                        self.evidence = self.evidence.take().filter(|(read, _)| {
                            read.elapsed() < EVIDENCE_LASTS
                        });
                        continue;
                    }
                    Ok(Event::Note(note)) => {
                        live.note(&note);
                        continue;
                    }
                    Ok(Event::Deleted) => deleted(&name),
                    Err(fault) => {
                        fault.into_error(&format!("watching preflight CR {name}"), MANIFEST)
                    }
                },
                () = tokio::time::sleep(REFRESH) => continue,
            };
            return (self.last(survey), Ended::Broken(broken));
        }
    }

    /// What is known at the end, with what the cross-checks saw.
    fn last(&self, mut survey: Survey) -> Survey {
        self.checks.merge(&mut survey.report, true);
        survey
    }

    /// The report as of now: KMM's rows, and why some are open. Starts the looks at images
    /// that are due.
    async fn survey(&mut self, preflight: &Preflight) -> Survey {
        let stale = self
            .evidence
            .as_ref()
            .is_none_or(|(read, _)| read.elapsed() >= REFRESH);
        let mut read_now = false;
        if stale {
            // A server that is away is the follower's to report.
            if let Ok(evidence) = self.cluster.evidence(preflight).await {
                self.evidence = Some((Instant::now(), evidence));
                read_now = true;
            }
        }
        let mut survey = self.of_evidence(preflight).await;
        if survey.is_decided && !read_now {
            // Before the end: is there a Module that KMM has yet to name?
            if let Ok(evidence) = self.cluster.evidence(preflight).await {
                self.evidence = Some((Instant::now(), evidence));
                survey = self.of_evidence(preflight).await;
            }
        }
        let modules = self
            .evidence
            .as_ref()
            .and_then(|(_, evidence)| evidence.modules.as_deref());
        self.checks.start(preflight, &survey, modules);
        survey
    }

    async fn of_evidence(&mut self, preflight: &Preflight) -> Survey {
        let kernel = self.cluster.kernel_of(preflight).await;
        let evidence = self.evidence.as_ref().map(|(_, evidence)| evidence);
        if let Some(modules) = evidence.and_then(|evidence| evidence.modules.as_deref()) {
            let present = names(modules);
            self.filter.gone = self.known.difference(&present).cloned().collect();
            self.known.extend(present);
        }
        let mut survey = survey::of_evidence(preflight, &kernel, evidence, &self.filter);
        let gone = self.filter.gone.iter().map(|(namespace, name)| {
            format!("Module {namespace}/{name} was deleted during the run and is skipped")
        });
        survey.report.notes.extend(gone);
        survey
    }
}

fn edited(before: &Preflight, after: &Preflight) -> Error {
    let desired = Desired {
        resource: before.resource,
        name: before.meta.name.clone(),
        spec: before.spec.clone(),
    };
    Error::Cluster {
        message: format!(
            "preflight CR {} was changed during the run: {}",
            before.meta.name,
            desired.differences(&after.spec).join("; ")
        ),
        hint: format!(
            "Its result is for another target now; run `kubectl kmm preflight status {}`.",
            before.meta.name
        ),
    }
}

/// The Modules that KMM will look at; none where they may not be listed.
async fn expected(cluster: &Cluster, args: &RunArgs) -> Result<Vec<Module>, Error> {
    let source = &args.source;
    let query = ModuleQuery {
        namespace: source.namespace.as_deref(),
        selector: source.selector.as_deref(),
        own: None,
    };
    match cluster.modules(query).await {
        Ok(modules) if modules.is_empty() => Err(Error::Nothing {
            message: match (query.namespace, query.selector) {
                (None, None) => format!("the cluster {} has no Modules", cluster.server()),
                _ => "-n and -l select no Module of the cluster".to_owned(),
            },
            hint: "List them with `kubectl get modules.kmm.sigs.x-k8s.io -A`.".to_owned(),
        }),
        Ok(modules) => Ok(modules),
        Err(Fault::Forbidden(_)) if source.selector.is_none() => Ok(Vec::new()),
        Err(fault) => Err(fault.into_error("listing the Modules", MANIFEST)),
    }
}

fn names(modules: &[Module]) -> BTreeSet<(String, String)> {
    modules
        .iter()
        .map(|module| (module.namespace.clone(), module.name.clone()))
        .collect()
}
