//! kubectl's own look-up of plugins and completions, with the real kubectl.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

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
