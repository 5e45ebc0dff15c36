//! Reasons that the objects of KMM show, beyond those that the tests with a real API server
//! go through.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::api::objects::Meta;
use crate::cluster::api::resource::PREFLIGHT_OCP;
use crate::cluster::kmm::diagnose::builds::of_builds;
use crate::cluster::kmm::diagnose::evidence::Evidence;
use crate::cluster::kmm::diagnose::reason::{of_row, of_the_whole};
use crate::cluster::kmm::preflight::{Preflight, RawPreflight};
use crate::findings::finding::Finding;

fn of<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an object of the cluster")
}

fn preflight(kernel: &str, status: &str, reason: &str) -> Preflight {
    let raw: RawPreflight = of(json!({
        "metadata": {"name": "p", "uid": "ocp"}, "spec": {"kernelVersion": kernel},
        "status": {"modules": [{"namespace": "ns1", "name": "m1", "verificationStatus": status,
                                "verificationStage": "Image", "statusReason": reason}]}}));
    Preflight::of_raw(raw, PREFLIGHT_OCP)
}

/// KMM ≥2.4 with one ModuleImagesConfig, of the PreflightValidation with the UID `plain`.
fn third(state: &str, owner: &str) -> Evidence {
    Evidence {
        plain: Some(Some(Meta {
            uid: "plain".into(),
            ..Meta::default()
        })),
        image_configs: Some(vec![of(json!({
            "metadata": {"name": "m1-preflight", "namespace": "ns1", "ownerReferences": [
                {"kind": "PreflightValidation", "name": "p", "uid": owner}]},
            "spec": {"images": [{"image": "q/m1:1"}]},
            "status": {"imagesStates": [{"image": "q/m1:1", "status": state}]}}))]),
        ..Evidence::default()
    }
}

#[track_caller]
fn says(findings: &[Finding], code: &str, words: &str) {
    let said = findings
        .iter()
        .any(|finding| finding.code.to_string() == code && finding.message.contains(words));
    assert!(said, "{code} {words}: {findings:#?}");
    for finding in findings {
        assert!(
            finding.code.to_string() != "kmm-stuck" || finding.hint.is_some(),
            "{finding:?}"
        );
    }
}

#[test]
fn a_kernel_that_kmm_cannot_take_apart() {
    for (kernel, is_bad) in [
        ("5.14", true),
        ("nonsense", true),
        ("5.14.0", false),
        ("", false),
    ] {
        let preflight = preflight(kernel, "InProgress", "");
        let findings = of_the_whole(&preflight, &Evidence::default());
        assert_eq!(findings.len(), usize::from(is_bad), "{kernel}");
        if is_bad {
            says(&findings, "kmm-stuck", "has fewer than three parts");
        }
    }
}

#[test]
fn images_that_wait_for_a_build_or_a_signature() {
    let preflight = preflight("5.14.0", "InProgress", "verification is not finished yet");
    let row = &preflight.rows[0];
    let config = |images: Value| {
        let mut evidence = third("NeedsSigning", "plain");
        evidence.build_sign_configs = vec![of(json!({
            "metadata": {"name": "m1-preflight", "namespace": "ns1"},
            "status": {"images": images}}))];
        evidence
    };
    let mut lacks_key = third("NeedsSigning", "plain");
    lacks_key.missing.insert(
        ("ns1".into(), "m1".into()),
        vec!["Secret ns1/key has no key `key`".into()],
    );
    for (evidence, code, words) in [
        (
            third("NeedsSigning", "plain"),
            "kmm-waiting",
            "must be signed: KMM has not created a ModuleBuildSignConfig",
        ),
        (
            config(json!([])),
            "kmm-waiting",
            "there is neither a Build nor a result yet",
        ),
        (
            config(json!([{"action": "SignImage", "status": "Failure"}])),
            "kmm-waiting",
            "SignImage ended with Failure",
        ),
        (
            lacks_key,
            "kmm-stuck",
            "must be signed, but Secret ns1/key has no key `key`",
        ),
        (
            third("Exists", "plain"),
            "kmm-waiting",
            "has Exists; KMM has not copied it to the CR yet",
        ),
        (
            third("Exists", "one-before"),
            "kmm-stuck",
            "is left over from an earlier PreflightValidation of this name",
        ),
        (
            Evidence {
                plain: Some(None),
                ..third("Exists", "one-before")
            },
            "kmm-stuck",
            "is left over from an earlier PreflightValidation of this name",
        ),
    ] {
        says(&of_row(row, &preflight, &evidence), code, words);
    }
    let unknown = Evidence {
        plain: None,
        ..third("Exists", "one-before")
    };
    says(
        &of_row(row, &preflight, &unknown),
        "kmm-waiting",
        "has Exists",
    );
}

#[test]
fn a_failed_build_shows_the_end_of_its_log() {
    let preflight = preflight(
        "5.14.0",
        "Failure",
        "verified image does not exist and build/sign failed",
    );
    let row = &preflight.rows[0];
    let build = |labels: Value, owner: &str, snippet: &str| {
        of(json!({
            "metadata": {"name": "b", "namespace": "ns1", "labels": labels,
                         "ownerReferences": [{"kind": owner, "name": "m1-preflight"}]},
            "status": {"phase": "Failed", "message": "it failed", "logSnippet": snippet}}))
    };
    let ours = json!({"kmm.node.kubernetes.io/module.name": "m1-preflight"});
    let mut evidence = third("DoesNotExist", "plain");
    evidence.builds = vec![build(ours.clone(), "ModuleBuildSignConfig", "")];
    let lines: Vec<String> = (1..=9).map(|number| format!("line {number}\n")).collect();
    evidence
        .logs
        .insert(("ns1".into(), "b".into()), lines.concat());
    let findings = of_row(row, &preflight, &evidence);
    says(
        &findings,
        "kmm-stuck",
        "Build ns1/b is Failed: it failed: line 4 | line 5 | line 6 | line 7 | line 8 | line 9",
    );
    assert_eq!(findings[0].hint.as_deref(), Some("oc -n ns1 logs build/b"));

    // The Module's own builds, and other Modules', are no part of it.
    let others = json!({"kmm.node.kubernetes.io/module.name": "m2-preflight"});
    evidence.builds = vec![
        build(ours, "Module", "x"),
        build(others, "ModuleBuildSignConfig", "x"),
    ];
    assert_eq!(of_builds(row, &evidence, true), []);
}

#[test]
fn upstreams_failed_build_pods_are_found() {
    let mut waiting = preflight("", "False", "Waiting for build verification");
    waiting.rows[0].verification_stage = "Requeued".into();
    let evidence = Evidence {
        pods: vec![of(json!({
            "metadata": {"name": "m1-build-x", "namespace": "ns1", "labels": {
                "kmm.node.kubernetes.io/module.name": "m1"}},
            "status": {"phase": "Failed"}}))],
        ..Evidence::default()
    };
    says(
        &of_row(&waiting.rows[0], &waiting, &evidence),
        "kmm-stuck",
        "build pod ns1/m1-build-x failed",
    );
}
