//! What KMM's operator does, done by the tests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::crds::Release;
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::preflight::{Ended, Preflight};

/// A kernel to check against.
pub(crate) const KERNEL: &str = "5.14.0-427.28.1.el9_4.x86_64";
/// A release image that nothing resolves here.
pub(crate) const RELEASE_IMAGE: &str = "quay.local/ocp/release:4.16.3-x86_64";

/// What KMM says of one Module: name, status, stage, reason.
pub(crate) type Said = (&'static str, &'static str, &'static str, &'static str);

/// Creates the namespace `ns1` and one Module a name in it.
pub(crate) fn create_modules(cluster: &Cluster, names: &[&str]) {
    cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: ns1}}");
    for name in names {
        cluster.apply(&module(name).to_string());
    }
}

/// A Module of `ns1` for every kernel.
pub(crate) fn module(name: &str) -> Value {
    json!({"apiVersion": "kmm.sigs.x-k8s.io/v1beta1", "kind": "Module",
           "metadata": {"name": name, "namespace": "ns1"},
           "spec": {"selector": {"node": "all"}, "moduleLoader": {"container": {
               "modprobe": {"moduleName": name},
               "kernelMappings": [{"regexp": "^.+$",
                                   "containerImage": format!("127.0.0.1:9/{name}:1")}]}}}})
}

/// Arguments that name a target which this release takes.
pub(crate) fn target(release: Release) -> [&'static str; 2] {
    if release.takes_release_image {
        ["--release-image", RELEASE_IMAGE]
    } else {
        ["--kernel-version", KERNEL]
    }
}

/// Writes the status of a CR as the release shapes it.
pub(crate) fn say(cluster: &Cluster, release: Release, name: &str, said: &[Said]) {
    let object = format!("{}/{name}", release.resource());
    cluster.set_status(&object, &status(release, said));
}

/// The same where the API server may refuse it; true when it was taken.
pub(crate) fn try_say(cluster: &Cluster, release: Release, name: &str, said: &[Said]) -> bool {
    let object = format!("{}/{name}", release.resource());
    let patch = json!({"status": status(release, said)}).to_string();
    let args = [
        "patch",
        &object,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ];
    cluster.try_kubectl(&args, "").status.success()
}

fn status(release: Release, said: &[Said]) -> Value {
    let entry = |(_, status, stage, reason): &Said| {
        json!({"verificationStatus": status, "verificationStage": stage,
               "statusReason": reason, "lastTransitionTime": "2026-01-02T03:04:05Z"})
    };
    if release.version == "v1beta1" {
        let entries: serde_json::Map<String, Value> = said
            .iter()
            .map(|said| (said.0.to_owned(), entry(said)))
            .collect();
        return json!({"crStatuses": entries});
    }
    let entries: Vec<Value> = said
        .iter()
        .map(|said| {
            let mut entry = entry(said);
            entry["namespace"] = "ns1".into();
            entry["name"] = said.0.into();
            entry
        })
        .collect();
    json!({"modules": entries})
}

/// Creates a CR with this spec.
pub(crate) fn create_cr(cluster: &Cluster, release: Release, name: &str) {
    let spec = if release.takes_release_image {
        json!({"releaseImage": RELEASE_IMAGE})
    } else {
        json!({"kernelVersion": KERNEL})
    };
    let object = json!({"apiVersion": format!("kmm.sigs.x-k8s.io/{}", release.version),
                        "kind": release.kind(), "metadata": {"name": name}, "spec": spec});
    cluster.apply(&object.to_string());
}

/// What KMM ≤2.3 does with a release image that it can resolve.
pub(crate) fn resolve(cluster: &Cluster, release: Release, name: &str, kernel: &str) {
    let owner = format!("{}/{name}", release.resource());
    let uid = cluster.kubectl(&["get", &owner, "-o=jsonpath={.metadata.uid}"], "");
    let object = json!({"apiVersion": format!("kmm.sigs.x-k8s.io/{}", release.version),
                        "kind": "PreflightValidation", "metadata": {"name": name,
                            "ownerReferences": [{"kind": "PreflightValidationOCP", "name": name,
                                "apiVersion": format!("kmm.sigs.x-k8s.io/{}", release.version),
                                "uid": uid, "controller": true}]},
                        "spec": {"kernelVersion": kernel}});
    cluster.apply(&object.to_string());
}

/// A call of the binary as the administrator.
pub(crate) fn call(cluster: &Cluster, args: &[&str]) -> Preflight {
    call_as(cluster, ADMIN, args)
}

/// A call of the binary by the holder of a token. It has a kubeconfig of its own, for
/// the cluster's is written anew each time that kubectl is called.
pub(crate) fn call_as(cluster: &Cluster, token: &str, args: &[&str]) -> Preflight {
    let call = Preflight::new(args);
    let own = call.home().join("kubeconfig");
    std::fs::copy(cluster.kubeconfig(token), &own).expect("a kubeconfig");
    call.env("KUBECONFIG", own)
}

/// Waits until an object exists.
pub(crate) fn wait_for(cluster: &Cluster, object: &str) {
    let start = Instant::now();
    while !cluster.try_kubectl(&["get", object], "").status.success() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{object} is there"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The rows of a JSON report as `namespace/name verdict status stage reason`.
pub(crate) fn rows(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("modules");
    rows.iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            format!(
                "{}/{} {} {} {} {}",
                text("namespace"),
                text("name"),
                text("verdict"),
                text("verificationStatus"),
                text("verificationStage"),
                text("statusReason")
            )
            .trim_end()
            .to_owned()
        })
        .collect()
}

/// The findings of the first row as `code: message`.
pub(crate) fn findings(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let findings = report["modules"][0]["findings"]
        .as_array()
        .expect("findings");
    findings
        .iter()
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default();
            format!("{}: {}", text("code"), text("message"))
        })
        .collect()
}
