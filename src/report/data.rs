//! The versioned report as JSON and YAML. Its shape is a promise, so it has structs of its
//! own: the report may change without it.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::findings::codes;
use crate::findings::finding::Finding;
use crate::model::report::{ModuleReport, Report};
use crate::model::target::{Arch, KernelType, Target};
use crate::model::verdict::Verdict;
use crate::report::answer;
use crate::report::causes::{self, Cause};

/// The version of the shape.
pub(crate) const API_VERSION: &str = "preflight.kmm/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    target: Vec<TargetData<'a>>,
    verdict: Option<&'static str>,
    counts: Counts,
    causes: Vec<CauseData>,
    modules: Vec<ModuleData<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetData<'a> {
    kernel_version: &'a str,
    dtk_image: Option<&'a str>,
    arch: &'static str,
    release: Option<String>,
    os_stream: Option<&'a str>,
    kernel_type: Option<&'static str>,
    pools: &'a [String],
    nodes: Option<usize>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Counts {
    verified: usize,
    accepted: usize,
    failed: usize,
    error: usize,
    in_progress: usize,
    unknown: usize,
}

#[derive(Serialize)]
struct CauseData {
    code: &'static str,
    severity: &'static str,
    modules: Vec<String>,
    kernels: Vec<String>,
    hint: Option<String>,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModuleData<'a> {
    namespace: &'a str,
    name: &'a str,
    kind: &'static str,
    kernel_version: Option<&'a str>,
    arch: Option<&'static str>,
    verdict: &'static str,
    verification_status: &'a str,
    verification_stage: &'a str,
    status_reason: &'a str,
    last_transition_time: Option<&'a str>,
    image: Option<&'a str>,
    digest: Option<&'a str>,
    mapping: Option<&'a str>,
    checked_by: &'static str,
    findings: Vec<FindingData<'a>>,
    duration_seconds: Option<f64>,
}

#[derive(Serialize)]
struct FindingData<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    url: String,
    accepted: bool,
}

impl<'a> From<&'a Target> for TargetData<'a> {
    fn from(target: &'a Target) -> Self {
        Self {
            kernel_version: &target.kernel_version,
            dtk_image: target.dtk_image.as_deref(),
            arch: target.arch.as_str(),
            release: target.scope.release(),
            os_stream: target.scope.os_stream.as_deref(),
            kernel_type: target.scope.kernel_type.map(KernelType::as_str),
            pools: &target.scope.pools,
            nodes: target.scope.nodes.as_ref().map(BTreeSet::len),
        }
    }
}

/// The document of `targets`: the report's target objects.
pub(crate) fn targets(targets: &[Target]) -> serde_json::Value {
    let targets: Vec<TargetData<'_>> = targets.iter().map(TargetData::from).collect();
    serde_json::json!({"apiVersion": API_VERSION, "kind": "Targets", "targets": targets})
}

impl<'a> From<&'a Finding> for FindingData<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            message: &finding.message,
            hint: finding.hint.as_deref(),
            url: codes::url(finding.code),
            accepted: finding.accepted.is_some(),
        }
    }
}

impl From<Cause<'_>> for CauseData {
    fn from(cause: Cause<'_>) -> Self {
        Self {
            code: cause.code.as_str(),
            severity: cause.severity.as_str(),
            modules: cause.names(),
            kernels: cause.kernels(),
            url: codes::url(cause.code),
            hint: cause.hint,
        }
    }
}

impl<'a> From<&'a ModuleReport> for ModuleData<'a> {
    fn from(module: &'a ModuleReport) -> Self {
        let kernel = module.kernel_version.as_str();
        Self {
            namespace: &module.namespace,
            name: &module.name,
            kind: module.kind,
            kernel_version: (!kernel.is_empty()).then_some(kernel),
            arch: module.arch.map(Arch::as_str),
            verdict: module.verdict.as_str(),
            verification_status: &module.verification_status,
            verification_stage: &module.verification_stage,
            status_reason: &module.status_reason,
            last_transition_time: module.last_transition_time.as_deref(),
            image: module.image.as_deref(),
            digest: module.digest.as_deref(),
            mapping: module.mapping.as_deref(),
            checked_by: module.checked_by.as_str(),
            findings: module.findings.iter().map(FindingData::from).collect(),
            duration_seconds: module
                .duration
                .map(|took| (took.as_secs_f64() * 1000.0).round() / 1000.0),
        }
    }
}

fn document(report: &Report) -> Document<'_> {
    Document {
        api_version: API_VERSION,
        kind: "Report",
        target: report.targets.iter().map(TargetData::from).collect(),
        verdict: report.verdict().map(Verdict::as_str),
        counts: Counts {
            verified: report.count(Verdict::Verified),
            accepted: report.count(Verdict::Accepted),
            failed: report.count(Verdict::Failed),
            error: report.count(Verdict::Error),
            in_progress: report.count(Verdict::InProgress),
            unknown: report.count(Verdict::Unknown),
        },
        causes: causes::causes(report)
            .into_iter()
            .map(CauseData::from)
            .collect(),
        modules: report.modules.iter().map(ModuleData::from).collect(),
        notes: &report.notes,
    }
}

/// The report as indented JSON.
pub(crate) fn json(report: &Report) -> String {
    answer::json(&document(report))
}

/// The same as YAML.
pub(crate) fn yaml(report: &Report) -> String {
    answer::yaml(&document(report))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn the_shape_is_the_promised_one() {
        insta::assert_snapshot!(json(&samples::mixed()));
    }

    #[test]
    fn yaml_says_the_same() {
        let report = samples::mixed();
        let from_yaml: serde_json::Value =
            crate::input::yaml::from_str(&yaml(&report)).expect("YAML");
        let from_json: serde_json::Value = serde_json::from_str(&json(&report)).expect("JSON");
        assert_eq!(from_yaml, from_json);
    }
}
