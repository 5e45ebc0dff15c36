//! `--boot` where there is nothing to boot.

use super::preflight::{Ended, Preflight};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `run --local` on the examples, whose kernel facts have no kernel, without QEMU.
fn run(words: &[&str]) -> Ended {
    let programs = tempfile::tempdir().expect("an empty folder");
    Preflight::new(["run", "--local", "--progress=none", "-o=json"])
        .arg(format!("-f={ROOT}/examples/modules.yaml"))
        .arg(format!("--oci-layout={ROOT}/examples/images"))
        .arg(format!("--kernel-dir={ROOT}/examples/kernel"))
        .arg("--kernel-version=6.1.0-56-amd64")
        .args(words)
        .env("PATH", programs.path())
        .run()
}

fn verdicts(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("a list of modules");
    rows.iter().map(|row| row["verdict"].to_string()).collect()
}

#[test]
fn nothing_is_booted_unless_it_is_asked_for() {
    let plain = run(&[]).code(1);
    let off = run(&["--boot=off"]).code(1);
    assert_eq!(verdicts(&plain), verdicts(&off));
    for ended in [&plain, &off] {
        assert!(!ended.stderr.contains("--boot"), "{}", ended.stderr);
    }
}

#[test]
fn auto_says_once_why_the_kernel_was_not_asked() {
    let plain = run(&[]).code(1);
    let auto = run(&["--boot=auto"]).code(1);
    assert_eq!(verdicts(&plain), verdicts(&auto));
    let told = auto.stderr.matches("was not booted").count();
    assert_eq!(told, 1, "{}", auto.stderr);
    assert!(
        auto.stderr.contains("qemu-system-x86_64"),
        "{}",
        auto.stderr
    );
}

#[test]
fn what_is_required_and_was_not_asked_is_an_error() {
    let required = run(&["--boot=require"]).code(1);
    let verdicts = verdicts(&required);
    assert!(!verdicts.iter().any(|verdict| verdict.contains("verified")));
    assert!(verdicts.iter().any(|verdict| verdict.contains("error")));
    assert!(required.stdout.contains("boot-unavailable"));
}

#[test]
fn a_cluster_run_boots_nothing() {
    let ended = Preflight::new(["run", "--boot=auto"]).run().code(2);
    assert!(ended.stderr.contains("--local"), "{}", ended.stderr);
}
