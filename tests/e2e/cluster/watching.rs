//! Watches that break, end, are not allowed, or see their CR change.

use std::path::Path;
use std::time::{Duration, Instant};

use super::crds::NEWEST;
use super::operator::{
    KERNEL, Said, call, call_as, create_cr, create_modules, rows, say, wait_for,
};
use crate::support::cluster::{ADMIN, Cluster, NOBODY};
use crate::support::preflight::{Preflight, Running};
use crate::support::server::{Server, free_port, listens};
use crate::support::wire::Wire;

const WORKING: &[Said] = &[(
    "m1",
    "InProgress",
    "Image",
    "verification is not finished yet",
)];
const DONE: &[Said] = &[("m1", "Success", "Done", "verified image exists")];

/// Both commands that watch, each with a CR of its own.
pub(super) const WATCHING: [&[&str]; 2] = [
    &["status", "p", "-w", "-o=json"],
    &[
        "run",
        "p",
        "--kernel-version",
        KERNEL,
        "--cross-check=off",
        "--cleanup",
        "-o=json",
    ],
];

fn prepared() -> Cluster {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    cluster
}

/// Starts a command of [`WATCHING`], once its CR is there and nothing is decided.
fn start(cluster: &Cluster, args: &[&str], call: Preflight) -> Running {
    if args[0] == "status" {
        create_cr(cluster, NEWEST, "p");
    }
    let running = Running::start(call);
    wait_for(cluster, &format!("{}/p", NEWEST.resource()));
    say(cluster, NEWEST, "p", WORKING);
    std::thread::sleep(Duration::from_millis(500));
    running
}

/// KMM decides, and the command ends as if nothing had happened.
fn ends(cluster: &Cluster, running: Running) {
    say(cluster, NEWEST, "p", DONE);
    let ended = running.end().code(0);
    assert_eq!(
        rows(&ended),
        ["ns1/m1 verified Success Done verified image exists"]
    );
    cluster.try_kubectl(&["delete", NEWEST.resource(), "p"], "");
}

#[test]
fn a_watch_goes_on_over_a_restart_of_the_api_server() {
    let mut cluster = prepared();
    for args in WATCHING {
        let running = start(&cluster, args, call(&cluster, args));
        cluster.stop_api_server();
        std::thread::sleep(Duration::from_millis(1500));
        cluster.restart_api_server();
        ends(&cluster, running);
    }
}

#[test]
fn a_watch_goes_on_over_resets() {
    let cluster = prepared();
    let port = cluster.url().rsplit_once(':').expect("a port").1.to_owned();
    let wire = Wire::to(port.parse().expect("a number"));
    let address = format!("--server=https://127.0.0.1:{}", wire.port());
    for args in WATCHING {
        let through = call(&cluster, args).arg(&address);
        let running = start(&cluster, args, through);
        for _ in 0..3 {
            wire.cut();
            std::thread::sleep(Duration::from_millis(300));
        }
        ends(&cluster, running);
    }
}

/// kubectl's proxy, by which requests are seen without their TLS.
pub(super) fn in_the_clear(cluster: &Cluster, folder: &Path) -> (Server, u16) {
    let port = free_port();
    let args = [
        format!("--kubeconfig={}", cluster.kubeconfig(ADMIN).display()),
        "proxy".to_owned(),
        format!("--port={port}"),
    ];
    let mut proxy = Server::start("kubectl", &args, &folder.join("proxy.log"));
    proxy.wait_until(|| listens(port));
    (proxy, port)
}

/// An API server that was restarted knows no version from before: a watch that was asked for
/// with one gets 410.
#[test]
fn a_watch_goes_on_from_a_version_that_is_gone() {
    let mut cluster = prepared();
    let folder = tempfile::tempdir().expect("a folder");
    let (_proxy, port) = in_the_clear(&cluster, folder.path());
    for args in WATCHING {
        let wire = Wire::to(port);
        wire.hold("watch=true");
        // The request is held for longer than an answer usually takes.
        let clear = Preflight::new(args)
            .arg(format!("--server=http://127.0.0.1:{}", wire.port()))
            .arg("--request-timeout=2m");
        let running = start(&cluster, args, clear);
        wire.wait_until_held();
        for number in 0..20 {
            let name = format!("later-{number}");
            cluster.kubectl(&["create", "configmap", &name], "");
            cluster.kubectl(&["delete", "configmap", &name], "");
        }
        say(
            &cluster,
            NEWEST,
            "p",
            &[("m1", "InProgress", "Image", "still")],
        );
        cluster.restart_api_server();
        wire.release();
        let released = Instant::now();
        while !wire.has_answered("too old resource version") {
            assert!(released.elapsed() < Duration::from_secs(30), "{args:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        ends(&cluster, running);
    }
}

#[test]
fn a_watch_goes_on_over_an_event_that_makes_no_sense() {
    let cluster = prepared();
    let folder = tempfile::tempdir().expect("a folder");
    let (_proxy, port) = in_the_clear(&cluster, folder.path());
    for args in WATCHING {
        let wire = Wire::to(port);
        let clear = Preflight::new(args).arg(format!("--server=http://127.0.0.1:{}", wire.port()));
        let running = start(&cluster, args, clear);
        wire.garble(r#"{"type":"MODIFIED""#);
        say(
            &cluster,
            NEWEST,
            "p",
            &[("m1", "InProgress", "Image", "still")],
        );
        std::thread::sleep(Duration::from_millis(500));
        assert!(wire.has_garbled(), "{args:?}");
        ends(&cluster, running);
    }
}

#[test]
fn a_cr_that_may_not_be_watched_is_read_again_and_again() {
    let cluster = prepared();
    cluster.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: poll}, \
         rules: [{apiGroups: [kmm.sigs.x-k8s.io], verbs: [get, patch, create, delete], \
                  resources: [preflightvalidationsocp]}]}",
    );
    let bind = [
        "create",
        "clusterrolebinding",
        "poll",
        "--clusterrole=poll",
        "--user=nobody",
    ];
    cluster.kubectl(&bind, "");
    for args in WATCHING {
        let running = start(&cluster, args, call_as(&cluster, NOBODY, args));
        say(&cluster, NEWEST, "p", DONE);
        let ended = running.end().code(0);
        let note =
            "Not allowed to watch preflightvalidationsocp.kmm.sigs.x-k8s.io; polling every 2 s";
        assert!(ended.stderr.contains(note), "{}", ended.stderr);
        cluster.try_kubectl(&["delete", NEWEST.resource(), "p"], "");
    }
}

/// `status -w` shows whatever the CR says by then; `run` asked about one target.
#[test]
fn a_cr_that_is_edited_or_deleted_under_a_watch_is_told() {
    let cluster = prepared();
    let edit = r#"{"spec":{"kernelVersion":"5.14.0-500.el9.x86_64"}}"#;
    let patch = ["patch", NEWEST.resource(), "p", "--type=merge", "-p", edit];
    let delete = ["delete", NEWEST.resource(), "p"];

    let [status, run] = WATCHING;
    for args in WATCHING {
        let running = start(&cluster, args, call(&cluster, args));
        cluster.kubectl(&delete, "");
        let ended = running.end().code(3);
        let said = "preflight CR p was deleted";
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        if args == run {
            let known = rows(&ended);
            let open = "ns1/m1 in-progress InProgress Image verification is not finished yet";
            assert_eq!(known, [open], "what was known by then");
        }
    }

    // Another CR of the same name is another CR.
    let running = start(&cluster, status, call(&cluster, status));
    cluster.kubectl(&delete, "");
    create_cr(&cluster, NEWEST, "p");
    let ended = running.end().code(3);
    assert!(ended.stderr.contains("was deleted"), "{}", ended.stderr);
    cluster.kubectl(&delete, "");

    let running = start(&cluster, run, call(&cluster, run));
    cluster.kubectl(&patch, "");
    let ended = running.end().code(3);
    for word in [
        "changed during the run: spec.kernelVersion",
        KERNEL,
        "5.14.0-500.el9.x86_64",
    ] {
        assert!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    cluster.try_kubectl(&delete, "");

    let running = start(&cluster, status, call(&cluster, status));
    cluster.kubectl(&patch, "");
    say(&cluster, NEWEST, "p", DONE);
    let ended = running.end().code(0);
    let kernel = &ended.json()["modules"][0]["kernelVersion"];
    assert_eq!(kernel, "5.14.0-500.el9.x86_64");
}

/// KMM ≥2.4 keeps what it said of a Module that is deleted, for ever.
#[test]
fn a_module_that_is_deleted_under_a_watch_is_not_waited_for() {
    let cluster = prepared();
    create_modules(&cluster, &["m2"]);
    let [_, run] = WATCHING;
    let open = ("m2", WORKING[0].1, WORKING[0].2, WORKING[0].3);
    let running = start(&cluster, run, call(&cluster, run));
    say(&cluster, NEWEST, "p", &[DONE[0], open]);
    cluster.kubectl(&["-n=ns1", "delete", "module", "m2"], "");
    let ended = running.end().code(0);
    assert_eq!(
        rows(&ended),
        ["ns1/m1 verified Success Done verified image exists"]
    );
    let said = "Module ns1/m2 was deleted during the run";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);

    let running = start(&cluster, run, call(&cluster, run));
    cluster.kubectl(&["-n=ns1", "delete", "module", "m1"], "");
    let ended = running.end().code(4);
    let said = "every Module was deleted during the run";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
}
