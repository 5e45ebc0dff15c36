//! Metrics and alerts, put to promtool.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::preflight::Preflight;
use crate::support::server::{succeed, tool};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The metrics of the README's first command.
fn metrics() -> String {
    let ended = Preflight::new(["run", "--local", "-o=prometheus"])
        .arg("--kernel-version=6.1.0-56-amd64")
        .arg(format!("--filename={ROOT}/examples/modules.yaml"))
        .arg(format!("--oci-layout={ROOT}/examples/images"))
        .arg(format!("--kernel-dir={ROOT}/examples/kernel"))
        .run();
    ended.code(1).stdout
}

/// The groups of the PrometheusRule that `generate --alert` prints.
fn groups() -> Value {
    let printed = Preflight::new(["generate", "--alert", "-o=json"]).run();
    printed.code(0).json()["items"][0]["spec"].clone()
}

/// Name and labels of a series.
fn labels(series: &str) -> Vec<(&str, &str)> {
    let (_, rest) = series.split_once('{').expect("labels");
    let inner = rest.trim_end_matches('}');
    let pairs = inner.split("\",").map(|pair| pair.trim_end_matches('"'));
    pairs
        .map(|pair| pair.split_once("=\"").expect("a label"))
        .collect()
}

/// An alert as promtool expects it.
fn alert(rule: &Value, own: &[(&str, &str)], value: &str) -> Value {
    let mut labels = rule["labels"].clone();
    let mut annotations = rule["annotations"]
        .to_string()
        .replace("{{ $value }}", value);
    for (name, value) in own {
        labels[*name] = json!(value);
        annotations = annotations.replace(&format!("{{{{ $labels.{name} }}}}"), value);
    }
    let annotations: Value = serde_json::from_str(&annotations).expect("JSON");
    json!({"exp_labels": labels, "exp_annotations": annotations})
}

#[test]
#[ignore = "scripts/test --all builds promtool"]
fn promtool_takes_the_metrics_and_the_alerts_fire() {
    let metrics = metrics();
    let mut check = Command::new(tool("promtool"));
    let mut child = check
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut pipe, metrics.as_bytes()).expect("it reads");
    drop(pipe);
    let said = child.wait_with_output().expect("it ends");
    assert!(said.status.success(), "{said:?}\n{metrics}");

    let folder = tempfile::tempdir().expect("a folder");
    let groups = groups();
    let rules = folder.path().join("rules.yaml");
    fs::write(&rules, groups.to_string()).expect("the rules");
    succeed(
        Command::new(tool("promtool"))
            .args(["check", "rules"])
            .arg(&rules),
    );

    // Every series stays as it is for three days.
    let series: Vec<(&str, &str)> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once(' ').expect("a value"))
        .collect();
    let inputs = |time: &str| -> Vec<Value> {
        let of = |(name, value): &(&str, &str)| {
            let value = match name.starts_with("kmm_preflight_last_run") {
                true => time,
                false => value,
            };
            json!({"series": name, "values": format!("{value}+0x4400")})
        };
        series.iter().map(of).collect()
    };
    let rule = |name: &str| {
        let rules = groups["groups"][0]["rules"].as_array().expect("rules");
        rules
            .iter()
            .find(|rule| rule["alert"] == name)
            .expect("the rule")
            .clone()
    };
    let refused: Vec<Value> = series
        .iter()
        .filter(|(name, _)| name.contains("verdict=\"failed\"") && name.contains("namespace"))
        .map(|(name, _)| {
            let mut own = labels(name);
            own.retain(|(name, _)| *name != "verdict");
            alert(&rule("KMMModuleWillNotLoad"), &own, "1")
        })
        .collect();
    assert_eq!(refused.len(), 2, "{metrics}");
    let at = |time: &str, name: &str, alerts: &[Value]| json!({"eval_time": time, "alertname": name, "exp_alerts": alerts});
    let mut undecided = inputs("0");
    for input in &mut undecided {
        if input["series"] == "kmm_preflight_modules{verdict=\"unknown\"}" {
            input["values"] = json!("2+0x4400");
        }
    }
    let tests = json!({"rule_files": [rules], "evaluation_interval": "1m", "tests": [
        {"interval": "1m", "input_series": inputs("0"), "alert_rule_test": [
            at("5m", "KMMModuleWillNotLoad", &refused),
            at("2h", "KMMPreflightUndecided", &[]),
            at("47h", "KMMPreflightOutdated", &[]),
            at("49h", "KMMPreflightOutdated", &[alert(&rule("KMMPreflightOutdated"), &[], "")]),
        ]},
        {"interval": "1m", "input_series": inputs("172800"), "alert_rule_test": [
            at("49h", "KMMPreflightOutdated", &[]),
        ]},
        {"interval": "1m", "input_series": undecided, "alert_rule_test": [
            at("30m", "KMMPreflightUndecided", &[]),
            at("2h", "KMMPreflightUndecided", &[alert(&rule("KMMPreflightUndecided"), &[], "2")]),
        ]},
    ]});
    run_tests(folder.path(), &tests);
}

fn run_tests(folder: &Path, tests: &Value) {
    let file = folder.join("tests.yaml");
    fs::write(&file, tests.to_string()).expect("the tests");
    succeed(
        Command::new(tool("promtool"))
            .args(["test", "rules"])
            .arg(&file),
    );
}
