//! A report as GitHub workflow commands: annotations on the Module's file.

use crate::findings::finding::{Effect, Finding, Severity};
use crate::model::report::{ModuleReport, Origin, Report};
use crate::model::verdict::Verdict;

/// Renders the report: one `::error` or `::warning` per finding, a `::notice` where the user
/// accepts it, and a closing `::notice` with the counts.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for module in &report.modules {
        let mut shown = 0;
        for finding in &module.findings {
            let command = match finding.severity {
                _ if finding.is_overruled() => "notice",
                _ if finding.accepted.is_some() => continue,
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => continue,
            };
            shown += usize::from(finding.effect != Effect::None);
            text.push_str(&annotation(command, module, finding));
        }
        if shown == 0 && module.verdict != Verdict::Verified {
            text.push_str(&format!(
                "::warning title={}::{}\n",
                property(&title(module, module.verdict.as_str())),
                data(&module.status_reason)
            ));
        }
    }
    text.push_str(&format!(
        "::notice title=KMM preflight::{}\n",
        data(&counts(report))
    ));
    text
}

/// The report as Markdown for `$GITHUB_STEP_SUMMARY`.
pub fn summary(report: &Report) -> String {
    let mut text = format!("### KMM preflight: {}\n\n", counts(report));
    text.push_str("| Module | Kernel | Verdict | Reason |\n|---|---|---|---|\n");
    for module in &report.modules {
        let cell = |value: &str| value.replace('|', "\\|").replace(['\n', '\r'], " ");
        text.push_str(&format!(
            "| {}/{} | {} | {} | {} |\n",
            cell(&module.namespace),
            cell(&module.name),
            cell(&module.kernel_version),
            module.verdict.as_str(),
            cell(&module.status_reason)
        ));
    }
    text
}

fn counts(report: &Report) -> String {
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict, report.count(verdict)))
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {}", verdict.as_str()))
        .collect();
    if counts.is_empty() {
        "nothing to check".to_owned()
    } else {
        counts.join(", ")
    }
}

fn title(module: &ModuleReport, what: &str) -> String {
    let kernel = match module.kernel_version.as_str() {
        "" => String::new(),
        kernel => format!(" on {kernel}"),
    };
    format!("{what}: {}/{}{kernel}", module.namespace, module.name)
}

fn annotation(command: &str, module: &ModuleReport, finding: &Finding) -> String {
    let mut properties = String::new();
    if let Origin::File { path, line, .. } = &module.origin {
        let path = path.to_string_lossy();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        properties.push_str(&format!("file={},line={line},", property(&path)));
    }
    let hint = finding
        .hint
        .as_ref()
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default();
    let accepted = finding
        .accepted
        .as_ref()
        .map(|reason| format!("\naccepted: {reason}"))
        .unwrap_or_default();
    format!(
        "::{command} {properties}title={}::{}\n",
        property(&title(module, finding.code.as_str())),
        data(&format!("{}{hint}{accepted}", finding.message))
    )
}

/// Escapes a command's data (`@actions/core`, `escapeData`).
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a command's property (`@actions/core`, `escapeProperty`).
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::finding::Code;
    use crate::report::samples::{accepted, mixed, report, row};

    #[test]
    fn findings_are_annotations_on_their_file() {
        let mut bad = row(
            "bad",
            "5.14.0",
            vec![Finding::new(Code::SymbolMissing, "100% gone\nreally").hint("rebuild")],
        );
        bad.origin = Origin::File {
            path: "./a,b.yaml".into(),
            document: 1,
            line: 3,
        };
        assert_eq!(
            render(&report(vec![bad])),
            "::error file=a%2Cb.yaml,line=3,title=symbol-missing%3A drivers/bad on 5.14.0::\
             100%25 gone%0Areally%0Ahint: rebuild\n\
             ::notice title=KMM preflight::1 failed\n"
        );
    }

    #[test]
    fn an_accepted_finding_is_a_notice_with_the_reason() {
        let text = render(&report(vec![accepted("a", "known since May")]));
        assert!(text.starts_with("::notice title=symbol-missing"), "{text}");
        assert!(text.contains("accepted: known since May"), "{text}");
        assert!(!text.contains("::error") && !text.contains("::warning"));
    }

    #[test]
    fn the_summary_has_a_row_a_module() {
        let report = mixed();
        let text = summary(&report);
        assert_eq!(text.lines().count(), 4 + report.modules.len());
    }
}
