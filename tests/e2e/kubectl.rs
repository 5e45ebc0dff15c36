//! kubectl's own look-up of plugins and completions, with the real kubectl.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

use crate::cluster::crds::{NEWEST, install_cluster_versions};
use crate::cluster::operator::{create_cr, create_modules};
use crate::support::cluster::{ADMIN, Cluster};
use crate::support::preflight::AT_ONCE;
use crate::support::server::tool;

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-kmm-preflight");

/// A folder on the PATH with one link to the plugin.
fn linked(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    symlink(BINARY, folder.path().join(name)).expect("a link");
    folder
}

fn kubectl(folder: &Path, args: &[&str]) -> Output {
    let paths = [folder.to_owned(), PathBuf::from("/usr/bin"), "/bin".into()];
    Command::new(tool("kubectl"))
        .args(args)
        .env_clear()
        .env("PATH", std::env::join_paths(paths).expect("a PATH"))
        .env("HOME", folder)
        .output()
        .expect("kubectl runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_link_is_found_by_the_words_that_lead_to_it() {
    for (link, words) in [
        ("kubectl-kmm", &["kmm", "preflight"][..]),
        ("kubectl-kmm-preflight", &["kmm", "preflight"]),
        ("kubectl-kmm_preflight", &["kmm-preflight"]),
        ("kubectl-kmm_preflight", &["kmm_preflight"]),
    ] {
        let folder = linked(link);
        for (args, code) in [
            (&["version", "-o", "json"][..], 0),
            (&["explain", "symbol-missing"], 0),
            (&["nonsense"], 2),
            (&["run", "--local", "-f", "/nonexistent"], 2),
        ] {
            let output = kubectl(folder.path(), &[words, args].concat());
            assert_eq!(
                output.status.code(),
                Some(code),
                "{link} {args:?}: {output:?}"
            );
            assert_eq!(output.stdout.is_empty(), code != 0, "{link} {args:?}");
        }
    }
}

#[test]
fn kubectl_completes_through_what_completion_install_puts_beside_the_plugin() {
    let folder = linked("kubectl-kmm");
    let installed = kubectl(
        folder.path(),
        &["kmm", "preflight", "completion", "install"],
    );
    assert!(installed.status.success(), "{installed:?}");
    assert!(folder.path().join("kubectl_complete-kmm").exists());
    for (words, expected) in [
        (&["pre"][..], "preflight"),
        (&["preflight", "vers"], "version"),
        (&["preflight", "status", "-o", "sar"], "sarif"),
        (
            &["preflight", "run", "--accept", "symbol-gpl"],
            "symbol-gpl-only",
        ),
    ] {
        let output = kubectl(folder.path(), &[&["__complete", "kmm"], words].concat());
        let lines = stdout(&output);
        let first = lines.lines().next().unwrap_or_default();
        assert_eq!(
            first.split('\t').next(),
            Some(expected),
            "{words:?}: {lines}"
        );
        assert!(lines.ends_with(":4\n"), "{words:?}: {lines}");
    }
}

#[test]
fn contexts_are_completed_from_the_kubeconfig() {
    let folder = linked("kubectl_complete-kmm");
    symlink(BINARY, folder.path().join("kubectl-kmm")).expect("a link");
    let config = folder.path().join(".kube");
    fs::create_dir(&config).expect("a folder");
    let contexts = "apiVersion: v1\nkind: Config\ncontexts:\n\
        - {name: east, context: {cluster: e}}\n- {name: west, context: {cluster: w}}\n";
    fs::write(config.join("config"), contexts).expect("a kubeconfig");
    let words = [
        "__complete",
        "kmm",
        "preflight",
        "status",
        "--context",
        "we",
    ];
    assert_eq!(stdout(&kubectl(folder.path(), &words)), "west\n:4\n");
}

/// A home folder of somebody who completes for a cluster, with the plugin in it.
pub(crate) fn completing(cluster: &Cluster) -> TempDir {
    let folder = linked("kubectl-kmm");
    symlink(BINARY, folder.path().join("kubectl_complete-kmm")).expect("a link");
    fs::create_dir(folder.path().join(".kube")).expect("a folder");
    let config = folder.path().join(".kube/config");
    fs::copy(cluster.kubeconfig(ADMIN), config).expect("a kubeconfig");
    folder
}

/// What kubectl offers for the words, without its directive; there is nothing on stderr but
/// kubectl's own word about that.
pub(crate) fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let start = Instant::now();
    let output = kubectl(
        folder,
        &[&["__complete", "kmm", "preflight"], words].concat(),
    );
    assert!(start.elapsed() < AT_ONCE, "{words:?}");
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("rror"), "{said}");
    let lines = stdout(&output);
    let lines = lines.strip_suffix(":4\n").expect("the directive");
    let word = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    lines.lines().map(word).collect()
}

#[test]
fn what_the_cluster_has_is_completed_and_a_cluster_that_is_down_says_nothing() {
    let mut cluster = Cluster::start();
    NEWEST.install(&cluster);
    install_cluster_versions(&cluster);
    create_modules(&cluster, &["m1"]);
    for name in ["preflight-a", "preflight-b", "other"] {
        create_cr(&cluster, NEWEST, name);
    }
    let update = |version: &str| json!({"version": version, "image": "q/r@sha256:1"});
    cluster.set_status(
        "clusterversions.config.openshift.io/version",
        &json!({"desired": update("4.17.1"),
                "availableUpdates": [update("4.17.2"), update("4.18.9")],
                "conditionalUpdates": [{"release": update("4.18.10"), "risks": []}]}),
    );
    let folder = completing(&cluster);
    let cases: [(&[&str], &[&str]); 6] = [
        (&["status", "preflight-"], &["preflight-a", "preflight-b"]),
        (&["delete", "oth"], &["other"]),
        (&["run", "-n", "ns"], &["ns1"]),
        (&["run", "--namespace=kube-p"], &["--namespace=kube-public"]),
        (&["run", "--to", "4.18"], &["4.18.9", "4.18.10"]),
        (&["generate", "--to=4.17"], &["--to=4.17.2"]),
    ];
    for (words, expected) in cases {
        assert_eq!(offered(folder.path(), words), expected, "{words:?}");
    }
    cluster.stop_api_server();
    for (words, _) in cases {
        assert!(offered(folder.path(), words).is_empty(), "{words:?}");
    }
}
