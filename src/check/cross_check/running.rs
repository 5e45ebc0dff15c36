//! The cross-checks beside a watch of KMM's results: each module once, in parallel.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::check::cross_check::image_cross_check::{CrossChecked, ImageCrossCheck};
use crate::check::cross_check::report_rows::{self, Pushed};
use crate::cluster::kmm::preflight::{Preflight, Row};
use crate::cluster::kmm::survey::Survey;
use crate::findings::finding::{Code, Finding};
use crate::kmm::module::Module;
use crate::model::report::Report;
use crate::model::verdict::Verdict;

/// Namespace and name of a Module.
type Key = (String, String);

/// What a cross-check gave, and under which circumstances it was made.
#[derive(Debug, Clone)]
struct Seen {
    checked: CrossChecked,
    pushed: Pushed,
    verdict: Verdict,
}

/// The cross-checks of one run.
#[derive(Debug)]
pub(crate) struct CrossChecks {
    cross_check: Option<Arc<ImageCrossCheck>>,
    slots: Arc<Semaphore>,
    running: JoinSet<(Key, Seen)>,
    open: HashMap<Key, Verdict>,
    seen: HashMap<Key, Seen>,
}

impl CrossChecks {
    /// Checks by `cross_check`, `jobs` at a time; none without one.
    pub(crate) fn new(cross_check: Option<ImageCrossCheck>, jobs: usize) -> Self {
        Self {
            cross_check: cross_check.map(Arc::new),
            slots: Arc::new(Semaphore::new(jobs.max(1))),
            running: JoinSet::new(),
            open: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    /// Starts a check for every module that KMM decided by its image since the last call.
    pub(crate) fn start(
        &mut self,
        preflight: &Preflight,
        survey: &Survey,
        modules: Option<&[Module]>,
    ) {
        let Some(cross_check) = &self.cross_check else {
            return;
        };
        let target = survey.report.targets.first();
        for (row, report) in survey.rows.iter().zip(&survey.report.modules) {
            let key = (report.namespace.clone(), report.name.clone());
            let is_known = self.open.get(&key) == Some(&report.verdict)
                || self
                    .seen
                    .get(&key)
                    .is_some_and(|seen| seen.verdict == report.verdict);
            if is_known || !report_rows::is_due(row) {
                continue;
            }
            let module = modules
                .into_iter()
                .flatten()
                .find(|module| module.name == key.1 && (module.namespace == key.0));
            let Some(module) = module.cloned() else {
                let why = "the Module cannot be read, or was deleted";
                self.seen
                    .insert(key, unavailable(why.to_owned(), report.verdict));
                continue;
            };
            let Some(target) = target.cloned() else {
                let why = "the kernel that KMM checked against is not known";
                self.seen
                    .insert(key, unavailable(why.to_owned(), report.verdict));
                continue;
            };
            let pushed = pushed(row, &module, preflight);
            self.open.insert(key.clone(), report.verdict);
            let cross_check = Arc::clone(cross_check);
            let slots = Arc::clone(&self.slots);
            let verdict = report.verdict;
            self.running.spawn(async move {
                let _slot = slots.acquire_owned().await;
                let checked = cross_check.check(&module, &target).await;
                let seen = Seen {
                    checked,
                    pushed,
                    verdict,
                };
                (key, seen)
            });
        }
    }

    /// Waits for the next check to end; for ever where none is under way.
    pub(crate) async fn next(&mut self) {
        match self.running.join_next().await {
            Some(Ok((key, seen))) => {
                self.open.remove(&key);
                self.seen.insert(key, seen);
            }
            // A check that panicked leaves its module without one.
            Some(Err(fault)) => {
                let open = std::mem::take(&mut self.open);
                if self.running.is_empty() {
                    for (key, verdict) in open {
                        let why = format!("internal error while checking this module: {fault}");
                        self.seen.insert(key, unavailable(why, verdict));
                    }
                } else {
                    self.open = open;
                }
            }
            None => std::future::pending().await,
        }
    }

    /// True when no check is under way.
    pub(crate) fn are_done(&self) -> bool {
        self.running.is_empty()
    }

    /// Adds what was seen to the rows. A check of a module whose result KMM has
    /// changed since does not count. A check that is under way leaves its module open; where the
    /// run ends before it, KMM's word stands alone.
    pub(crate) fn merge(&self, report: &mut Report, is_over: bool) {
        for module in &mut report.modules {
            let key = (module.namespace.clone(), module.name.clone());
            if let Some(seen) = self.seen.get(&key)
                && seen.verdict == module.verdict
            {
                module.image = seen.checked.image.clone();
                module.mapping = seen.checked.mapping.clone();
                report_rows::merge(module, seen.checked.outcome.clone(), seen.pushed);
            } else if self.open.get(&key) == Some(&module.verdict) {
                report_rows::merge_open(module, is_over);
            }
        }
    }
}

fn unavailable(why: String, verdict: Verdict) -> Seen {
    Seen {
        checked: CrossChecked::none(Finding::new(Code::ImageUnreachable, why)),
        pushed: Pushed::Yes,
        verdict,
    }
}

/// Whether what KMM verified was pushed: KMM ≤2.3 says it in its reason, later ones only
/// where the Module has nothing to build or sign, or everything built is pushed.
fn pushed(row: &Row, module: &Module, preflight: &Preflight) -> Pushed {
    if row.says_not_pushed() {
        return Pushed::No;
    }
    let is_third = matches!(row.verification_status.as_str(), "Success" | "Failure");
    let container = module
        .spec
        .module_loader
        .as_ref()
        .map(|loader| &loader.container);
    let makes_images = container.is_some_and(|container| {
        container.build.is_some()
            || container.sign.is_some()
            || container
                .kernel_mappings
                .iter()
                .any(|mapping| mapping.build.is_some() || mapping.sign.is_some())
    });
    if is_third && makes_images && !preflight.spec.push_built_image {
        Pushed::Perhaps
    } else {
        Pushed::Yes
    }
}
