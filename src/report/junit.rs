//! A report as JUnit XML: a suite a target, a case a Module.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use crate::findings::finding::{Effect, Finding, Severity};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;

/// Renders the report. A failed Module is a failure, an accepted one is skipped; one that
/// could not be looked at, or is not decided, is an error; what KMM or the kernel only warns of is in the case's output.
pub(crate) fn render(report: &Report) -> String {
    let mut document = Document::new("kmm-preflight");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for module in &report.modules {
        let name = suite_name(module);
        let case = case(module);
        match suites.iter_mut().find(|(known, _)| *known == name) {
            Some((_, suite)) => {
                suite.add_test_case(case);
            }
            None => {
                let mut suite = TestSuite::new(name.as_str());
                suite.add_properties(report.notes.iter().map(|note| ("note", note.as_str())));
                suite.add_test_case(case);
                suites.push((name, suite));
            }
        }
    }
    let took: Duration = report
        .modules
        .iter()
        .filter_map(|module| module.duration)
        .sum();
    document.set_time(took);
    document.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    // Writing to memory cannot fail.
    document.to_string().unwrap_or_default()
}

fn suite_name(module: &ModuleReport) -> String {
    let mut name = String::from("kmm-preflight");
    if let Some(preflight) = &module.preflight {
        name.push_str(&format!(" {preflight}"));
    }
    if !module.kernel_version.is_empty() {
        name.push_str(&format!(" {}", module.kernel_version));
    }
    if let Some(arch) = module.arch {
        name.push_str(&format!(" {arch}"));
    }
    name
}

fn case(module: &ModuleReport) -> TestCase {
    let mut status = match module.verdict {
        Verdict::Verified => TestCaseStatus::success(),
        Verdict::Accepted => TestCaseStatus::skipped(),
        Verdict::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Error | Verdict::InProgress | Verdict::Unknown => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    if module.verdict != Verdict::Verified {
        let first = module
            .findings
            .iter()
            .find(|finding| decides(module, finding));
        status.set_type(first.map_or(module.verdict.as_str(), |finding| finding.code.as_str()));
        status.set_message(match first {
            Some(finding) => finding.message.as_str(),
            None => module.status_reason.as_str(),
        });
        status.set_description(text(module, |finding| decides(module, finding)));
    }
    let mut case = TestCase::new(module.name.as_str(), status);
    case.set_classname(module.namespace.as_str());
    if let Some(took) = module.duration {
        case.set_time(took);
    }
    let remarks = text(module, |finding| {
        !decides(module, finding) && finding.severity != Severity::Info
    });
    if !remarks.is_empty() {
        case.set_system_out(remarks);
    }
    case
}

/// True for a finding that the verdict follows from: of an accepted module those that would
/// have had an effect.
fn decides(module: &ModuleReport, finding: &Finding) -> bool {
    match module.verdict {
        Verdict::Accepted => finding.is_overruled(),
        _ => finding.weight() != Effect::None,
    }
}

fn text(module: &ModuleReport, which: impl Fn(&Finding) -> bool) -> String {
    module
        .findings
        .iter()
        .filter(|finding| which(finding))
        .map(|finding| {
            let accepted = match &finding.accepted {
                Some(reason) => format!(" (accepted: {reason})"),
                None => String::new(),
            };
            let hint = finding
                .hint
                .as_ref()
                .map(|hint| format!("  hint: {hint}\n"))
                .unwrap_or_default();
            format!("{}{accepted}: {}\n{hint}", finding.code, finding.message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{accepted, mixed, report};

    #[test]
    fn every_module_is_a_case_with_its_outcome() {
        let xml = render(&mixed());
        assert!(xml.starts_with("<?xml"), "{xml}");
        let modules = mixed().modules;
        let count = |word: &str| xml.matches(word).count();
        assert_eq!(count("<testcase "), modules.len());
        let of = |verdicts: &[Verdict]| {
            modules
                .iter()
                .filter(|module| verdicts.contains(&module.verdict))
                .count()
        };
        assert_eq!(count("<failure "), of(&[Verdict::Failed]));
        assert_eq!(
            count("<error "),
            of(&[Verdict::Error, Verdict::InProgress, Verdict::Unknown])
        );
        assert!(xml.contains("type=\"symbol-version-mismatch\""), "{xml}");
    }

    #[test]
    fn an_accepted_module_is_skipped_with_the_reason() {
        let xml = render(&report(vec![accepted("a", "known since May")]));
        assert!(
            xml.contains("skipped=\"1\"") || xml.contains("<skipped "),
            "{xml}"
        );
        assert!(xml.contains("accepted: known since May"), "{xml}");
        assert!(
            !xml.contains("<failure ") && !xml.contains("<error "),
            "{xml}"
        );
    }
}
