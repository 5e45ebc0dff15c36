//! Watches that break, CRs that change under them, and runs that end early.

use std::time::{Duration, Instant};

use super::crds::{NEWEST, SECOND};
use super::operator::{
    KERNEL, Running, call, create_cr, create_modules, rows, say, target, wait_for,
};
use crate::support::cluster::Cluster;

const WORKING: &[super::operator::Said] = &[(
    "m1",
    "InProgress",
    "Image",
    "verification is not finished yet",
)];
const DONE: &[super::operator::Said] = &[("m1", "Success", "Done", "verified image exists")];

#[test]
fn a_watch_goes_on_over_a_restart_of_the_api_server() {
    let mut cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    create_cr(&cluster, NEWEST, "p");
    say(&cluster, NEWEST, "p", WORKING);
    let running = Running::start(call(&cluster, &["status", "p", "-w", "-o=json"]));
    std::thread::sleep(Duration::from_millis(500));
    cluster.stop_api_server();
    std::thread::sleep(Duration::from_millis(1500));
    cluster.restart_api_server();
    say(&cluster, NEWEST, "p", DONE);
    let ended = running.end().code(0);
    assert_eq!(
        rows(&ended),
        ["ns1/m1 verified Success Done verified image exists"]
    );
}

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
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(ended.stderr.contains(&url), "{}", ended.stderr);
}

#[test]
fn what_happens_to_a_cr_while_it_is_watched_is_told() {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    let start = |name: &str| {
        let run = call(
            &cluster,
            &[
                "run",
                name,
                "--kernel-version",
                KERNEL,
                "--cross-check=off",
                "-o=json",
            ],
        );
        let running = Running::start(run);
        wait_for(&cluster, &format!("{}/{name}", NEWEST.resource()));
        std::thread::sleep(Duration::from_millis(300));
        running
    };

    let running = start("deleted");
    cluster.kubectl(&["delete", NEWEST.resource(), "deleted"], "");
    let ended = running.end().code(3);
    assert!(
        ended.stderr.contains("deleted while it was watched"),
        "{}",
        ended.stderr
    );

    let running = start("edited");
    let edit = r#"{"spec":{"kernelVersion":"5.14.0-500.el9.x86_64"}}"#;
    cluster.kubectl(
        &[
            "patch",
            NEWEST.resource(),
            "edited",
            "--type=merge",
            "-p",
            edit,
        ],
        "",
    );
    let ended = running.end().code(3);
    assert!(
        ended
            .stderr
            .contains("edited while it was watched: spec.kernelVersion"),
        "{}",
        ended.stderr
    );
    call(&cluster, &["delete", "edited"]).run().code(0);
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
    assert!(ended.stderr.contains("time limit"), "{}", ended.stderr);
    assert_eq!(there(), "", "--cleanup");

    let running = Running::start(run(&["--cleanup"]));
    wait_for(&cluster, &format!("{resource}/p"));
    std::thread::sleep(Duration::from_millis(300));
    let pid = running.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(kill.expect("kill runs").success());
    let ended = running.end().code(130);
    assert_eq!(there(), "", "interrupted: {}", ended.stderr);

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
    assert!(
        ended.stderr.contains("there is p already"),
        "{}",
        ended.stderr
    );
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
