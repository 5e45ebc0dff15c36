//! What preflight CRs say, with the reasons of what they leave open, as a report.

use std::collections::{BTreeSet, HashMap};

use crate::cluster::api::client::Cluster;
use crate::cluster::api::fault::Fault;
use crate::cluster::api::objects::ModuleQuery;
use crate::cluster::kmm::diagnose::evidence::Evidence;
use crate::cluster::kmm::diagnose::reason;
use crate::cluster::kmm::preflight::{Preflight, Row};
use crate::findings::finding::{Code, Finding};
use crate::kmm::module::Module;
use crate::model::report::{ModuleReport, Report};
use crate::model::target::{Arch, Target};
use crate::model::verdict::Verdict;

/// Which rows are shown and waited for.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only Modules of this namespace.
    pub namespace: Option<String>,
    /// Only these Modules, by namespace and name.
    pub modules: Option<BTreeSet<(String, String)>>,
    /// None of these Modules, which were deleted: KMM ≥2.4 keeps what it said of them.
    pub gone: BTreeSet<(String, String)>,
}

impl Filter {
    /// True when a Module is wanted. KMM ≤2.0 does not tell namespaces: such a row passes
    /// where a wanted Module has its name.
    pub fn takes(&self, namespace: &str, name: &str) -> bool {
        let by_namespace = match &self.namespace {
            Some(wanted) => namespace.is_empty() || wanted == namespace,
            None => true,
        };
        let by_module = match &self.modules {
            Some(wanted) if namespace.is_empty() => wanted.iter().any(|(_, module)| module == name),
            Some(wanted) => wanted.contains(&(namespace.to_owned(), name.to_owned())),
            None => true,
        };
        let mut gone = self.gone.iter();
        let is_gone = gone.any(|(of, module)| {
            module == name && (namespace.is_empty() || of.as_str() == namespace)
        });
        by_namespace && by_module && !is_gone
    }
}

/// A report on preflight CRs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// KMM's rows, one for each row of the report.
    pub rows: Vec<Row>,
    /// The report.
    pub report: Report,
    /// True when nothing of it is open.
    pub is_decided: bool,
    /// True when a CR has no rows, and the cluster is not known to have no Modules.
    pub is_unstarted: bool,
}

impl Survey {
    /// Adds the survey of another CR.
    pub fn append(&mut self, other: Self) {
        let Report {
            targets,
            modules,
            notes,
            interrupted: _,
            shown_at: _,
            finished_at: _,
            footer: _,
        } = other.report;
        for target in targets {
            if !self.report.targets.contains(&target) {
                self.report.targets.push(target);
            }
        }
        self.rows.extend(other.rows);
        self.report.modules.extend(modules);
        for note in notes {
            if !self.report.notes.contains(&note) {
                self.report.notes.push(note);
            }
        }
        self.is_decided &= other.is_decided;
        self.is_unstarted |= other.is_unstarted;
    }
}

impl Cluster {
    /// Reports on a CR. A decided one costs a list of the Modules beside it; only what is open
    /// makes further requests. No right beyond `get` on the CR is needed.
    ///
    /// # Errors
    /// The API server could not be asked.
    pub async fn survey(&self, preflight: &Preflight, filter: &Filter) -> Result<Survey, Fault> {
        if needs_evidence(preflight) {
            let (kernel, evidence) =
                tokio::join!(self.kernel_of(preflight), self.evidence(preflight));
            return Ok(of_evidence(preflight, &kernel, Some(&evidence?), filter));
        }
        // Modules without a row are in progress; and KMM ≤2.0 does not tell namespaces.
        let (kernel, modules) = tokio::join!(
            self.kernel_of(preflight),
            self.modules(ModuleQuery::default())
        );
        let evidence = Evidence {
            modules: modules.ok(),
            ..Evidence::default()
        };
        let survey = of_evidence(preflight, &kernel, Some(&evidence), filter);
        if survey.is_decided {
            return Ok(survey);
        }
        let evidence = self.evidence(preflight).await?;
        Ok(of_evidence(preflight, &kernel, Some(&evidence), filter))
    }
}

/// True when something of the CR is open, or a failed build has more to say.
pub(crate) fn needs_evidence(preflight: &Preflight) -> bool {
    preflight.rows.is_empty()
        || preflight.rows.iter().any(|row| match row.verdict() {
            Verdict::InProgress => true,
            Verdict::Failed => row.status_reason.contains("build"),
            _ => false,
        })
}

/// The report on a CR from what is known (pure).
pub(crate) fn of_evidence(
    preflight: &Preflight,
    kernel: &str,
    evidence: Option<&Evidence>,
    filter: &Filter,
) -> Survey {
    let mut rows = preflight.rows.clone();
    let expected = evidence.and_then(|evidence| evidence.modules.as_deref());
    let mut notes = Vec::new();
    if let Some(modules) = expected {
        rows = name_spaces(rows, modules, &mut notes);
        rows.extend(unheard_of(&rows, modules));
        rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    }
    rows.retain(|row| filter.takes(&row.namespace, &row.name));
    let completed = Preflight {
        rows,
        ..preflight.clone()
    };
    let mut modules = completed.report(kernel);
    if let Some(evidence) = evidence {
        explain(&completed, evidence, &mut modules);
        notes.extend(evidence.notes.iter().cloned());
    }
    let is_unstarted = modules.is_empty() && filter.is_open() && expected.is_none();
    if modules.is_empty() {
        notes.push(why_empty(preflight, evidence, filter));
    }
    Survey {
        is_decided: is_decided(&completed),
        rows: completed.rows,
        is_unstarted,
        report: Report {
            targets: target(preflight, kernel).into_iter().collect(),
            modules,
            notes,
            interrupted: false,
            shown_at: None,
            finished_at: None,
            footer: None,
        },
    }
}

impl Filter {
    /// True when every Module passes.
    fn is_open(&self) -> bool {
        self.namespace.is_none() && self.modules.is_none()
    }
}

/// True when there are rows and KMM will say nothing else of any of them.
fn is_decided(preflight: &Preflight) -> bool {
    !preflight.rows.is_empty() && preflight.rows.iter().all(Row::is_decided)
}

/// Gives the rows of KMM ≤2.0 their namespaces. Modules of one name share its answer, which
/// is about the one that it looked at last: each gets a row, and a note says so.
fn name_spaces(rows: Vec<Row>, modules: &[Module], notes: &mut Vec<String>) -> Vec<Row> {
    let mut named = Vec::with_capacity(rows.len());
    for row in rows {
        let of_its_name: Vec<&Module> = modules
            .iter()
            .filter(|module| row.namespace.is_empty() && module.name == row.name)
            .collect();
        if of_its_name.len() > 1 {
            let namespaces: Vec<&str> = of_its_name
                .iter()
                .map(|module| module.namespace.as_str())
                .collect();
            notes.push(format!(
                "this KMM release has only one result for the Modules named {} in namespaces {}",
                row.name,
                namespaces.join(", ")
            ));
        }
        named.extend(of_its_name.iter().map(|module| Row {
            namespace: module.namespace.clone(),
            ..row.clone()
        }));
        if of_its_name.is_empty() {
            named.push(row);
        }
    }
    named
}

/// Rows for the Modules that KMM has yet to name. A Module that loads nothing gets none.
fn unheard_of(rows: &[Row], modules: &[Module]) -> Vec<Row> {
    let heard: BTreeSet<(&str, &str)> = rows
        .iter()
        .map(|row| (row.namespace.as_str(), row.name.as_str()))
        .collect();
    modules
        .iter()
        .filter(|module| module.spec.module_loader.is_some())
        .filter(|module| {
            !heard.contains(&(module.namespace.as_str(), module.name.as_str()))
                && !heard.contains(&("", module.name.as_str()))
        })
        .map(|module| Row {
            namespace: module.namespace.clone(),
            name: module.name.clone(),
            ..Row::default()
        })
        .collect()
}

/// Adds the reasons to the rows: those of the row itself first, and where it has none those
/// of the CR as a whole.
fn explain(preflight: &Preflight, evidence: &Evidence, modules: &mut [ModuleReport]) {
    let of_the_whole = reason::of_the_whole(preflight, evidence);
    for (row, module) in preflight.rows.iter().zip(modules) {
        let mut reasons = reason::of_row(row, preflight, evidence);
        if row.verdict() == Verdict::InProgress {
            reasons.extend(of_the_whole.iter().cloned());
        }
        if reasons.is_empty() {
            continue;
        }
        // A reason says more than KMM's `verification is not finished yet`.
        module
            .findings
            .retain(|finding| finding.code != Code::KmmWaiting);
        module.findings.extend(reasons);
        module.findings.sort_by_key(Finding::order);
    }
}

fn why_empty(preflight: &Preflight, evidence: Option<&Evidence>, filter: &Filter) -> String {
    let name = &preflight.meta.name;
    let modules = evidence.and_then(|evidence| evidence.modules.as_ref());
    match modules {
        _ if !filter.is_open() => {
            format!(
                "{} {name} has no status for the Module",
                preflight.resource.kind
            )
        }
        Some(modules) if modules.is_empty() => {
            format!(
                "the cluster has no Modules: {} {name} has nothing to check",
                preflight.resource.kind
            )
        }
        _ => {
            let whys: Vec<String> = evidence
                .map(|evidence| reason::of_the_whole(preflight, evidence))
                .unwrap_or_default()
                .into_iter()
                .map(|finding| finding.message)
                .collect();
            let why = if whys.is_empty() {
                String::new()
            } else {
                format!(": {}", whys.join("; "))
            };
            format!("{} {name} has no status yet{why}", preflight.resource.kind)
        }
    }
}

fn target(preflight: &Preflight, kernel: &str) -> Option<Target> {
    if kernel.is_empty() {
        return None;
    }
    let dtk_image = &preflight.spec.dtk_image;
    let arch = Arch::of_kernel_release(kernel).unwrap_or(Arch::Amd64);
    let dtk_image = (!dtk_image.is_empty()).then(|| dtk_image.clone());
    Some(Target::new(kernel, arch).with_toolkit(dtk_image))
}

/// Keeps what the last pass of KMM ≤2.3 ended with while the next one runs, during which
/// every row that is not verified looks unbegun.
#[derive(Debug, Default)]
pub(crate) struct LastKnownRows(HashMap<(String, String), Row>);

impl LastKnownRows {
    /// Replaces rows in the middle of a pass by what is known of them.
    pub(crate) fn apply(&mut self, preflight: &mut Preflight) {
        for row in &mut preflight.rows {
            let key = (row.namespace.clone(), row.name.clone());
            let is_mid_pass = row.verification_status == "False"
                && matches!(row.verification_stage.as_str(), "Image" | "Build" | "Sign");
            match self.0.get(&key) {
                Some(known) if is_mid_pass => *row = known.clone(),
                _ if is_mid_pass => {}
                _ => {
                    self.0.insert(key, row.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
