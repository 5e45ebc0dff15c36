//! Runs the checks of all plans side by side, and ends them all when the run has to end.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::findings::finding::{Code, Finding};
use crate::kmm::planned::{ASSUMED, Plan};
use crate::model::report::{CheckedBy, ModuleReport};
use crate::model::target::Target;
use crate::model::verdict::{Stage, Verdict};

/// When a run ends, and how much of it happens at once.
#[derive(Debug, Clone)]
pub(crate) struct RunLimits {
    /// How many modules are checked at once; at least 1.
    pub jobs: usize,
    /// The whole run ends after this time.
    pub timeout: Option<Duration>,
    /// The run ends with the first module that is neither verified nor accepted.
    pub fail_fast: bool,
    /// Cancelled when the user wants to end (Ctrl-C, SIGTERM).
    pub interrupt: CancellationToken,
}

/// Why a run ended before every module was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Interrupted,
    TimedOut(Duration),
    FailFast,
}

impl Ended {
    fn finding(self) -> Finding {
        match self {
            Self::Interrupted => Finding::new(
                Code::NotDecided,
                "interrupted before this module was checked",
            ),
            Self::TimedOut(limit) => Finding::new(
                Code::NotDecided,
                format!("timed out after {limit:?} before this module was checked"),
            )
            .hint("Raise --timeout, or check fewer modules in parallel with -j."),
            Self::FailFast => Finding::new(
                Code::NotDecided,
                "--fail-fast ended the run because another module was not verified",
            )
            .hint("Run again without --fail-fast."),
        }
    }
}

/// What a check found out; the row of the report is made of it and of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The last stage that ran.
    pub stage: Stage,
    /// The digest of the image that was looked at.
    pub digest: Option<String>,
    /// What was seen, beside the plan's own findings.
    pub findings: Vec<Finding>,
}

/// One of the places that `limits.jobs` counts.
#[derive(Debug, Clone, Default)]
pub struct Slot(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Slot {
    /// Lets another check begin. For a check that goes on under a limit of its own, so that
    /// those which only look at images do not wait for builds.
    pub fn give_back(&self) {
        self.hold(None);
    }

    fn hold(&self, permit: Option<OwnedSemaphorePermit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }
}

/// Puts every plan with work to `check`, `limits.jobs` at a time, and gives one row per plan,
/// in the plans' order. In a matrix one target comes after the other, so that checks at one
/// time look at as many images as there can be, and not at one image for several kernels. A
/// plan without work is decided by its own findings. A check that panics becomes an
/// `internal-error` of its module and delays no other. When the run has to end, running checks
/// are dropped and their modules are `not-decided`.
///
/// `decided` gets each row as soon as it is known, and may mark what the user accepts.
pub(crate) async fn run_all<C, F>(
    plans: Vec<Plan>,
    limits: &RunLimits,
    check: C,
    mut decided: impl FnMut(&mut ModuleReport),
) -> Vec<ModuleReport>
where
    C: Fn(Plan, Slot) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let mut rows: Vec<Option<ModuleReport>> = vec![None; plans.len()];
    let mut waiting = VecDeque::new();
    for index in by_target(&plans) {
        let plan = &plans[index];
        if plan.work.is_none() {
            let mut row = report_row(plan, undone(Vec::new()), Duration::ZERO);
            decided(&mut row);
            rows[index] = Some(row);
        } else {
            waiting.push_back(index);
        }
    }
    let mut running = JoinSet::new();
    let already_failed = rows.iter().flatten().any(|row| !row.verdict.passes());
    let ended = if limits.fail_fast && already_failed {
        Some(Ended::FailFast)
    } else {
        let mut record = |index: usize, outcome: Outcome, took: Duration| {
            let mut row = report_row(&plans[index], outcome, took);
            decided(&mut row);
            let verdict = row.verdict;
            rows[index] = Some(row);
            verdict
        };
        let begin = |index: usize, slot: Slot| check(plans[index].clone(), slot);
        let all = check_all(&mut running, waiting, limits, begin, &mut record);
        let interrupted = limits.interrupt.cancelled();
        tokio::select! {
            biased;
            () = interrupted => Some(Ended::Interrupted),
            ended = with_timeout(limits.timeout, all) => ended,
        }
    };
    running.abort_all();
    rows.into_iter()
        .zip(&plans)
        .map(|(row, plan)| {
            row.unwrap_or_else(|| {
                let finding = ended.unwrap_or(Ended::Interrupted).finding();
                let mut row = report_row(plan, undone(vec![finding]), Duration::ZERO);
                decided(&mut row);
                row
            })
        })
        .collect()
}

/// The plans' indexes, those of one target after those of another. Every other target goes
/// back through the Modules: what was read of the last images is there still.
fn by_target(plans: &[Plan]) -> Vec<usize> {
    let mut ranks: HashMap<&Target, usize> = HashMap::new();
    for plan in plans {
        let next = ranks.len();
        ranks.entry(&plan.target).or_insert(next);
    }
    let mut indexes: Vec<usize> = (0..plans.len()).collect();
    indexes.sort_by_key(|&index| {
        let rank = ranks[&plans[index].target];
        let place = if rank.is_multiple_of(2) {
            index
        } else {
            plans.len() - index
        };
        (rank, place)
    });
    indexes
}

/// Begins a check whenever there is a place, so that those which wait take no memory, and
/// records each that ends; `Some` when `--fail-fast` ends the run.
async fn check_all<F>(
    running: &mut JoinSet<(Outcome, Duration)>,
    mut waiting: VecDeque<usize>,
    limits: &RunLimits,
    begin: impl Fn(usize, Slot) -> F,
    record: &mut impl FnMut(usize, Outcome, Duration) -> Verdict,
) -> Option<Ended>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.jobs.max(1)));
    let mut indexes: HashMap<Id, usize> = HashMap::new();
    loop {
        tokio::select! {
            Some(joined) = running.join_next_with_id() => {
                let (id, outcome, took) = match joined {
                    Ok((id, (outcome, took))) => (id, outcome, took),
                    Err(error) => (error.id(), panicked(&error), Duration::ZERO),
                };
                let verdict = record(indexes[&id], outcome, took);
                if limits.fail_fast && !verdict.passes() {
                    return Some(Ended::FailFast);
                }
            }
            Ok(permit) = Arc::clone(&slots).acquire_owned(), if !waiting.is_empty() => {
                let Some(index) = waiting.pop_front() else {
                    continue;
                };
                let slot = Slot::default();
                slot.hold(Some(permit));
                let work = begin(index, slot.clone());
                let task = running.spawn(async move {
                    let start = Instant::now();
                    let outcome = work.await;
                    slot.give_back();
                    (outcome, start.elapsed())
                });
                indexes.insert(task.id(), index);
            }
            else => return None,
        }
    }
}

async fn with_timeout(
    limit: Option<Duration>,
    all: impl Future<Output = Option<Ended>>,
) -> Option<Ended> {
    match limit {
        None => all.await,
        Some(limit) => match tokio::time::timeout(limit, all).await {
            Ok(ended) => ended,
            Err(_) => Some(Ended::TimedOut(limit)),
        },
    }
}

fn undone(findings: Vec<Finding>) -> Outcome {
    Outcome {
        stage: Stage::Image,
        digest: None,
        findings,
    }
}

fn panicked(error: &JoinError) -> Outcome {
    undone(vec![
        Finding::new(
            Code::Internal,
            format!("internal error while checking this module: {error}"),
        )
        .hint("Report it with the output of the same command and -v."),
    ])
}

/// Points the hints about the image's name at the flag that assumes it.
fn point_at_assumed_image(finding: &mut Finding) {
    let hint = match finding.code {
        Code::ImageInvalid | Code::ImagePlaceholder | Code::MappingInvalid => {
            format!("Correct the image of {ASSUMED}.")
        }
        Code::ImageNotFound => format!("Push this image, or correct {ASSUMED}."),
        Code::ModuleNotFound => {
            format!("Build this image for the kernel, or correct {ASSUMED}.")
        }
        _ => return,
    };
    finding.point_at_flag(hint);
}

/// The row of a plan whose checks are over. Findings are sorted gravest first, and the
/// five fields of KMM say what a local run says: True, False, Error or Unknown.
pub(crate) fn report_row(plan: &Plan, outcome: Outcome, took: Duration) -> ModuleReport {
    let mut findings = plan.findings.clone();
    findings.extend(outcome.findings);
    if plan.mapping.as_ref().is_some_and(|found| found.is_assumed) {
        findings.iter_mut().for_each(point_at_assumed_image);
    }
    if let Some(owner) = &plan.owner {
        owner.take_over(&mut findings);
    }
    findings.sort_by_key(Finding::order);
    let verdict = Verdict::of_findings(&findings);
    let stage = match verdict {
        Verdict::Verified => Stage::Done,
        _ => outcome.stage,
    };
    ModuleReport {
        namespace: plan.namespace.clone(),
        name: plan.name.clone(),
        kind: plan.kind.as_str(),
        kernel_version: plan.target.kernel_version.clone(),
        arch: (!plan.target.kernel_version.is_empty()).then_some(plan.target.arch),
        verdict,
        verification_status: local_status(verdict).to_owned(),
        verification_stage: stage.as_str().to_owned(),
        status_reason: findings
            .first()
            .map(|finding| finding.message.clone())
            .unwrap_or_default(),
        last_transition_time: Some(now()),
        image: plan.work.as_ref().map(|work| work.image.clone()),
        digest: outcome.digest,
        mapping: plan.mapping.as_ref().map(ToString::to_string),
        checked_by: CheckedBy::Local,
        findings,
        duration: Some(took),
        origin: plan.origin.clone(),
        preflight: None,
    }
}

/// The time in whole seconds, as Kubernetes writes it (`metav1.Time`).
fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `verificationStatus` of a local run. KMM ≤2.3 writes True and False; it has no words for the
/// other two.
pub(crate) fn local_status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "True",
        Verdict::Failed => "False",
        Verdict::Error => "Error",
        Verdict::InProgress | Verdict::Unknown | Verdict::Accepted => "Unknown",
    }
}

#[cfg(test)]
mod tests;
