//! The way back: the report as data, as a shard in the cluster keeps it, becomes a report again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::findings::finding::{Code, Effect, Finding, Severity, Subject};
use crate::kmm::early::ModuleKind;
use crate::model::report::{CheckedBy, ModuleReport, Origin, Report};
use crate::model::target::{KernelType, Scope, Target};
use crate::model::verdict::Verdict;

/// What the report as data does not have, and its texts for people need.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Details {
    /// Of each target.
    targets: Vec<TargetDetails>,
    /// Of each finding of each row.
    findings: Vec<Vec<FindingDetails>>,
}

/// See [`Scope`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct TargetDetails {
    releases: Vec<String>,
    nodes: Option<BTreeSet<String>>,
    is_current: bool,
    is_new: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct FindingDetails {
    effect: Effect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Box<Subject>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
}

/// What is kept beside the report as data.
pub(crate) fn details(report: &Report) -> Value {
    let of_finding = |finding: &Finding| FindingDetails {
        effect: finding.effect,
        subject: finding.subject.clone(),
        accepted: finding.accepted.clone(),
    };
    let of_row = |row: &ModuleReport| row.findings.iter().map(of_finding).collect();
    let of_target = |target: &Target| TargetDetails {
        releases: target.scope.releases.clone(),
        nodes: target.scope.nodes.clone(),
        is_current: target.scope.is_current,
        is_new: target.scope.is_new,
    };
    json!(Details {
        targets: report.targets.iter().map(of_target).collect(),
        findings: report.modules.iter().map(of_row).collect(),
    })
}

/// The report that was written so.
///
/// # Errors
/// It is damaged, or of a release that has other codes.
pub(crate) fn report(document: Value, details: Value) -> Result<Report, String> {
    let document: Document = serde_json::from_value(document).map_err(|why| why.to_string())?;
    let details: Details = serde_json::from_value(details).map_err(|why| why.to_string())?;
    if document.api_version != super::data::API_VERSION {
        return Err(format!("a report of version {}", document.api_version));
    }
    if details.targets.len() != document.target.len()
        || details.findings.len() != document.modules.len()
    {
        return Err("its parts are not of one report".to_owned());
    }
    let targets = document.target.into_iter().zip(details.targets);
    let modules = document.modules.into_iter().zip(details.findings);
    Ok(Report {
        targets: targets
            .map(|(target, details)| target.target(details))
            .collect::<Result<_, _>>()?,
        modules: modules
            .map(|(module, details)| module.row(details))
            .collect::<Result<_, _>>()?,
        notes: document.notes,
        ..Report::default()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: String,
    target: Vec<TargetData>,
    modules: Vec<ModuleData>,
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetData {
    kernel_version: String,
    dtk_image: Option<String>,
    arch: String,
    os_stream: Option<String>,
    kernel_type: Option<String>,
    pools: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ModuleData {
    namespace: String,
    name: String,
    kind: String,
    kernel_version: Option<String>,
    arch: Option<String>,
    verdict: String,
    verification_status: String,
    verification_stage: String,
    status_reason: String,
    last_transition_time: Option<String>,
    image: Option<String>,
    digest: Option<String>,
    mapping: Option<String>,
    checked_by: String,
    findings: Vec<FindingData>,
    duration_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct FindingData {
    code: String,
    severity: String,
    message: String,
    hint: Option<String>,
}

/// The one of these that writes itself like the text.
fn one_of<T: Copy>(all: &[T], word: fn(T) -> &'static str, text: &str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| word(*one) == text);
    found.ok_or_else(|| format!("`{text}` is not known"))
}

impl TargetData {
    fn target(self, details: TargetDetails) -> Result<Target, String> {
        let arch = self
            .arch
            .parse()
            .map_err(|_| format!("`{}` is not known", self.arch))?;
        let kernel_type = self.kernel_type.as_deref().map(str::parse::<KernelType>);
        let mut target = Target::new(self.kernel_version, arch).with_toolkit(self.dtk_image);
        target.scope = Arc::new(Scope {
            releases: details.releases,
            os_stream: self.os_stream,
            kernel_type: kernel_type.transpose()?,
            pools: self.pools,
            nodes: details.nodes,
            is_current: details.is_current,
            is_new: details.is_new,
        });
        Ok(target)
    }
}

const KINDS: [ModuleKind; 3] = [
    ModuleKind::Module,
    ModuleKind::BootModuleConfig,
    ModuleKind::InitramfsModule,
];
const CHECKED_BY: [CheckedBy; 3] = [CheckedBy::Kmm, CheckedBy::KmmAndImage, CheckedBy::Local];

impl ModuleData {
    fn row(self, details: Vec<FindingDetails>) -> Result<ModuleReport, String> {
        if details.len() != self.findings.len() {
            return Err("its parts are not of one report".to_owned());
        }
        let arch = self.arch.map(|arch| {
            let parsed = arch.parse();
            parsed.map_err(|_| format!("`{arch}` is not known"))
        });
        let findings = self.findings.into_iter().zip(details);
        Ok(ModuleReport {
            kind: one_of(&KINDS, ModuleKind::as_str, &self.kind)?.as_str(),
            namespace: self.namespace,
            name: self.name,
            kernel_version: self.kernel_version.unwrap_or_default(),
            arch: arch.transpose()?,
            verdict: one_of(&Verdict::ALL, Verdict::as_str, &self.verdict)?,
            verification_status: self.verification_status,
            verification_stage: self.verification_stage,
            status_reason: self.status_reason,
            last_transition_time: self.last_transition_time,
            image: self.image,
            digest: self.digest,
            mapping: self.mapping,
            checked_by: one_of(&CHECKED_BY, CheckedBy::as_str, &self.checked_by)?,
            findings: findings
                .map(|(finding, details)| finding.finding(details))
                .collect::<Result<_, _>>()?,
            duration: self
                .duration_seconds
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            origin: Origin::Cluster,
            preflight: None,
        })
    }
}

impl FindingData {
    fn finding(self, details: FindingDetails) -> Result<Finding, String> {
        const SEVERITIES: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Info];
        let code: Code = self.code.parse().map_err(|_| {
            format!(
                "`{}` is a finding of another release of this program",
                self.code
            )
        })?;
        let mut finding = Finding::new(code, self.message);
        finding.severity = one_of(&SEVERITIES, Severity::as_str, &self.severity)?;
        finding.effect = details.effect;
        finding.hint = self.hint;
        finding.subject = details.subject;
        finding.accepted = details.accepted;
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{data, samples};

    fn back(report: &Report) -> Result<Report, String> {
        let document = serde_json::from_str(&data::json(report)).expect("JSON");
        super::report(document, details(report))
    }

    #[test]
    fn a_report_comes_back_as_it_was() {
        let mut report = samples::mixed();
        report
            .modules
            .push(samples::accepted("known", "nobody has the hardware"));
        report.notes.push("a remark".into());
        let symbol = Subject::Symbol {
            name: "pci_read".into(),
            built_for: Some("5.14".into()),
        };
        report.modules[1].findings[0].subject = Some(Box::new(symbol));
        let doubt = Finding::new(Code::FirmwareMissing, "x").with_effect(Effect::Doubts);
        report.modules[0].findings.push(doubt);
        let scope = Scope {
            releases: vec!["4.18.9".into(), "4.19.2".into()],
            is_current: true,
            is_new: true,
            pools: vec!["worker".into()],
            nodes: Some(BTreeSet::from(["a".into(), "b".into()])),
            ..Scope::default()
        };
        report.targets[0].scope = Arc::new(scope);
        assert_eq!(back(&report).expect("a report"), report);
        assert_eq!(back(&Report::default()), Ok(Report::default()));
    }

    #[test]
    fn what_is_not_such_a_report_is_refused() {
        let report = samples::mixed();
        let good: Value = serde_json::from_str(&data::json(&report)).expect("JSON");
        let bad = |pointer: &str, value: Value| {
            let mut document = good.clone();
            *document.pointer_mut(pointer).expect("a field") = value;
            super::report(document, details(&report)).expect_err(pointer)
        };
        for (pointer, value) in [
            ("/apiVersion", json!("preflight.kmm/v9")),
            ("/modules", json!([])),
            ("/modules/1/findings", json!([])),
            ("/modules/0/verdict", json!("good")),
            ("/modules/0/kind", json!("Pod")),
            ("/modules/1/findings/0/code", json!("no-such-code")),
            ("/target", json!(null)),
        ] {
            assert!(!bad(pointer, value).is_empty());
        }
        assert!(super::report(json!("{}"), json!({})).is_err());
    }
}
