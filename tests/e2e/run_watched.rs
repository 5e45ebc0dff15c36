//! `run --local --watch`: what is checked again, and what never is.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::run_local::Setup;
use crate::stages::base_with_module;

/// Runs until everything is verified; `hear` is given every line of the progress as it
/// comes. Returns all of them.
fn watched(setup: &Setup, more: &[&str], mut hear: impl FnMut(&str)) -> Vec<String> {
    let common = ["--watch", "--timeout", "120s", "--progress", "plain"];
    let mut child = setup
        .run(&[&common, more].concat())
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let said = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut lines = Vec::new();
    for line in said.lines().map(|line| line.expect("text")) {
        hear(&line);
        lines.push(line);
    }
    let status = child.wait().expect("the binary ends");
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    lines
}

/// How often a line of the progress begins like this.
fn count(lines: &[String], beginning: &str) -> usize {
    let begins = |line: &&String| line.starts_with(beginning);
    lines.iter().filter(begins).count()
}

#[test]
fn what_failed_is_checked_again_when_its_dockerfile_changes() {
    let setup = Setup::new();
    let base = setup.busybox();
    let good = base_with_module(&setup.registry);
    setup.dockerfile(&format!("FROM {base}\nRUN echo nothing\n"));
    let lines = watched(&setup, &[], |line| {
        if line.starts_with("ns/stage: failed") {
            setup.dockerfile(&format!("FROM {good}\nRUN echo\n"));
        }
    });
    assert_eq!(count(&lines, "ns/stage: failed"), 1, "{lines:#?}");
    assert_eq!(count(&lines, "1/1 checked: 1 verified"), 1, "{lines:#?}");
}

/// The step fails until both the Secret and the Module's own argument say `right`.
#[test]
fn what_failed_is_checked_again_when_its_secret_or_its_module_changes() {
    let setup = Setup::new();
    let good = base_with_module(&setup.registry);
    setup.dockerfile(&format!(
        "FROM {good}\nARG MINE\nRUN test \"$MINE-$(cat /run/secrets/token/value)\" = right-right\n"
    ));
    let path = setup.folder.path().join("module.yaml");
    let yaml = std::fs::read_to_string(path).expect("the Module");
    let module = |mine: &str| {
        let more = format!(
            "          secrets: [{{name: token}}]\n          \
             buildArgs: [{{name: MINE, value: {mine}}}]\n          baseImageRegistryTLS"
        );
        setup.write(
            "module.yaml",
            &yaml.replace("          baseImageRegistryTLS", &more),
        );
    };
    let secret = |value: &str| {
        let document = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: token, namespace: ns}}\n\
             stringData: {{value: {value}}}\n"
        );
        setup.write("secret.yaml", &document);
    };
    module("wrong");
    secret("wrong");
    let file = setup.folder.path().join("secret.yaml");
    let mut failed = 0;
    let lines = watched(&setup, &["-f", &file.display().to_string()], |line| {
        if line.starts_with("ns/stage: failed") {
            failed += 1;
            match failed {
                1 => secret("right"),
                _ => module("right"),
            }
        }
    });
    assert_eq!(count(&lines, "ns/stage: failed"), 2, "{lines:#?}");
    assert_eq!(count(&lines, "ns/stage: building with"), 3, "{lines:#?}");
    assert_eq!(count(&lines, "1/1 checked: 1 verified"), 1, "{lines:#?}");
}

/// The Dockerfile that both Modules share changes after one of them was verified.
#[test]
fn what_is_verified_is_never_looked_at_again() {
    let setup = Setup::new();
    let good = base_with_module(&setup.registry);
    let dockerfile = |last: &str| {
        setup.dockerfile(&format!(
            "FROM {good}\nARG MOD_NAME\nRUN echo {last}; test $MOD_NAME != {last}\n"
        ));
        let path = setup.folder.path().join("module.yaml");
        let yaml = std::fs::read_to_string(path).expect("the Module");
        let (module, map) = yaml.split_once("---\n").expect("two documents");
        let other = module
            .replace("name: stage, namespace", "name: other, namespace")
            .replace("team/stage:1", "team/other:1");
        setup.write("module.yaml", &format!("{module}---\n{other}---\n{map}"));
    };
    dockerfile("other");
    let lines = watched(&setup, &["--build-jobs", "1"], |line| {
        if line.starts_with("ns/other: failed") {
            dockerfile("neither");
        }
    });
    for (beginning, times) in [
        ("ns/stage: building with", 1),
        ("ns/stage: verified", 1),
        ("ns/other: failed", 1),
        ("ns/other: building with", 2),
        ("1/1 checked: 1 verified", 1),
    ] {
        assert_eq!(count(&lines, beginning), times, "{beginning}: {lines:#?}");
    }
}
