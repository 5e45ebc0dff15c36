//! Runs that end early, that find others in their way, or nothing to do.

use std::time::{Duration, Instant};

use serde_json::json;

use super::crds::{NEWEST, SECOND, crd};
use super::operator::{
    KERNEL, call, create_cr, create_modules, findings, resolve, rows, say, target, try_say,
    wait_for,
};
use crate::support::cluster::Cluster;
use crate::support::preflight::{AT_ONCE, Running};

const DONE: &[super::operator::Said] = &[("m1", "Success", "Done", "verified image exists")];

#[test]
fn a_dead_api_server_is_reported_with_its_address() {
    let mut cluster = Cluster::start();
    let url = cluster.url();
    let call = || call(&cluster, &["status", "p"]);
    call().run().code(3);
    let call = call();
    cluster.stop_api_server();
    let start = Instant::now();
    let ended = call.run().code(3);
    assert!(start.elapsed() < AT_ONCE);
    assert!(ended.stderr.contains(&url), "{}", ended.stderr);
}

#[test]
fn a_run_that_ends_early_leaves_what_it_should() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    let base = [
        "run",
        "p",
        "--kernel-version",
        KERNEL,
        "--cross-check=off",
        "-o=json",
    ];
    let run = |more: &[&str]| call(&cluster, &[&base[..], more].concat());
    let resource = NEWEST.resource();
    let there = || cluster.kubectl(&["get", resource, "-o=name"], "");

    let ended = run(&["--timeout=1s", "--cleanup"]).run().code(3);
    assert!(ended.stderr.contains("timed out after"), "{}", ended.stderr);
    assert_eq!(there(), "", "--cleanup");

    // Ctrl-C, a job's end, and a terminal that goes away.
    for signal in ["INT", "TERM", "HUP"] {
        let running = Running::start(run(&["--cleanup"]));
        wait_for(&cluster, &format!("{resource}/p"));
        std::thread::sleep(Duration::from_millis(300));
        running.signal(signal);
        let ended = running.end().code(130);
        assert_eq!(there(), "", "{signal}: {}", ended.stderr);
        assert_eq!(ended.json()["kind"], "Report", "{signal}");
    }

    let ended = run(&["--wait=false"]).run().code(0);
    assert_eq!(ended.json()["kind"], "PreflightValidationOCP");
    assert_ne!(there(), "");

    // An equal CR is watched, and is not this run's to delete.
    say(&cluster, NEWEST, "p", DONE);
    run(&["--cleanup"]).run().code(0);
    assert_ne!(there(), "");

    let other = ["run", "p", "--kernel-version", "5.14.0-500.el9.x86_64"];
    let ended = call(&cluster, &other).run().code(2);
    assert!(
        ended.stderr.contains("5.14.0-500.el9.x86_64"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("preflight delete p"),
        "{}",
        ended.stderr
    );

    // A second preflight of this release would never be decided.
    let second = ["run", "q", "--kernel-version", KERNEL];
    let ended = call(&cluster, &second).run().code(3);
    assert!(ended.stderr.contains("and p exists"), "{}", ended.stderr);
    assert!(!there().contains("/q"));
}

#[test]
fn nothing_to_check_is_never_a_pass() {
    let cluster = Cluster::start();
    let none = call(&cluster, &["run", "--kernel-version", KERNEL])
        .run()
        .code(3);
    assert!(
        none.stderr.contains("KMM is not installed"),
        "{}",
        none.stderr
    );
    NEWEST.install(&cluster);
    call(&cluster, &["run", "--kernel-version", KERNEL])
        .run()
        .code(4);
    create_cr(&cluster, NEWEST, "p");
    let ended = call(&cluster, &["status", "p"]).run().code(4);
    assert!(ended.stderr.contains("no Module"), "{}", ended.stderr);
    create_modules(&cluster, &["m1"]);
    call(&cluster, &["status", "p"]).run().code(3);
}

#[test]
fn all_crs_are_shown_newest_first_and_chosen_by_label() {
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    create_modules(&cluster, &["m1"]);
    let done = [("m1", "True", "Done", "")];
    for name in ["a-old", "b-new"] {
        create_cr(&cluster, SECOND, name);
        say(&cluster, SECOND, name, &done);
        // The API server tells the time of creation in seconds.
        std::thread::sleep(Duration::from_millis(1100));
    }
    let shown = |args: &[&str]| -> Vec<String> {
        let ended = call(&cluster, &[&["status"], args].concat()).run().code(0);
        let rows = ended.stdout.lines().take_while(|line| !line.is_empty());
        rows.map(|row| row.split_whitespace().next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(shown(&[]), ["PREFLIGHT", "b-new", "a-old"]);
    let label = ["label", SECOND.resource(), "b-new", "team=net"];
    cluster.kubectl(&label, "");
    assert_eq!(shown(&["-l", "team=net"]), ["NAMESPACE", "ns1"]);
    let none = call(&cluster, &["status", "-n", "other"]).run().code(4);
    assert!(
        none.stderr.contains("has no status for the Module"),
        "{}",
        none.stderr
    );
    // An empty selection is a document without modules, and never a pass.
    for args in [&["-n", "other"][..], &["-l", "team=none"], &["absent"]] {
        let ended = call(&cluster, &[&["status", "-o=json"], args].concat());
        let ended = ended.run().code(4);
        let report = ended.json();
        assert!(report["verdict"].is_null(), "{report}");
        assert_eq!(report["modules"], serde_json::json!([]), "{args:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
    let ended = call(&cluster, &["delete", "-l", "team=net"]).run().code(0);
    assert!(
        ended.stdout.contains("\"b-new\" deleted"),
        "{}",
        ended.stdout
    );
    assert_eq!(shown(&[]), ["NAMESPACE", "ns1"]);
}

#[test]
fn delete_waits_for_what_a_controller_collects() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    let plain = "preflightvalidations.kmm.sigs.x-k8s.io/p";
    let create = || {
        let sign_of_life = jiff::Timestamp::now();
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "kube-controller-manager", "namespace": "kube-system"},
            "spec": {"renewTime": format!("{sign_of_life:.6}")}});
        cluster.apply(&lease.to_string());
        create_cr(&cluster, NEWEST, "p");
        resolve(&cluster, NEWEST, "p", KERNEL);
    };
    create();
    let start = Instant::now();
    let running = Running::start(call(&cluster, &["delete", "p"]));
    std::thread::sleep(Duration::from_millis(1500));
    cluster.kubectl(&["delete", plain], "");
    let ended = running.end().code(0);
    assert!(start.elapsed() > Duration::from_millis(1500));
    assert_eq!(ended.stderr, "");

    create();
    let ended = call(&cluster, &["delete", "p", "--timeout=1s"])
        .run()
        .code(3);
    let left = "PreflightValidation p is still there after 1 s";
    assert!(ended.stderr.contains(left), "{}", ended.stderr);
    cluster.kubectl(&["delete", plain], "");

    create();
    let ended = call(&cluster, &["delete", "p", "--wait=false"])
        .run()
        .code(0);
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_hub_is_told_from_a_cluster_without_kmm() {
    let cluster = Cluster::start();
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let mut hub = crd(
        "managedclustermodules",
        "ManagedClusterModule",
        false,
        &[("v1beta1", &any, &any)],
    );
    hub["metadata"]["name"] = "managedclustermodules.hub.kmm.sigs.x-k8s.io".into();
    hub["spec"]["group"] = "hub.kmm.sigs.x-k8s.io".into();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("crd.yaml"), hub.to_string()).expect("a CRD");
    cluster.install_crds(folder.path());
    let run = ["run", "--kernel-version", KERNEL];
    let ended = call(&cluster, &run).run().code(3);
    for word in ["is a KMM hub", "managedclustermodules", "run --local -f -"] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
}

#[test]
fn a_failed_module_stays_failed_during_the_next_pass() {
    let cluster = Cluster::start();
    SECOND.install(&cluster);
    create_modules(&cluster, &["m1", "m2"]);
    let [flag, value] = target(SECOND);
    let run = call(
        &cluster,
        &["run", "p", flag, value, "--cross-check=off", "-o=json"],
    );
    let running = Running::start(run);
    wait_for(&cluster, &format!("{}/p", SECOND.resource()));
    let failed = "image q/i:1 inaccessible or does not exists";
    for said in [
        [
            ("m1", "False", "Requeued", failed),
            ("m2", "False", "Requeued", "Waiting for build verification"),
        ],
        [("m1", "False", "Image", failed), ("m2", "True", "Done", "")],
    ] {
        say(&cluster, SECOND, "p", &said);
        std::thread::sleep(Duration::from_millis(300));
    }
    let ended = running.end().code(1);
    assert_eq!(
        rows(&ended),
        [
            format!("ns1/m1 failed False Requeued {failed}"),
            "ns1/m2 verified True Done".to_owned()
        ]
    );
}

/// No API server with KMM's CRDs takes such words; those of a KMM to come would.
#[test]
fn words_that_no_release_writes_are_shown_and_mean_nothing() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    let entry = "/spec/versions/1/schema/openAPIV3Schema/properties/status/properties/modules/\
                 items/properties";
    let patch = json!([
        {"op": "add", "path": format!("{entry}/verificationStatus/enum"),
         "value": ["Success", "Failure", "InProgress", "Skipped"]},
        {"op": "add", "path": format!("{entry}/verificationStage/enum"),
         "value": ["Image", "Done", "Dreaming"]}]);
    let crd = NEWEST.resource();
    cluster.kubectl(
        &["patch", "crd", crd, "--type=json", "-p", &patch.to_string()],
        "",
    );
    create_modules(&cluster, &["m1", "m2", "m3"]);
    create_cr(&cluster, NEWEST, "p");
    let start = Instant::now();
    let said = [
        ("m1", "Skipped", "Done", "not worth it"),
        ("m2", "Success", "Dreaming", ""),
        ("m3", "Success", "Done", "verified image exists"),
    ];
    // The API server takes a while to serve the changed schema.
    while !try_say(&cluster, NEWEST, "p", &said) {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "the schema changes"
        );
    }
    let ended = call(&cluster, &["status", "p", "-o=json"]).run().code(3);
    assert_eq!(
        rows(&ended),
        [
            "ns1/m1 unknown Skipped Done not worth it",
            "ns1/m2 unknown Success Dreaming",
            "ns1/m3 verified Success Done verified image exists",
        ]
    );
    assert!(
        findings(&ended)[0].contains("verificationStatus `Skipped` or verificationStage `Done`"),
        "{:?}",
        findings(&ended)
    );
    let ended = call(&cluster, &["status", "p"]).run().code(3);
    assert!(ended.stdout.contains("? unknown"), "{}", ended.stdout);
}
