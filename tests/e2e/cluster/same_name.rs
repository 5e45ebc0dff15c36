//! Two runs with one name: neither changes or deletes what is the other's.

use super::crds::NEWEST;
use super::operator::{KERNEL, call, create_cr, create_modules};
use super::watching::in_the_clear;
use crate::support::cluster::Cluster;
use crate::support::preflight::{Ended, Preflight, Running};
use crate::support::wire::Wire;

const OTHER: &str = "5.14.0-503.11.1.el9_5.x86_64";
const RUN: [&str; 4] = ["run", "p", "--wait=false", "--kernel-version"];

fn prepared() -> Cluster {
    let cluster = Cluster::start();
    NEWEST.install(&cluster);
    create_modules(&cluster, &["m1"]);
    cluster
}

/// A call whose request with this text waits until something else was done.
fn meanwhile(cluster: &Cluster, args: &[&str], text: &str, act: impl FnOnce()) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let (_proxy, port) = in_the_clear(cluster, folder.path());
    let wire = Wire::to(port);
    wire.hold(text);
    let server = format!("--server=http://127.0.0.1:{}", wire.port());
    let running = Running::start(Preflight::new(args).arg(server));
    wire.wait_until_held();
    act();
    wire.release();
    running.end()
}

fn kernel_of(cluster: &Cluster) -> String {
    let path = "-o=jsonpath={.spec.kernelVersion}";
    cluster.kubectl(&["get", NEWEST.resource(), "p", path], "")
}

#[test]
fn a_run_whose_write_meets_anothers_takes_only_the_wanted_spec() {
    for (kernel, code, said) in [
        (KERNEL, 0, "unchanged"),
        (OTHER, 2, "exists with another spec"),
    ] {
        let cluster = prepared();
        let args = [&RUN[..], &[kernel]].concat();
        let ended = meanwhile(&cluster, &args, "POST ", || {
            create_cr(&cluster, NEWEST, "p")
        });
        let ended = ended.code(code);
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(text.contains(said), "{text}");
        if code != 0 {
            assert!(text.contains(KERNEL) && text.contains(OTHER), "{text}");
        }
        assert_eq!(kernel_of(&cluster), KERNEL, "nobody changed it");
    }
}

#[test]
fn runs_side_by_side_do_not_take_each_others_cr() {
    let cluster = prepared();
    let runs = [KERNEL, OTHER]
        .map(|kernel| Running::start(call(&cluster, &[&RUN[..], &[kernel]].concat())));
    let mut codes = runs.map(|run| run.end().code);
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
}

#[test]
fn what_was_replaced_meanwhile_is_not_deleted() {
    for (args, code) in [
        (&["delete", "p", "--wait=false"][..], 3),
        (
            &[
                "run",
                "p",
                "--cleanup",
                "--timeout=1s",
                "--kernel-version",
                KERNEL,
            ],
            3,
        ),
    ] {
        let cluster = prepared();
        if args[0] == "delete" {
            create_cr(&cluster, NEWEST, "p");
        }
        let ended = meanwhile(&cluster, args, "DELETE ", || {
            cluster.kubectl(&["delete", NEWEST.resource(), "p"], "");
            create_cr(&cluster, NEWEST, "p");
        });
        let ended = ended.code(code);
        let said = "was replaced by another one with the same name";
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!(kernel_of(&cluster), KERNEL, "it is still there");
    }
    // One that nobody replaced is.
    let cluster = prepared();
    create_cr(&cluster, NEWEST, "p");
    call(&cluster, &["delete", "p", "--wait=false"])
        .run()
        .code(0);
    let gone = cluster.try_kubectl(&["get", NEWEST.resource(), "p"], "");
    assert!(!gone.status.success());
}
