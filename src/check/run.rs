//! Runs the checks of all plans side by side, and ends them all when the run has to end.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::model::finding::{Code, Finding};
use crate::model::plan::Plan;
use crate::model::report::ModuleReport;
use crate::model::verdict::{Stage, Verdict};

/// When a run ends, and how much of it happens at once.
#[derive(Debug, Clone)]
pub struct RunLimits {
    /// How many modules are checked at once; at least 1.
    pub jobs: usize,
    /// The whole run ends after this time.
    pub timeout: Option<Duration>,
    /// The run ends with the first module that is not verified.
    pub fail_fast: bool,
    /// The user's wish to end (Ctrl-C, SIGTERM).
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
                "interrupted before this module was decided",
            ),
            Self::TimedOut(limit) => Finding::new(
                Code::NotDecided,
                format!("the time limit of {limit:?} ended the run before this module was decided"),
            )
            .hint("give more time with --timeout, or check fewer modules at once with -j"),
            Self::FailFast => Finding::new(
                Code::NotDecided,
                "another module was not verified, and --fail-fast ended the run",
            )
            .hint("run again without --fail-fast"),
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

/// Puts every plan with work to `check`, `limits.jobs` at a time, and gives one row a plan,
/// in the plans' order. A plan without work is decided by its own findings. A check that
/// panics becomes an `internal-error` of its module and delays no other. When the run has
/// to end, running checks are dropped and their modules are `not-decided`.
///
/// `decided` hears of each row as soon as it is known.
pub async fn run_all<C, F>(
    plans: Vec<Plan>,
    limits: &RunLimits,
    check: C,
    mut decided: impl FnMut(&ModuleReport),
) -> Vec<ModuleReport>
where
    C: Fn(Plan, Slot) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.jobs.max(1)));
    let mut rows: Vec<Option<ModuleReport>> = vec![None; plans.len()];
    let mut running = JoinSet::new();
    let mut indexes: HashMap<Id, usize> = HashMap::new();
    for (index, plan) in plans.iter().enumerate() {
        if plan.work.is_none() {
            let row = report_row(plan, undone(Vec::new()), Duration::ZERO);
            decided(&row);
            rows[index] = Some(row);
            continue;
        }
        let slots = Arc::clone(&slots);
        let slot = Slot::default();
        let work = check(plan.clone(), slot.clone());
        let task = running.spawn(async move {
            slot.hold(slots.acquire_owned().await.ok());
            let start = Instant::now();
            let outcome = work.await;
            slot.give_back();
            (outcome, start.elapsed())
        });
        indexes.insert(task.id(), index);
    }
    let already_failed = rows
        .iter()
        .flatten()
        .any(|row| row.verdict != Verdict::Verified);
    let ended = if limits.fail_fast && already_failed {
        Some(Ended::FailFast)
    } else {
        let mut record = |index: usize, outcome: Outcome, took: Duration| {
            let row = report_row(&plans[index], outcome, took);
            let verdict = row.verdict;
            decided(&row);
            rows[index] = Some(row);
            verdict
        };
        let all = drain(&mut running, &indexes, limits.fail_fast, &mut record);
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
                let row = report_row(plan, undone(vec![finding]), Duration::ZERO);
                decided(&row);
                row
            })
        })
        .collect()
}

/// Waits for the running checks and records each; `Some` when `--fail-fast` ends the run.
async fn drain(
    running: &mut JoinSet<(Outcome, Duration)>,
    indexes: &HashMap<Id, usize>,
    fail_fast: bool,
    record: &mut impl FnMut(usize, Outcome, Duration) -> Verdict,
) -> Option<Ended> {
    while let Some(joined) = running.join_next_with_id().await {
        let (id, outcome, took) = match joined {
            Ok((id, (outcome, took))) => (id, outcome, took),
            Err(error) => (error.id(), panicked(&error), Duration::ZERO),
        };
        let verdict = record(indexes[&id], outcome, took);
        if fail_fast && verdict != Verdict::Verified {
            return Some(Ended::FailFast);
        }
    }
    None
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
            format!("the check of this module ended in a fault of this program: {error}"),
        )
        .hint("please report it with the output of the same command and -v"),
    ])
}

/// The row of a plan whose checks are over. Findings are sorted gravest first, and the
/// five fields of KMM say what a local run says: True, False, Error or Unknown.
pub fn report_row(plan: &Plan, outcome: Outcome, took: Duration) -> ModuleReport {
    let mut findings = plan.findings.clone();
    findings.extend(outcome.findings);
    findings.sort_by_key(|finding| (finding.effect, finding.severity));
    let verdict = Verdict::of_findings(&findings);
    let stage = match verdict {
        Verdict::Verified => Stage::Done,
        _ => outcome.stage,
    };
    ModuleReport {
        namespace: plan.namespace.clone(),
        name: plan.name.clone(),
        kernel_version: plan.target.kernel_version.clone(),
        arch: Some(plan.target.arch),
        verdict,
        verification_status: local_status(verdict).to_owned(),
        verification_stage: stage.as_str().to_owned(),
        status_reason: findings
            .first()
            .map(|finding| finding.message.clone())
            .unwrap_or_default(),
        last_transition_time: Some(jiff::Timestamp::now().to_string()),
        image: plan.work.as_ref().map(|work| work.image.clone()),
        digest: outcome.digest,
        mapping: plan
            .mapping
            .as_ref()
            .map(|mapping| format!("kernelMappings[{}] {}", mapping.index, mapping.by)),
        findings,
        duration: Some(took),
        origin: plan.origin.clone(),
        preflight: None,
    }
}

/// `verificationStatus` of a local run (design: True, False, Error or Unknown).
pub fn local_status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Verified => "True",
        Verdict::Failed => "False",
        Verdict::Error => "Error",
        Verdict::InProgress | Verdict::Unknown => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::module::{Modprobe, TlsOptions};
    use crate::model::plan::Work;
    use crate::model::report::Origin;
    use crate::model::target::{Arch, Target};

    fn plan(name: &str) -> Plan {
        Plan {
            namespace: "ns".into(),
            name: name.into(),
            origin: Origin::Cluster,
            target: Target {
                kernel_version: "5.14.0".into(),
                arch: Arch::Amd64,
                dtk_image: None,
            },
            findings: Vec::new(),
            mapping: None,
            work: Some(Work {
                image: format!("registry.example/{name}:1"),
                registry_tls: TlsOptions::default(),
                image_repo_secret: None,
                modprobe: Modprobe::default(),
                in_tree_modules_to_remove: Vec::new(),
                build: None,
                sign: None,
            }),
        }
    }

    fn limits() -> RunLimits {
        RunLimits {
            jobs: 2,
            timeout: None,
            fail_fast: false,
            interrupt: CancellationToken::new(),
        }
    }

    async fn by_name(plan: Plan, _: Slot) -> Outcome {
        let findings = match plan.name.as_str() {
            "bad" => vec![Finding::new(Code::ModuleNotFound, "no such module")],
            "slow" => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Vec::new()
            }
            "broken" => panic!("a fault"),
            _ => Vec::new(),
        };
        Outcome {
            stage: Stage::Image,
            digest: None,
            findings,
        }
    }

    fn verdicts(rows: &[ModuleReport]) -> Vec<(String, Verdict)> {
        rows.iter()
            .map(|row| (row.name.clone(), row.verdict))
            .collect()
    }

    #[tokio::test]
    async fn rows_keep_the_order_of_the_plans_and_a_panic_stays_with_its_module() {
        let plans = ["good", "broken", "bad"].map(plan).to_vec();
        let mut heard = 0;
        let rows = run_all(plans, &limits(), by_name, |_| heard += 1).await;
        assert_eq!(
            verdicts(&rows),
            [
                ("good".into(), Verdict::Verified),
                ("broken".into(), Verdict::Error),
                ("bad".into(), Verdict::Failed),
            ]
        );
        assert_eq!(heard, 3);
        assert_eq!(rows[0].verification_stage, "Done");
        assert_eq!(rows[2].verification_stage, "Image");
    }

    #[tokio::test]
    async fn a_timeout_leaves_what_is_known() {
        let plans = ["good", "slow"].map(plan).to_vec();
        let limits = RunLimits {
            timeout: Some(Duration::from_millis(50)),
            ..limits()
        };
        let rows = run_all(plans, &limits, by_name, |_| ()).await;
        assert_eq!(rows[0].verdict, Verdict::Verified);
        assert_eq!(rows[1].verdict, Verdict::Error);
        assert_eq!(rows[1].findings[0].code, Code::NotDecided);
    }

    #[tokio::test]
    async fn an_interruption_ends_the_run_at_once() {
        let limits = limits();
        limits.interrupt.cancel();
        let rows = run_all(vec![plan("slow")], &limits, by_name, |_| ()).await;
        assert!(rows[0].status_reason.starts_with("interrupted"));
    }

    #[tokio::test]
    async fn fail_fast_ends_with_the_first_failure() {
        let limits = RunLimits {
            fail_fast: true,
            ..limits()
        };
        let rows = run_all(vec![plan("slow"), plan("bad")], &limits, by_name, |_| ()).await;
        assert_eq!(rows[1].verdict, Verdict::Failed);
        assert!(rows[0].status_reason.contains("--fail-fast"));
    }

    #[tokio::test]
    async fn a_slow_module_delays_no_other() {
        let plans = ["slow", "good", "bad"].map(plan).to_vec();
        let limits = RunLimits {
            timeout: Some(Duration::from_millis(50)),
            ..limits()
        };
        let rows = run_all(plans, &limits, by_name, |_| ()).await;
        assert_eq!(rows[1].verdict, Verdict::Verified);
        assert_eq!(rows[2].verdict, Verdict::Failed);
    }

    #[tokio::test]
    async fn a_check_that_gives_its_place_back_lets_the_next_one_begin() {
        for (gives_back, next) in [(true, Verdict::Verified), (false, Verdict::Error)] {
            let limits = RunLimits {
                jobs: 1,
                timeout: Some(Duration::from_millis(50)),
                ..limits()
            };
            let check = |plan: Plan, slot: Slot| async move {
                if gives_back {
                    slot.give_back();
                }
                by_name(plan, slot).await
            };
            let rows = run_all(vec![plan("slow"), plan("good")], &limits, check, |_| ()).await;
            assert_eq!(rows[1].verdict, next);
        }
    }

    #[tokio::test]
    async fn a_plan_without_work_is_decided_by_its_findings() {
        let mut decided = plan("undecidable");
        decided.work = None;
        decided.findings = vec![Finding::new(Code::MappingNotFound, "no mapping")];
        let rows = run_all(vec![decided], &limits(), by_name, |_| ()).await;
        assert_eq!(rows[0].verdict, Verdict::Failed);
        assert_eq!(rows[0].status_reason, "no mapping");
    }
}
