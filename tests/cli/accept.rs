//! `--accept`, and GitHub's step summary, of the examples.

use std::fs;

use super::preflight::{Ended, Preflight};

const FORMATS: [&str; 8] = [
    "table", "wide", "json", "yaml", "name", "junit", "sarif", "github",
];

fn examples(format: &str, accepts: &[&str]) -> Preflight {
    let mut call = Preflight::new(["run", "--local", "-f", "examples/modules.yaml"])
        .arg("--oci-layout=examples/images")
        .arg("--kernel-dir=examples/kernel")
        .arg("--kernel-version=6.1.0-56-amd64")
        .arg("--progress=none")
        .arg(format!("-o={format}"));
    for accept in accepts {
        call = call.arg(format!("--accept={accept}"));
    }
    call
}

const ALL: [&str; 2] = ["module-not-found", "symbol-version-mismatch=drivers/sensor"];

#[test]
fn what_is_accepted_fails_no_more_in_any_format_and_stays_visible() {
    for format in FORMATS {
        let ended = examples(format, &ALL).run().code(0);
        assert!(!ended.stderr.contains("warning:"), "{}", ended.stderr);
        let shows = match format {
            "table" | "wide" => "o accepted",
            "junit" => "<skipped",
            "json" => "\"accepted\": true",
            "yaml" => "accepted: true",
            "sarif" => "\"suppressions\"",
            "name" => "module.kmm.sigs.x-k8s.io/sensor",
            _ => "1 verified, 2 accepted",
        };
        assert!(ended.stdout.contains(shows), "{format}: {}", ended.stdout);
    }
}

#[test]
fn an_accept_is_for_the_modules_that_it_names() {
    for (accepts, code, unmet) in [
        (&["module-not-found"][..], 1, &[][..]),
        (
            &["module-not-found", "symbol-version-mismatch=other/sensor"],
            1,
            &["=other/sensor"],
        ),
        (
            &["symbol-missing", "elf-invalid"],
            1,
            &["symbol-missing", "elf-invalid"],
        ),
        (&ALL, 0, &[]),
    ] {
        let ended = examples("name", accepts).run().code(code);
        let warnings = ended.stderr.matches("matched nothing").count();
        assert_eq!(warnings, unmet.len(), "{}", ended.stderr);
        for accept in unmet {
            assert!(ended.stderr.contains(accept), "{}", ended.stderr);
        }
    }
    for bad in ["nonsense", "module-not-found=sensor", "=a/b"] {
        let ended = examples("name", &[bad]).run().code(2);
        assert!(ended.stderr.contains("--accept"), "{}", ended.stderr);
    }
}

#[test]
fn a_step_of_github_gets_a_summary_where_one_is_written() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "before\n").expect("a file");
    let with = |format: &str, path: &str| -> Ended {
        examples(format, &[])
            .env("GITHUB_STEP_SUMMARY", path)
            .run()
            .code(1)
    };
    let path = file.path().display().to_string();
    with("json", &path);
    assert_eq!(fs::read_to_string(file.path()).expect("text"), "before\n");
    let ended = with("github", &path);
    assert!(
        ended
            .stdout
            .contains("::error file=examples/modules.yaml,line="),
        "{}",
        ended.stdout
    );
    let summary = fs::read_to_string(file.path()).expect("text");
    assert!(
        summary.starts_with("before\n### ✘ KMM preflight failed: 1 verified, 2 failed"),
        "{summary}"
    );
    assert!(
        summary.contains("| `drivers/sensor` | `6.1.0-56-amd64` | ✘ failed |"),
        "{summary}"
    );
    let ended = with("github", &format!("{path}/below"));
    assert!(
        ended.stderr.contains("cannot write the step summary"),
        "{}",
        ended.stderr
    );
}
