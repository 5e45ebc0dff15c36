//! A report as SARIF 2.1.0, which code scanning services read.

use std::path::Path;

use serde_json::{Value, json};

use crate::findings::codes;
use crate::findings::finding::{Code, Finding, Severity};
use crate::model::report::{ModuleReport, Origin, Report};
use crate::report::answer;
use crate::report::causes::full_name;
use crate::report::github::by_code;
use crate::report::statement::statement;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Renders the report: one rule per code, one result per module and code, at the Module's place in the
/// file that it came from. Accepted findings are suppressed results.
pub(crate) fn render(report: &Report) -> String {
    let mut used: Vec<Code> = report
        .modules
        .iter()
        .flat_map(|module| module.findings.iter().map(|finding| finding.code))
        .collect();
    used.sort();
    used.dedup();
    let rules: Vec<Value> = used.iter().map(|code| rule(*code)).collect();
    let results: Vec<Value> = report
        .modules
        .iter()
        .flat_map(|module| {
            let used = &used;
            by_code(module).into_iter().map(move |(code, findings)| {
                let index = used.binary_search(&code).unwrap_or_default();
                result(module, &findings, index)
            })
        })
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl-kmm-preflight",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(report)],
            "results": results,
        }],
    });
    answer::json(&document)
}

/// The run: notes about it as a whole, and whether it came to its end.
fn invocation(report: &Report) -> Value {
    let notes = report.notes.iter();
    let notes: Vec<Value> = notes
        .map(|note| json!({"level": "note", "message": {"text": note}}))
        .collect();
    let mut invocation = json!({
        "executionSuccessful": !report.interrupted,
        "toolExecutionNotifications": notes,
    });
    if let Some(time) = report.shown_at {
        invocation["endTimeUtc"] = json!(time.to_string());
    }
    invocation
}

fn rule(code: Code) -> Value {
    let text = codes::explain(code);
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": text.what},
        "fullDescription": {"text": text.why},
        "help": {"text": text.fix},
        "helpUri": codes::url(code),
        "defaultConfiguration": {"level": level(code.severity())},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn result(module: &ModuleReport, findings: &[&Finding], rule_index: usize) -> Value {
    let finding = findings[0];
    let kernel = match module.kernel_version.as_str() {
        "" => String::new(),
        kernel => format!(" on {kernel}"),
    };
    let hint = finding
        .hint
        .as_ref()
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    let statement = statement(finding.code, findings);
    let mut result = json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": rule_index,
        "level": level(finding.severity),
        "message": {"text": format!(
            "Module {}{kernel}: {statement}{hint}", full_name(module)
        )},
        "locations": [location(module)],
        "partialFingerprints": {
            "module/v1": format!(
                "{}/{}/{}/{}", module.namespace, module.name, module.kernel_version, finding.code
            ),
        },
    });
    if let Some(reason) = &finding.accepted {
        result["suppressions"] =
            json!([{"kind": "external", "status": "accepted", "justification": reason}]);
    }
    result
}

fn location(module: &ModuleReport) -> Value {
    let mut location = json!({
        "logicalLocations": [{
            "fullyQualifiedName": format!("{}/{}", module.namespace, module.name),
            "kind": "resource",
        }],
    });
    if let Origin::File { path, line, .. } = &module.origin {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": uri(path)},
            "region": {"startLine": (*line).max(1)},
        });
    }
    location
}

/// A path as a relative reference or `file:` URI (RFC 3986): everything but unreserved
/// characters and `/` is percent-encoded, byte by byte.
pub(crate) fn uri(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut uri = String::with_capacity(bytes.len() + 8);
    if path.is_absolute() {
        // The drive of Windows is the first folder (RFC 8089, appendix E.2).
        uri.push_str(if cfg!(windows) { "file:///" } else { "file://" });
    }
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(*byte));
            }
            b'\\' if cfg!(windows) => uri.push('/'),
            b':' if cfg!(windows) => uri.push(':'),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.strip_prefix("./").map(str::to_owned).unwrap_or(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{accepted, mixed, report};

    #[test]
    fn every_code_of_a_module_is_a_result_of_a_rule() {
        let mut report = mixed();
        report.modules[1].origin = Origin::File {
            path: "dir/a b#1.yaml".into(),
            document: 2,
            line: 7,
        };
        let document: Value = serde_json::from_str(&render(&report)).expect("JSON");
        let run = &document["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        let results = run["results"].as_array().expect("results");
        let codes: usize = report
            .modules
            .iter()
            .map(|module| by_code(module).len())
            .sum();
        assert_eq!(results.len(), codes);
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
        for result in results {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            let rule = &rules[index];
            assert_eq!(rule["id"], result["ruleId"]);
            let page = rule["helpUri"].as_str().unwrap_or_default();
            let code = rule["id"].as_str().expect("a code");
            assert!(page.ends_with(&format!("#{code}")), "{page}");
        }
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "dir/a%20b%231.yaml");
        assert_eq!(place["region"]["startLine"], 7);
    }

    #[test]
    fn an_accepted_finding_is_a_suppressed_result() {
        let report = report(vec![accepted("a", "known since May")]);
        let document: Value = serde_json::from_str(&render(&report)).expect("JSON");
        let suppression = &document["runs"][0]["results"][0]["suppressions"][0];
        assert_eq!(suppression["kind"], "external");
        assert_eq!(suppression["justification"], "known since May");
    }

    #[cfg(unix)]
    #[test]
    fn paths_become_uris_whatever_is_in_them() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        for (path, expected) in [
            (&b"a/b.yaml"[..], "a/b.yaml"),
            (b"./a.yaml", "a.yaml"),
            (b"/x/a?.yaml", "file:///x/a%3F.yaml"),
            (b"\xff.yaml", "%FF.yaml"),
            (b"a%.yaml", "a%25.yaml"),
        ] {
            assert_eq!(uri(Path::new(OsStr::from_bytes(path))), expected);
        }
    }

    #[cfg(windows)]
    #[test]
    fn drives_become_the_first_folder() {
        for (path, expected) in [
            (r"a\b c.yaml", "a/b%20c.yaml"),
            (r".\a.yaml", "a.yaml"),
            (r"C:\x\a.yaml", "file:///C:/x/a.yaml"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }
}
