//! A report as metrics in Prometheus' text format.

use std::collections::BTreeSet;

use crate::model::report::Report;
use crate::model::verdict::Verdict;

/// Renders the report. Every verdict has a number, so that an alert never misses a series.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::from(
        "# HELP kmm_preflight_modules Modules by verdict, one for each target kernel.\n\
         # TYPE kmm_preflight_modules gauge\n",
    );
    for verdict in Verdict::ALL {
        text.push_str(&format!(
            "kmm_preflight_modules{{verdict=\"{verdict}\"}} {}\n",
            report.count(verdict)
        ));
    }
    text.push_str(
        "# HELP kmm_preflight_module The verdict of a Module for a target kernel, always 1.\n\
         # TYPE kmm_preflight_module gauge\n",
    );
    // A Module and a BootModuleConfig may share a name, and two architectures a kernel; a series
    // that is there twice makes Prometheus refuse them all.
    let series: BTreeSet<String> = report
        .modules
        .iter()
        .map(|module| {
            format!(
                "kmm_preflight_module{{namespace=\"{}\",name=\"{}\",kernel=\"{}\",verdict=\"{}\"}} 1\n",
                label(&module.namespace),
                label(&module.name),
                label(&module.kernel_version),
                module.verdict
            )
        })
        .collect();
    text.extend(series);
    let time = report.finished_at.or(report.shown_at);
    let time = time.map_or(0, |time| time.as_second());
    text.push_str(&format!(
        "# HELP kmm_preflight_last_run_timestamp_seconds When the run ended.\n\
         # TYPE kmm_preflight_last_run_timestamp_seconds gauge\n\
         kmm_preflight_last_run_timestamp_seconds {time}\n"
    ));
    text
}

/// A label's value (Prometheus, "Exposition formats": backslash, quotation mark, line feed).
fn label(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{report, row};

    #[test]
    fn metrics_have_every_verdict_and_module() {
        let module = row("a\"b\\c", "5.14.0", vec![]);
        let mut of_another_kind = module.clone();
        of_another_kind.kind = "BootModuleConfig";
        let mut report = report(vec![module, of_another_kind]);
        report.shown_at = Some("2026-01-02T03:14:05Z".parse().expect("a time"));
        let text = render(&report);
        for line in [
            "kmm_preflight_modules{verdict=\"verified\"} 2",
            "kmm_preflight_modules{verdict=\"failed\"} 0",
            "kmm_preflight_module{namespace=\"drivers\",name=\"a\\\"b\\\\c\",kernel=\"5.14.0\",verdict=\"verified\"} 1",
            "kmm_preflight_last_run_timestamp_seconds 1767323645",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        let series = text.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(series.count(), Verdict::ALL.len() + 2);
    }
}
