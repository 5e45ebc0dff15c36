//! Every format says every verdict in its own way, and the exit code is the verdict's.

use std::fs;

use kmm_preflight::for_tests::yaml;
use serde_json::Value;

use super::formats::FORMATS;
use super::preflight::Preflight;

const KERNEL: &str = "6.1.0-56-amd64";

/// A verdict, the Module of the examples that has it, further arguments, and the exit code. What
/// is in progress is a cluster's, and in the tests of the renderers.
const ROWS: [(&str, &str, &[&str], i32); 5] = [
    ("verified", "ticker", &[FACTS], 0),
    (
        "accepted",
        "meter",
        &[FACTS, "--accept=module-not-found"],
        0,
    ),
    ("failed", "meter", &[FACTS], 1),
    ("error", "absent", &[FACTS], 3),
    ("unknown", "ticker", &[], 3),
];
const FACTS: &str = "--kernel-dir=examples/kernel";

/// The Module of that name; `absent` is in a registry that refuses connections.
fn module(name: &str) -> String {
    let examples = fs::read_to_string("examples/modules.yaml").expect("the examples");
    let wanted = if name == "absent" { "ticker" } else { name };
    let mut documents = examples.split("\n---\n");
    let document = documents.find(|document| document.contains(&format!("name: {wanted}\n")));
    let document = document.expect("a Module").to_owned();
    match name {
        "absent" => document.replace("registry.example/", "127.0.0.1:1/"),
        _ => document,
    }
}

fn run(name: &str, more: &[&str], format: &str) -> Preflight {
    Preflight::new(["run", "--local", "-f=-", "--progress=none", "-o", format])
        .args(["--oci-layout=examples/images", "--kernel-version", KERNEL])
        .args(more)
        .input(module(name))
}

/// How many test cases of each kind JUnit has.
fn junit(stdout: &str) -> [(&'static str, usize); 3] {
    ["<skipped ", "<failure ", "<error "].map(|kind| (kind, stdout.matches(kind).count()))
}

#[track_caller]
fn says(format: &str, stdout: &str, name: &str, verdict: &str) {
    let name = if name == "absent" { "ticker" } else { name };
    let lines: Vec<&str> = stdout.lines().collect();
    let first = *lines.first().expect("a first line");
    let last = *lines.last().expect("a last line");
    let sum = format!("1 {verdict}");
    let is_so = match format {
        "table" => {
            let mut rows = lines.iter().filter(|line| line.starts_with("drivers "));
            rows.any(|row| row.contains(name) && row.contains(&format!(" {verdict}")))
                && last.contains(&format!("{verdict}: 1 module"))
        }
        "wide" => {
            let row = lines.iter().find(|line| line.starts_with("drivers/"));
            row.is_some_and(|row| row.contains(name) && row.ends_with(verdict))
        }
        "short" => last.contains(&format!("{verdict}: 1 module")) && last.contains(&sum),
        "json" | "yaml" => {
            let report: Value = match format {
                "json" => serde_json::from_str(stdout).expect("JSON"),
                _ => yaml::from_str(stdout).expect("YAML"),
            };
            let counts = report["counts"].as_object().expect("counts");
            let is_counted = |(of, count): (&String, &Value)| *count == u64::from(of == verdict);
            report["verdict"] == verdict
                && report["modules"][0]["verdict"] == verdict
                && counts.len() == 6
                && counts.iter().all(is_counted)
        }
        "name" => stdout == format!("module.kmm.sigs.x-k8s.io/{name}\n"),
        "junit" => {
            let of = |kind| usize::from(kind);
            junit(stdout)
                == [
                    ("<skipped ", of(verdict == "accepted")),
                    ("<failure ", of(verdict == "failed")),
                    ("<error ", of(matches!(verdict, "error" | "unknown"))),
                ]
        }
        "sarif" => {
            let log: Value = serde_json::from_str(stdout).expect("JSON");
            let results = log["runs"][0]["results"].as_array().expect("results");
            let is_suppressed = |result: &Value| result["suppressions"].is_array();
            let mut open = results.iter().filter(|result| !is_suppressed(result));
            let has_error = open.any(|result| result["level"] == "error");
            let codes: Vec<&str> = results
                .iter()
                .filter_map(|result| result["ruleId"].as_str())
                .collect();
            match verdict {
                "verified" => !has_error,
                "accepted" => !has_error && results.iter().any(is_suppressed),
                "failed" => has_error && codes.contains(&"module-not-found"),
                "error" => has_error && codes.contains(&"image-unreachable"),
                _ => !has_error && codes.contains(&"kernel-facts-missing"),
            }
        }
        "github" => {
            let is_error = |line: &&str| line.starts_with("::error ");
            let has_error = lines.iter().any(is_error);
            last.ends_with(&format!("::{sum}"))
                && has_error == matches!(verdict, "failed" | "error")
        }
        "markdown" => {
            first.ends_with(&format!("KMM preflight {verdict}: {sum}"))
                && lines.iter().any(|line| {
                    line.starts_with(&format!("| `drivers/{name}`")) && line.contains(verdict)
                })
        }
        "prometheus" => {
            let row = format!(
                "kmm_preflight_module{{namespace=\"drivers\",name=\"{name}\",kernel=\"{KERNEL}\",\
                 verdict=\"{verdict}\"}} 1"
            );
            let count = format!("kmm_preflight_modules{{verdict=\"{verdict}\"}} 1");
            lines.contains(&&*row)
                && lines.contains(&&*count)
                && stdout.matches("kmm_preflight_module{").count() == 1
        }
        _ => panic!("{format} has no row here"),
    };
    assert!(is_so, "{format} does not say {verdict}:\n{stdout}");
}

#[test]
fn every_format_says_every_verdict_and_the_exit_code_is_its_own() {
    for (verdict, name, more, code) in ROWS {
        for format in FORMATS {
            let ended = run(name, more, format).run().code(code);
            says(format, &ended.stdout, name, verdict);
        }
    }
}

/// A report is as good as its worst module, whatever the others are.
#[test]
fn the_worst_verdict_is_the_reports() {
    let document = |name: &str, as_name: &str| {
        let from = if name == "absent" { "ticker" } else { name };
        module(name).replace(&format!("name: {from}\n"), &format!("name: {as_name}\n"))
    };
    for (names, more, verdict, code) in [
        (&["ticker", "meter"][..], &[FACTS][..], "failed", 1),
        (&["ticker", "absent"], &[FACTS], "error", 3),
        (&["absent", "meter"], &[FACTS], "failed", 1),
        (
            &["ticker", "meter"],
            &[FACTS, "--accept=module-not-found"],
            "accepted",
            0,
        ),
        (
            &["absent", "meter"],
            &[FACTS, "--accept=module-not-found"],
            "error",
            3,
        ),
        (&["ticker", "absent"], &[], "error", 3),
    ] {
        let input: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(number, name)| document(name, &format!("m{number}")))
            .collect();
        let call = run("ticker", more, "json").input(input.join("\n---\n"));
        let report = call.run().code(code).json();
        assert_eq!(report["verdict"], verdict, "{names:?} {more:?}");
    }
}

/// The kernel of the examples checks signatures and enforces none.
#[test]
fn secure_boot_decides_about_a_module_that_is_not_signed() {
    for (more, verdict, severity, code) in [
        (&[FACTS][..], "verified", "warning", 0),
        (&[FACTS, "--secure-boot"], "failed", "error", 1),
    ] {
        let report = run("ticker", more, "json").run().code(code).json();
        assert_eq!(report["verdict"], verdict);
        let findings = report["modules"][0]["findings"].as_array();
        let findings = findings.expect("findings").iter();
        let of_signature = findings.filter(|finding| finding["code"] == "signature-missing");
        let severities: Vec<&Value> = of_signature.map(|finding| &finding["severity"]).collect();
        assert_eq!(severities, [severity], "{report}");
    }
}

/// Whichever facts are there count, and what they leave open is never green.
#[test]
fn facts_that_leave_something_open_are_unknown() {
    let of_kernel = format!("lib/modules/{KERNEL}");
    let examples = format!("examples/kernel/{of_kernel}");
    for (files, verdict) in [
        (vec![], "unknown"),
        (vec![("config", format!("{of_kernel}/config"))], "unknown"),
        (vec![("config", "config".to_owned())], "unknown"),
        (vec![("config", format!("boot/config-{KERNEL}"))], "unknown"),
        (
            vec![("config", format!("usr/src/linux-headers-{KERNEL}/.config"))],
            "unknown",
        ),
        (
            vec![("symvers.xz", format!("{of_kernel}/symvers.xz"))],
            "unknown",
        ),
        (
            vec![("symvers.xz", format!("boot/symvers-{KERNEL}.xz"))],
            "unknown",
        ),
        (
            vec![
                ("config", format!("boot/config-{KERNEL}")),
                ("symvers.xz", "symvers.xz".to_owned()),
            ],
            "verified",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, place) in &files {
            let place = folder.path().join(place);
            fs::create_dir_all(place.parent().expect("a folder")).expect("folders");
            fs::copy(format!("{examples}/{file}"), place).expect("a file");
        }
        let facts = format!("--kernel-dir={}", folder.path().display());
        let report = run("ticker", &[&facts], "json").run().json();
        assert_eq!(report["verdict"], verdict, "{files:?}: {report}");
        let findings = report["modules"][0]["findings"].to_string();
        let is_told = findings.contains("kernel-facts-missing");
        assert_eq!(is_told, verdict == "unknown", "{files:?}: {findings}");
        // What can be seen is still checked.
        let seen = run("meter", &[&facts], "json").run().code(1).json();
        assert_eq!(seen["verdict"], "failed", "{files:?}");
    }
}
