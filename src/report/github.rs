//! A report as GitHub workflow commands: annotations on the Module's file.

use crate::findings::codes;
use crate::findings::finding::{Code, Finding, Severity};
use crate::model::report::{ModuleReport, Origin, Report};
use crate::report::causes::full_name;
use crate::report::statement::statement;
use crate::report::summary;

/// How many annotations of a kind GitHub shows of one step.
const SHOWN: usize = 10;

/// Renders the report: one annotation per module and code, failures first, at most ten of a
/// kind, then how many more there are, and a closing `::notice` with the counts.
pub(crate) fn render(report: &Report) -> String {
    let (mut errors, mut warnings, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for module in &report.modules {
        let before = errors.len() + warnings.len() + notices.len();
        for (_, findings) in by_code(module) {
            let first = findings[0];
            let kind = match first.severity {
                _ if first.is_overruled() => "notice",
                _ if first.accepted.is_some() => continue,
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => continue,
            };
            let text = annotation(kind, module, &findings);
            match kind {
                "error" => errors.push(text),
                "warning" => warnings.push(text),
                _ => notices.push(text),
            }
        }
        if !module.verdict.passes() && errors.len() + warnings.len() + notices.len() == before {
            warnings.push(format!(
                "::warning {}title={}::{}\n",
                place(module),
                property(&title(module, module.verdict.as_str())),
                data(&module.status_reason)
            ));
        }
    }
    let mut text = String::new();
    let mut more = Vec::new();
    for (name, lines) in [
        ("errors", &errors),
        ("warnings", &warnings),
        ("notices", &notices),
    ] {
        text.extend(lines.iter().take(SHOWN).map(String::as_str));
        if lines.len() > SHOWN {
            more.push(format!("{} more {name}", lines.len() - SHOWN));
        }
    }
    let counts = match report.modules.is_empty() {
        true => "nothing to check".to_owned(),
        false => summary::counts(report),
    };
    let more = match more.is_empty() {
        true => String::new(),
        false => format!("; {} in the step summary", more.join(", ")),
    };
    let end = if report.interrupted {
        "; interrupted"
    } else {
        ""
    };
    text.push_str(&format!(
        "::notice title=KMM preflight::{}\n",
        data(&format!("{counts}{end}{more}"))
    ));
    text
}

/// The findings of a module by code, gravest first, the accepted ones on their own.
pub(super) fn by_code(module: &ModuleReport) -> Vec<(Code, Vec<&Finding>)> {
    let mut groups: Vec<(Code, Vec<&Finding>)> = Vec::new();
    for finding in &module.findings {
        let same = |group: &&mut (Code, Vec<&Finding>)| {
            let first = group.1[0];
            (first.code, first.order(), first.accepted.is_some())
                == (finding.code, finding.order(), finding.accepted.is_some())
        };
        match groups.iter_mut().find(same) {
            Some((_, findings)) => findings.push(finding),
            None => groups.push((finding.code, vec![finding])),
        }
    }
    groups
}

fn title(module: &ModuleReport, what: &str) -> String {
    let kernel = match module.kernel_version.as_str() {
        "" => String::new(),
        kernel => format!(" on {kernel}"),
    };
    format!("{what}: {}{kernel}", full_name(module))
}

/// The file and line that an annotation stands at, where the Module came from a file.
fn place(module: &ModuleReport) -> String {
    let Origin::File { path, line, .. } = &module.origin else {
        return String::new();
    };
    let path = path.to_string_lossy();
    let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
    format!("file={},line={line},", property(&path))
}

fn annotation(kind: &str, module: &ModuleReport, findings: &[&Finding]) -> String {
    let first = findings[0];
    let mut text = statement(first.code, findings);
    if let Some(hint) = &first.hint {
        text.push_str(&format!("\nhint: {hint}"));
    }
    if let Some(reason) = &first.accepted {
        text.push_str(&format!("\naccepted: {reason}"));
    }
    text.push_str(&format!("\n{}", codes::url(first.code)));
    format!(
        "::{kind} {}title={}::{}\n",
        place(module),
        property(&title(module, first.code.as_str())),
        data(&text)
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
    use crate::report::samples::{accepted, report, row};

    #[test]
    fn a_code_of_a_module_is_one_annotation_on_its_file() {
        let gone = |text: &str| Finding::new(Code::SymbolMissing, text).hint("rebuild");
        let mut bad = row("bad", "5.14.0", vec![gone("100% gone\nreally"), gone("x")]);
        bad.origin = Origin::File {
            path: "./a,b.yaml".into(),
            document: 1,
            line: 3,
        };
        let url = codes::url(Code::SymbolMissing);
        assert_eq!(
            render(&report(vec![bad])),
            format!(
                "::error file=a%2Cb.yaml,line=3,title=symbol-missing%3A drivers/bad on 5.14.0::\
                 100%25 gone%0Areally (and 1 more)%0Ahint: rebuild%0A{url}\n\
                 ::notice title=KMM preflight::1 failed\n"
            )
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
    fn failures_come_first_and_ten_of_them_are_shown() {
        let mut rows = vec![row(
            "warned",
            "5.14.0",
            vec![Finding::new(Code::FirmwareMissing, "no firmware")],
        )];
        for number in 0..25 {
            let finding = Finding::new(Code::ModuleNotFound, "no module");
            rows.push(row(&format!("bad{number}"), "5.14.0", vec![finding]));
        }
        let text = render(&report(rows));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert!(lines[..10].iter().all(|line| line.starts_with("::error ")));
        assert!(lines[10].starts_with("::warning "));
        assert!(
            lines[11].ends_with("; 15 more errors in the step summary"),
            "{text}"
        );
    }
}
