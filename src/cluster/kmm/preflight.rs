//! A preflight CR of any KMM release as one model, and what its rows mean (pure).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use crate::cluster::api::objects::{Meta, Owner};
use crate::cluster::api::resource::{PREFLIGHT_OCP, Resource};
use crate::findings::finding::{Code, Finding};
use crate::model::report::{CheckedBy, ModuleReport, Origin};
use crate::model::target::Arch;
use crate::model::verdict::Verdict;

/// A PreflightValidation or PreflightValidationOCP.
#[derive(Debug, Clone, PartialEq)]
pub struct Preflight {
    /// Its kind, in the version in which it was read.
    pub resource: Resource,
    /// Its metadata.
    pub meta: Meta,
    /// Its spec.
    pub spec: PreflightSpec,
    /// What KMM says of each Module, sorted by namespace and name.
    pub rows: Vec<Row>,
}

/// `spec` of every release and kind; a field that a release does not have is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightSpec {
    /// The kernel (PreflightValidation, and PreflightValidationOCP ≥2.4).
    #[serde(deserialize_with = "null_as_default")]
    pub kernel_version: String,
    /// The driver-toolkit image (PreflightValidationOCP ≥2.4).
    #[serde(deserialize_with = "null_as_default")]
    pub dtk_image: String,
    /// The release image (PreflightValidationOCP ≤2.3).
    #[serde(deserialize_with = "null_as_default")]
    pub release_image: String,
    /// The release's real-time kernel (PreflightValidationOCP 1.1 to 2.3).
    #[serde(rename = "useRTKernel", deserialize_with = "null_as_default")]
    pub use_rt_kernel: bool,
    /// Push what was built.
    #[serde(deserialize_with = "null_as_default")]
    pub push_built_image: bool,
}

/// What KMM says of one Module, in KMM's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Row {
    /// Namespace; empty where KMM ≤2.0 keeps the bare name.
    #[serde(deserialize_with = "null_as_default")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// `True`, `False`, `Success`, `Failure` or `InProgress`.
    #[serde(deserialize_with = "null_as_default")]
    pub verification_status: String,
    /// `Image`, `Build`, `Sign`, `Requeued` or `Done`.
    #[serde(deserialize_with = "null_as_default")]
    pub verification_stage: String,
    /// The reason.
    #[serde(deserialize_with = "null_as_default")]
    pub status_reason: String,
    /// The time of KMM's last pass.
    pub last_transition_time: Option<String>,
}

/// A preflight CR as the API server sends it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RawPreflight {
    /// Metadata.
    #[serde(default)]
    pub metadata: Meta,
    #[serde(default, deserialize_with = "null_as_default")]
    spec: PreflightSpec,
    #[serde(default, deserialize_with = "null_as_default")]
    status: RawStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus {
    #[serde(deserialize_with = "null_as_default")]
    modules: Vec<Row>,
    #[serde(deserialize_with = "null_as_default")]
    cr_statuses: BTreeMap<String, Option<Row>>,
}

fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Preflight {
    /// The model of a CR.
    pub fn of_raw(raw: RawPreflight, resource: Resource) -> Self {
        let mut rows = raw.status.modules;
        rows.extend(of_cr_statuses(raw.status.cr_statuses));
        rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Self {
            resource,
            meta: raw.metadata,
            spec: raw.spec,
            rows,
        }
    }

    /// True for a PreflightValidationOCP.
    pub fn is_ocp(&self) -> bool {
        self.resource.plural == PREFLIGHT_OCP.plural
    }

    /// The PreflightValidationOCP for which KMM made this PreflightValidation.
    pub fn owner_ocp(&self) -> Option<&Owner> {
        let mut owners = self.meta.owner_references.iter();
        owners.find(|owner| owner.kind == PREFLIGHT_OCP.kind)
    }

    /// The rows of the report. `kernel_version` is the CR's, or the one that KMM resolved.
    pub fn report(&self, kernel_version: &str) -> Vec<ModuleReport> {
        let arch = Arch::of_kernel_release(kernel_version);
        self.rows
            .iter()
            .map(|row| row.report(&self.meta.name, kernel_version, arch))
            .collect()
    }
}

/// The rows of `crStatuses`. Since KMM 2.1 the `v1beta1` view holds every Module twice,
/// as `namespace/name` and as `name`: where one key has a `/`, those without are dropped.
fn of_cr_statuses(statuses: BTreeMap<String, Option<Row>>) -> Vec<Row> {
    let qualified = statuses.keys().any(|key| key.contains('/'));
    statuses
        .into_iter()
        .filter(|(key, _)| !qualified || key.contains('/'))
        .map(|(key, row)| {
            let (namespace, name) = key.split_once('/').unwrap_or(("", &key));
            Row {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                ..row.unwrap_or_default()
            }
        })
        .collect()
}

impl Row {
    /// What KMM's words mean.
    ///
    /// KMM ≤2.3 looks at a Module that is not verified every 180 s, and says False with
    /// stage Requeued at the end of each pass, whether it failed or waits for a build: only
    /// a reason that begins with `Waiting for ` tells them apart. During a pass the stage is
    /// Image, Build or Sign (`preflightvalidation_reconciler.go`, `preflight.go`).
    /// KMM ≥2.4 says Success, Failure or InProgress.
    pub fn verdict(&self) -> Verdict {
        let stage = self.verification_stage.as_str();
        match (self.verification_status.as_str(), stage) {
            ("True" | "Success", "Done") => Verdict::Verified,
            ("False", "Requeued") if self.status_reason.starts_with("Waiting for ") => {
                Verdict::InProgress
            }
            ("False", "Requeued" | "Done") | ("Failure", "Image" | "Done") => Verdict::Failed,
            ("True" | "Success" | "False", "Image" | "Build" | "Sign" | "Requeued")
            | ("InProgress", "Image" | "Done") => Verdict::InProgress,
            ("", "") => Verdict::InProgress,
            _ => Verdict::Unknown,
        }
    }

    /// True when KMM will say nothing else of its own accord.
    pub fn is_decided(&self) -> bool {
        matches!(self.verdict(), Verdict::Verified | Verdict::Failed)
    }

    /// True when KMM failed the module for its image alone, or for the image first.
    pub fn failed_in_image_stage(&self) -> bool {
        let reason = &self.status_reason;
        self.verdict() == Verdict::Failed
            && (reason.starts_with("image ") || reason.starts_with("verified image does not exist"))
    }

    /// True when KMM's reason says that the module was built or signed and not pushed.
    pub fn says_not_pushed(&self) -> bool {
        ["(build compiles)", "(sign completes)"]
            .iter()
            .any(|words| self.status_reason.contains(words))
    }

    /// The row of the report, with the finding that the verdict follows from.
    fn report(&self, preflight: &str, kernel_version: &str, arch: Option<Arch>) -> ModuleReport {
        let verdict = self.verdict();
        let findings = match verdict {
            Verdict::Verified | Verdict::Accepted | Verdict::Error => Vec::new(),
            Verdict::Failed => vec![Finding::new(
                Code::KmmFailed,
                self.reason_or(
                    "no reason \
                given",
                ),
            )],
            Verdict::InProgress => {
                vec![Finding::new(
                    Code::KmmWaiting,
                    self.reason_or("KMM has not started checking this module"),
                )]
            }
            Verdict::Unknown => vec![
                Finding::new(
                    Code::KmmStatusUnknown,
                    format!(
                        "unknown verificationStatus `{}` or verificationStage `{}` in KMM's status",
                        self.verification_status, self.verification_stage
                    ),
                )
                .hint("Update this program."),
            ],
        };
        ModuleReport {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            kind: "Module",
            kernel_version: kernel_version.to_owned(),
            arch,
            verdict,
            verification_status: self.verification_status.clone(),
            verification_stage: self.verification_stage.clone(),
            status_reason: self.status_reason.clone(),
            last_transition_time: self.last_transition_time.clone(),
            image: None,
            digest: None,
            mapping: None,
            checked_by: CheckedBy::Kmm,
            findings,
            duration: None,
            origin: Origin::Cluster,
            preflight: Some(preflight.to_owned()),
        }
    }

    fn reason_or(&self, otherwise: &str) -> String {
        if self.status_reason.is_empty() {
            otherwise.to_owned()
        } else {
            self.status_reason.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::resource::PREFLIGHT;
    use serde_json::json;

    fn row(status: &str, stage: &str, reason: &str) -> Row {
        Row {
            verification_status: status.to_owned(),
            verification_stage: stage.to_owned(),
            status_reason: reason.to_owned(),
            ..Row::default()
        }
    }

    #[test]
    fn every_word_of_every_release_has_its_meaning() {
        use Verdict::{Failed, InProgress, Unknown, Verified};
        for (status, stage, reason, verdict) in [
            ("True", "Done", "Verification successful", Verified),
            ("True", "Build", "Verification successful", InProgress),
            ("False", "Image", "", InProgress),
            ("False", "Build", "image x inaccessible", InProgress),
            (
                "False",
                "Requeued",
                "Waiting for build verification",
                InProgress,
            ),
            (
                "False",
                "Requeued",
                "Waiting for sign verification",
                InProgress,
            ),
            ("False", "Requeued", "image x inaccessible", Failed),
            ("False", "Requeued", "", Failed),
            ("Success", "Done", "verified image exists", Verified),
            ("Failure", "Done", "mapping not found", Failed),
            (
                "InProgress",
                "Image",
                "verification is not finished yet",
                InProgress,
            ),
            ("", "", "", InProgress),
            ("Maybe", "Done", "", Unknown),
            ("Success", "Polished", "", Unknown),
            ("success", "Done", "", Unknown),
        ] {
            assert_eq!(
                row(status, stage, reason).verdict(),
                verdict,
                "{status} {stage} {reason}"
            );
        }
    }

    fn names(status: serde_json::Value) -> Vec<String> {
        let raw: RawPreflight =
            serde_json::from_value(json!({"status": status})).expect("a preflight CR");
        Preflight::of_raw(raw, PREFLIGHT)
            .rows
            .iter()
            .map(|row| format!("{}/{}", row.namespace, row.name))
            .collect()
    }

    #[test]
    fn all_shapes_of_the_status_give_the_same_rows() {
        let entry = json!({"verificationStatus": "True", "verificationStage": "Done",
                           "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let listed = json!({"modules": [
            {"namespace": "b", "name": "m", "verificationStatus": "True"},
            {"namespace": "a", "name": "m", "verificationStatus": "True"}]});
        assert_eq!(names(listed), ["a/m", "b/m"]);
        let bare = json!({"crStatuses": {"m": entry, "n": null}});
        assert_eq!(names(bare), ["/m", "/n"]);
        let both = json!({"crStatuses": {"m": entry, "b/m": entry, "a/m": entry}});
        assert_eq!(names(both), ["a/m", "b/m"]);
        assert_eq!(names(json!(null)), Vec::<String>::new());
    }

    #[test]
    fn an_empty_status_is_not_verified() {
        let raw = RawPreflight::default();
        assert!(Preflight::of_raw(raw, PREFLIGHT).rows.is_empty());
    }

    #[test]
    fn the_words_that_the_cross_check_asks_for() {
        for (reason, image_stage) in [
            ("image q/i:1 inaccessible or does not exists", true),
            ("image q/i:1, layer sha256:x is inaccessible", true),
            ("verified image does not exist and build/sign failed", true),
            ("mapping not found", false),
            ("Failed to verify build for module m", false),
        ] {
            let status = if reason.starts_with("image") || reason.starts_with("Failed") {
                row("False", "Requeued", reason)
            } else {
                row("Failure", "Done", reason)
            };
            assert_eq!(status.failed_in_image_stage(), image_stage, "{reason}");
        }
        let built = "Verification successful (build compiles), this Module will not be verified";
        let pushed = "Verification successful (build compiles and image pushed), this Module";
        assert!(row("True", "Done", built).says_not_pushed());
        assert!(!row("True", "Done", pushed).says_not_pushed());
    }
}
