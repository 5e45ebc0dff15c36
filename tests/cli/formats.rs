//! The exit code and the streams do not depend on `-o`.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use kmm_preflight::for_tests::yaml;

use super::bad_input::{KERNEL, mapping};
use super::preflight::{AT_ONCE, Ended, Preflight, Running};

pub(super) const FORMATS: [&str; 11] = [
    "table",
    "wide",
    "short",
    "json",
    "yaml",
    "name",
    "junit",
    "sarif",
    "github",
    "markdown",
    "prometheus",
];

fn run(input: &str, format: &str, more: &[&str]) -> Preflight {
    let call = ["run", "--local", "-f", "-", "--progress=none", "-o", format];
    Preflight::new(call.iter().chain(more)).input(input)
}

#[test]
fn the_exit_code_is_the_same_in_every_format() {
    let failed = mapping("literal: '6.1.0-1'", "i:1");
    let error = mapping("regexp: '.'", "127.0.0.1:1/i:1");
    let both = format!("{failed}---\n{}", error.replace("name: m", "name: n"));
    let kernel = ["--kernel-version", KERNEL];
    for format in FORMATS {
        for (input, more, code) in [
            (&failed, &kernel[..], 1),
            (&error, &kernel, 3),
            (&both, &kernel, 1),
            (&String::new(), &kernel, 4),
            (&failed, &[], 2),
        ] {
            let ended = run(input, format, more).run().code(code);
            // What programs read is a document even when there was nothing to check.
            let is_document = !matches!(format, "table" | "wide" | "short" | "name");
            let is_data = matches!(code, 1 | 3) || code == 4 && is_document;
            assert_eq!(!ended.stdout.is_empty(), is_data, "{format} {code}");
            assert_eq!(ended.stderr.contains("error:"), code == 4 || code == 2);
        }
    }
}

/// No cluster is needed to reject the format, so nothing was deleted.
#[test]
fn a_format_for_reports_deletes_nothing() {
    for format in ["junit", "sarif", "github", "markdown", "prometheus"] {
        let ended = Preflight::new(["delete", "p", "-o", format]).run().code(2);
        let why = "is only for reports about Modules";
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
}

#[test]
fn nothing_to_check_is_a_report_without_modules() {
    let unselected = mapping("regexp: '.'", "i:1");
    for (input, more) in [(&String::new(), &[][..]), (&unselected, &["-n", "other"])] {
        let ended = run(input, "json", &["--kernel-version", KERNEL])
            .args(more)
            .run()
            .code(4);
        let report = ended.json();
        assert_eq!(report["kind"], "Report");
        assert!(report["verdict"].is_null());
        assert_eq!(report["modules"], serde_json::json!([]));
        let schema = serde_json::from_str(super::schema::SCHEMA).expect("the schema is JSON");
        super::schema::hold(&report, &schema, "report");
        assert!(
            ended.stderr.contains("nothing to check"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn the_report_has_every_field() {
    let ended = run(
        &mapping("literal: '6.1.0-1'", "i:1"),
        "json",
        &["--kernel-version", KERNEL],
    )
    .run()
    .code(1);
    let report = ended.json();
    assert_eq!(report["apiVersion"], "preflight.kmm/v1");
    assert_eq!(report["kind"], "Report");
    assert_eq!(report["verdict"], "failed");
    assert_eq!(report["counts"]["failed"], 1);
    assert_eq!(report["target"][0]["arch"], "amd64");
    let module = &report["modules"][0];
    for (field, expected) in [
        ("namespace", "ns"),
        ("name", "m"),
        ("kernelVersion", KERNEL),
        ("verdict", "failed"),
        ("verificationStatus", "False"),
        ("verificationStage", "Image"),
    ] {
        assert_eq!(module[field], expected, "{field}");
    }
    assert!(module["digest"].is_null());
    assert_eq!(module["findings"][0]["code"], "mapping-not-found");
    assert_eq!(module["findings"][0]["severity"], "error");
}

#[test]
fn a_matrix_has_a_row_for_every_kernel_and_architecture() {
    let more = [
        "--kernel-version",
        KERNEL,
        "--kernel-version",
        "6.12.0-1",
        "--arch",
        "amd64",
        "--arch",
        "arm64",
    ];
    let ended = run(&mapping("literal: x", "i:1"), "json", &more)
        .run()
        .code(1);
    let report = ended.json();
    assert_eq!(report["modules"].as_array().map(Vec::len), Some(4));
    assert_eq!(report["target"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_preflight_cr_is_the_target() {
    let input = format!(
        "{}---\napiVersion: kmm.sigs.x-k8s.io/v1beta2\nkind: PreflightValidationOCP\nmetadata: {{name: p}}\nspec: {{kernelVersion: 6.12.0-1.aarch64, dtkImage: d}}\n",
        mapping("literal: x", "i:1")
    );
    let report = run(&input, "json", &[]).run().code(1).json();
    assert_eq!(report["target"][0]["kernelVersion"], "6.12.0-1.aarch64");
    assert_eq!(report["target"][0]["arch"], "arm64");
    assert_eq!(report["target"][0]["dtkImage"], "d");
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let module = mapping("literal: x", "i:1");
    let kernel = ["--kernel-version", KERNEL];
    let colour = ["--kernel-version", KERNEL, "--color=always"];
    for (more, variable, coloured) in [
        (&kernel[..], None, false),
        (&colour[..], None, true),
        (&kernel, Some("CLICOLOR_FORCE"), true),
        (&colour, Some("NO_COLOR"), true),
    ] {
        let mut call = run(&module, "table", more);
        if let Some(variable) = variable {
            call = call.env(variable, "1");
        }
        let ended = call.run().code(1);
        assert_eq!(
            ended.stdout.contains('\u{1b}'),
            coloured,
            "{more:?} {variable:?}"
        );
    }
}

#[test]
fn progress_off_a_terminal_is_a_counter() {
    let call = ["run", "--local", "-f", "-", "--kernel-version", KERNEL];
    let ended = Preflight::new(call)
        .input(mapping("literal: x", "i:1"))
        .run()
        .code(1);
    assert_eq!(ended.stderr, "1/1 checked: 1 failed\n");
    assert!(!ended.stdout.contains("checked"), "{}", ended.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let call = run(
        &mapping("literal: x", "i:1"),
        "json",
        &["--kernel-version", KERNEL],
    );
    let file = call.home().join("m.yaml");
    fs::write(&file, mapping("literal: x", "i:1")).expect("a file");
    let call = call.arg("-f").arg(&file);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = call.command().stdout(writer).output();
    let output = output.expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panic"), "{stderr}");
}

/// Calls, and ends the call with a signal once it waits for a registry that never answers.
#[cfg(unix)]
fn interrupted(call: Preflight, silent: &TcpListener, signal: &str) -> Ended {
    // What the call before it asked last may still wait.
    silent.set_nonblocking(true).expect("a listener");
    while silent.accept().is_ok() {}
    silent.set_nonblocking(false).expect("a listener");
    let running = Running::start(call);
    let _held = silent.accept().expect("the call asks");
    let start = Instant::now();
    running.signal(signal);
    let ended = running.end();
    let took = start.elapsed();
    assert!(took < AT_ONCE, "{took:?}");
    ended.code(130)
}

/// Holds the output to be a whole document of its format about these Modules.
#[cfg(unix)]
fn is_whole(format: &str, stdout: &str, modules: &[&str]) {
    let report = |report: serde_json::Value| {
        let schema = serde_json::from_str(super::schema::SCHEMA).expect("the schema is JSON");
        super::schema::hold(&report, &schema, "report");
        let rows = report["modules"].as_array().expect("rows").iter();
        let names = rows.map(|row| row["name"].as_str().expect("a name").to_owned());
        names.collect::<Vec<_>>()
    };
    let found = match format {
        "json" => report(serde_json::from_str(stdout).expect("JSON")),
        "yaml" => report(yaml::from_str(stdout).expect("YAML")),
        "junit" => {
            let document = quick_junit::Report::deserialize_from_str(stdout).expect("JUnit");
            let suites = document.test_suites.iter();
            let cases = suites.flat_map(|suite| &suite.test_cases);
            cases.map(|case| case.name.to_string()).collect()
        }
        "sarif" => {
            let log: serde_json::Value = serde_json::from_str(stdout).expect("JSON");
            assert_eq!(log["version"], "2.1.0");
            let results = log["runs"][0]["results"].as_array().expect("results");
            results.iter().map(serde_json::Value::to_string).collect()
        }
        "github" => {
            let mut lines: Vec<String> = stdout.lines().map(str::to_owned).collect();
            let sum = lines.pop().expect("a sum");
            assert!(sum.starts_with("::notice title=KMM preflight::"), "{sum}");
            lines
        }
        "name" => stdout.lines().map(str::to_owned).collect(),
        "markdown" => {
            assert!(stdout.starts_with("### "), "{stdout}");
            let rows = stdout.lines().filter(|line| line.starts_with("| `"));
            rows.map(str::to_owned).collect()
        }
        "prometheus" => {
            let rows = stdout.lines();
            let rows = rows.filter(|line| line.starts_with("kmm_preflight_module{"));
            rows.map(str::to_owned).collect()
        }
        "short" => {
            let rows = stdout.lines().filter(|line| line.contains(": ns/"));
            rows.map(str::to_owned).collect()
        }
        "wide" => {
            let rows = stdout.lines().filter(|line| line.starts_with("ns/"));
            rows.map(str::to_owned).collect()
        }
        _ => {
            let rows = stdout.lines().filter(|line| line.starts_with("ns  "));
            rows.map(str::to_owned).collect()
        }
    };
    assert_eq!(found.len(), modules.len(), "{format}: {stdout}");
    for (found, module) in found.iter().zip(modules) {
        assert!(found.contains(module), "{format}: {found}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_run_within_a_second_and_tells_what_is_known_in_every_format() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = silent.local_addr().expect("an address");
    let input = format!(
        "{}---\n{}",
        mapping("literal: x", "i:1").replace("name: m", "name: decided"),
        mapping("regexp: '.'", &format!("{place}/i:1")).replace("name: m", "name: hangs")
    );
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("m.yaml");
    fs::write(&file, input).expect("a file");
    for (number, format) in FORMATS.into_iter().enumerate() {
        let call = ["run", "--local", "-o", format, "--kernel-version", KERNEL];
        let call = Preflight::new(call).arg("-f").arg(&file);
        let signal = ["INT", "TERM"][number % 2];
        let ended = interrupted(call, &silent, signal);
        is_whole(format, &ended.stdout, &["decided", "hangs"]);
        if format == "json" {
            let report = ended.json();
            assert_eq!(report["counts"]["failed"], 1, "{report}");
            assert_eq!(report["counts"]["unknown"], 1);
        }
    }
}

/// While the release is resolved nothing is known yet of any Module.
#[cfg(unix)]
#[test]
fn an_interrupt_before_the_first_look_leaves_an_empty_document() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = silent.local_addr().expect("an address");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("m.yaml");
    fs::write(&file, mapping("regexp: '.'", "i:1")).expect("a file");
    for format in FORMATS {
        let call = Preflight::new(["run", "--local", "-o", format])
            .arg(format!("--release-image={place}/release:1"))
            .arg("-f")
            .arg(&file);
        let ended = interrupted(call, &silent, "INT");
        is_whole(format, &ended.stdout, &[]);
        let said = ended.stderr;
        assert!(said.contains("error: interrupted"), "{said}");
    }
}

#[test]
fn a_timeout_tells_what_is_known() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = silent.local_addr().expect("an address");
    let input = mapping("regexp: '.'", &format!("{place}/i:1"));
    let more = ["--kernel-version", KERNEL, "--timeout", "300ms"];
    let report = run(&input, "json", &more).run().code(3).json();
    assert_eq!(report["modules"][0]["findings"][0]["code"], "not-decided");
}
