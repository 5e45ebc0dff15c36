//! KMM's result beside our own check of the image: which is right, and which cannot decide (pure).

use crate::check::image::ImageOutcome;
use crate::cluster::kmm::preflight::Row;
use crate::findings::finding::{Code, Effect, Finding};
use crate::model::report::{CheckedBy, ModuleReport};
use crate::model::verdict::Verdict;

/// Why a module has no image that could be looked at, or has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// What KMM verified is in the registry.
    Yes,
    /// KMM built or signed it and did not push it.
    No,
    /// KMM ≥2.4 does not tell whether it pulled the image or built it without a push.
    Perhaps,
}

/// True when KMM decided the module by its image: only then is a check of our own worth it.
pub(crate) fn is_due(row: &Row) -> bool {
    row.verdict() == Verdict::Verified || row.failed_in_image_stage()
}

/// The module's row with what our check of its image adds. KMM's five fields stay.
///
/// - KMM verified, the kernel would refuse it: failed, `kmm-false-pass`.
/// - KMM failed, the kernel would take it: still failed, warning `kmm-false-fail`.
/// - KMM verified, and we could not check, or not with the kernel's facts: unknown,
///   `cross-check-unavailable`.
pub(crate) fn merge(report: &mut ModuleReport, outcome: ImageOutcome, pushed: Pushed) {
    let kmm_verified = report.verdict == Verdict::Verified;
    report.digest = outcome.digest;
    let seen = outcome.findings;
    let ours = Verdict::of_findings(&seen);
    let absent_alone = seen
        .iter()
        .filter(|finding| finding.effect == Effect::Fails)
        .all(|finding| finding.code == Code::ImageNotFound);
    let added = match ours {
        Verdict::Failed if kmm_verified && pushed != Pushed::Yes && absent_alone => {
            vec![unavailable(
                "KMM built or signed the image and did not push it, so there is no image to check"
                    .to_owned(),
            )]
        }
        Verdict::Failed if kmm_verified => {
            let mut found = vec![
                Finding::new(
                    Code::KmmFalsePass,
                    "KMM verified this module, but the kernel would not load it",
                )
                .hint(
                    "See the other findings about this module; KMM does not check the image's \
                    contents.",
                ),
            ];
            found.extend(seen);
            found
        }
        Verdict::Failed => seen,
        Verdict::Verified | Verdict::Accepted if kmm_verified => seen,
        Verdict::Verified | Verdict::Accepted => {
            let mut found = vec![Finding::new(
                Code::KmmFalseFail,
                "KMM failed this module, but its image exists and the kernel would load it",
            )
            .hint(
                "Read KMM's reason in the report; if the image was pushed since, delete the CR and \
                 run again.",
            )];
            found.extend(seen);
            found
        }
        Verdict::Error | Verdict::Unknown | Verdict::InProgress => {
            let gravest = seen.iter().min_by_key(|finding| finding.effect);
            // What is rejected for want of a Secret is mended by way of the Secret.
            let secret = seen
                .iter()
                .find(|finding| finding.code == Code::SecretMissing)
                .filter(|secret| gravest != Some(secret));
            let whys: Vec<&str> = [gravest, secret]
                .into_iter()
                .flatten()
                .map(|finding| finding.message.as_str())
                .collect();
            let mut finding = unavailable(if whys.is_empty() {
                "no answer".to_owned()
            } else {
                whys.join("; ")
            });
            finding.hint = secret.or(gravest).and_then(|finding| finding.hint.clone());
            vec![finding]
        }
    };
    let looked = added
        .iter()
        .all(|finding| finding.code != Code::CrossCheckUnavailable);
    if looked {
        report.checked_by = CheckedBy::KmmAndImage;
    }
    report.findings.extend(added);
    report.findings.sort_by_key(Finding::order);
    report.verdict = match report.verdict {
        Verdict::Verified | Verdict::Failed => Verdict::of_findings(&report.findings),
        other => other,
    };
}

/// The module's row while the check of its image is under way, or where the run ended first.
pub(crate) fn merge_open(report: &mut ModuleReport, is_over: bool) {
    if is_over {
        let why = "the run ended before its image was checked";
        report.findings.push(unavailable(why.to_owned()));
        report.verdict = Verdict::of_findings(&report.findings);
    } else {
        let word = report.verdict.as_str();
        report.findings = vec![Finding::new(
            Code::KmmWaiting,
            format!("KMM reports {word}; its image is being checked"),
        )];
        report.verdict = Verdict::InProgress;
    }
}

/// KMM's verdict stands alone, and why.
pub(crate) fn unavailable(why: String) -> Finding {
    Finding::new(
        Code::CrossCheckUnavailable,
        format!("KMM's verdict was not checked: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::resource::PREFLIGHT_OCP;
    use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
    use serde_json::json;

    fn reported(status: &str) -> ModuleReport {
        let raw: RawPreflight = serde_json::from_value(json!({"status": {"modules": [
            {"namespace": "a", "name": "m", "verificationStatus": status,
             "verificationStage": "Done", "statusReason": "as KMM says"}]}}))
        .expect("a preflight CR");
        Preflight::of_raw(raw, PREFLIGHT_OCP).report("k").remove(0)
    }

    #[test]
    fn a_secret_that_may_not_be_read_is_the_reason_of_a_rejection() {
        let mut report = reported("Success");
        let outcome = ImageOutcome {
            digest: None,
            findings: vec![
                Finding::new(Code::ImageUnauthorized, "401").hint("name credentials"),
                Finding::new(Code::SecretMissing, "Secret a/pull is forbidden").hint("ask for it"),
            ],
        };
        merge(&mut report, outcome, Pushed::Yes);
        let finding = &report.findings[0];
        assert!(finding.message.ends_with("401; Secret a/pull is forbidden"));
        assert_eq!(finding.hint.as_deref(), Some("ask for it"));
    }

    #[test]
    fn no_verdict_stands_before_the_look_at_the_image() {
        let mut report = reported("Success");
        merge_open(&mut report, false);
        assert_eq!(report.verdict, Verdict::InProgress);
        assert_eq!(report.verification_status, "Success");
        let mut report = reported("Success");
        merge_open(&mut report, true);
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(report.findings[0].code, Code::CrossCheckUnavailable);
    }

    #[test]
    fn who_is_right_and_who_cannot_tell() {
        use Pushed::{No, Perhaps, Yes};
        use Verdict::{Failed, Unknown, Verified};
        let bad = || Finding::new(Code::SymbolMissing, "no such symbol");
        let absent = || Finding::new(Code::ImageNotFound, "no such image");
        let away = || Finding::new(Code::ImageUnreachable, "no route");
        let doubt =
            || Finding::new(Code::SignatureUntrusted, "whose key?").with_effect(Effect::Doubts);
        let blind = || Finding::new(Code::KernelFactsMissing, "no facts");
        let lint = || Finding::new(Code::FirmwareMissing, "no firmware");
        for (status, pushed, seen, verdict, codes) in [
            ("Success", Yes, vec![], Verified, vec![]),
            (
                "Success",
                Yes,
                vec![lint()],
                Verified,
                vec![Code::FirmwareMissing],
            ),
            (
                "Success",
                Yes,
                vec![bad()],
                Failed,
                vec![Code::KmmFalsePass, Code::SymbolMissing],
            ),
            (
                "Success",
                Yes,
                vec![bad(), blind()],
                Failed,
                vec![
                    Code::KmmFalsePass,
                    Code::SymbolMissing,
                    Code::KernelFactsMissing,
                ],
            ),
            (
                "Success",
                Yes,
                vec![absent()],
                Failed,
                vec![Code::KmmFalsePass, Code::ImageNotFound],
            ),
            (
                "Success",
                No,
                vec![absent()],
                Unknown,
                vec![Code::CrossCheckUnavailable],
            ),
            (
                "Success",
                Perhaps,
                vec![absent()],
                Unknown,
                vec![Code::CrossCheckUnavailable],
            ),
            (
                "Success",
                Yes,
                vec![away()],
                Unknown,
                vec![Code::CrossCheckUnavailable],
            ),
            (
                "Success",
                Yes,
                vec![doubt()],
                Unknown,
                vec![Code::CrossCheckUnavailable],
            ),
            (
                "Success",
                Yes,
                vec![blind()],
                Unknown,
                vec![Code::CrossCheckUnavailable],
            ),
            (
                "Failure",
                Yes,
                vec![],
                Failed,
                vec![Code::KmmFailed, Code::KmmFalseFail],
            ),
            (
                "Failure",
                Yes,
                vec![absent()],
                Failed,
                vec![Code::KmmFailed, Code::ImageNotFound],
            ),
            (
                "Failure",
                Yes,
                vec![blind()],
                Failed,
                vec![Code::KmmFailed, Code::CrossCheckUnavailable],
            ),
            (
                "Failure",
                Yes,
                vec![away()],
                Failed,
                vec![Code::KmmFailed, Code::CrossCheckUnavailable],
            ),
        ] {
            let mut report = reported(status);
            let outcome = ImageOutcome {
                digest: None,
                findings: seen.clone(),
            };
            merge(&mut report, outcome, pushed);
            let found: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
            assert_eq!(
                (report.verdict, found),
                (verdict, codes),
                "{status} {seen:?}"
            );
            let alone = report
                .findings
                .iter()
                .any(|finding| finding.code == Code::CrossCheckUnavailable);
            assert_eq!(alone, report.checked_by == CheckedBy::Kmm, "{seen:?}");
            assert_eq!(report.verification_status, status);
            assert_eq!(report.status_reason, "as KMM says");
        }
    }
}
