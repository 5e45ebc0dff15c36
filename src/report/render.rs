//! A report in the format that was asked for: the one place that decides on `-o`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::findings::finding::{Code, Finding, Subject};
use crate::model::printable::{self, printable, printable_line};
use crate::model::report::{ModuleReport, Origin, Report};
use crate::model::target::{Scope, Target};
use crate::model::verdict::Verdict;
use crate::report::format::Format;
use crate::report::screen::Screen;
use crate::report::{
    causes, data, github, junit, markdown, name, natural, prometheus, sarif, summary, table,
};

/// Renders a report; the last line ends with a newline, and an empty report is an empty
/// table but never empty data. Formats with an escaping of their own get the texts from
/// outside as they are, the others as a terminal may show them.
pub(crate) fn render(report: &Report, format: Format, quiet: bool, screen: &Screen) -> String {
    match format {
        Format::Json => data::json(report),
        Format::Yaml => data::yaml(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => printable::xml(&junit::render(report)),
        Format::Table | Format::Wide | Format::Short if quiet => {
            summary::last_line(&shown(report), screen)
        }
        Format::Table => table::render(&shown(report), screen),
        Format::Wide => table::render_wide(&shown(report), screen),
        Format::Short => table::render_short(&shown(report), screen),
        Format::Name => name::render(&shown(report)),
        Format::Github => github::render(&shown(report)),
        Format::Markdown => markdown::render(&shown(report)),
        Format::Prometheus => prometheus::render(&shown(report)),
    }
}

/// The report with every text from outside as a terminal may show it, and its rows as people
/// read them: what failed first, names in natural order.
pub(crate) fn shown(report: &Report) -> Report {
    let mut preflights: HashMap<Option<&str>, usize> = HashMap::new();
    for module in &report.modules {
        let next = preflights.len();
        preflights
            .entry(module.preflight.as_deref())
            .or_insert(next);
    }
    let place = |module: &ModuleReport| preflights.get(&module.preflight.as_deref()).copied();
    let mut rows: Vec<&ModuleReport> = report.modules.iter().collect();
    let mut worst: HashMap<String, u8> = HashMap::new();
    for module in &rows {
        let rank = order(module);
        let known = worst.entry(causes::full_name(module)).or_insert(rank);
        *known = rank.min(*known);
    }
    rows.sort_by(|one, other| {
        let worst = |module: &ModuleReport| worst.get(&causes::full_name(module));
        place(one)
            .cmp(&place(other))
            .then_with(|| worst(one).cmp(&worst(other)))
            .then_with(|| natural::compare(&one.namespace, &other.namespace))
            .then_with(|| natural::compare(&one.name, &other.name))
    });
    Report {
        targets: report.targets.iter().map(target).collect(),
        modules: rows.into_iter().map(module).collect(),
        notes: report.notes.iter().map(printable).collect(),
        interrupted: report.interrupted,
        shown_at: report.shown_at,
        finished_at: report.finished_at,
        footer: report.footer.clone(),
    }
}

/// What loads today and would not after the upgrade comes first.
fn order(module: &ModuleReport) -> u8 {
    let breaks = |finding: &Finding| finding.code == Code::UpgradeBreaks;
    match module.findings.iter().any(breaks) {
        true => 0,
        false => 1 + rank(module.verdict),
    }
}

/// The order of rows for people. A module stands where its worst kernel has it.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Failed => 0,
        Verdict::Unknown => 1,
        Verdict::Error => 2,
        Verdict::InProgress => 3,
        Verdict::Accepted => 4,
        Verdict::Verified => 5,
    }
}

fn optional(text: &Option<String>) -> Option<String> {
    text.as_ref().map(printable_line)
}

fn target(target: &Target) -> Target {
    let Target {
        kernel_version,
        arch,
        dtk_image,
        os_image,
        nodes_image,
        scope: of,
    } = target;
    Target {
        kernel_version: printable_line(kernel_version),
        arch: *arch,
        dtk_image: optional(dtk_image),
        os_image: optional(os_image),
        nodes_image: optional(nodes_image),
        scope: Arc::new(scope(of)),
    }
}

fn scope(scope: &Scope) -> Scope {
    let Scope {
        releases,
        os_stream,
        kernel_type,
        pools,
        nodes,
        is_current,
        is_new,
    } = scope;
    Scope {
        releases: releases.iter().map(printable_line).collect(),
        os_stream: optional(os_stream),
        kernel_type: *kernel_type,
        pools: pools.iter().map(printable_line).collect(),
        nodes: nodes
            .as_ref()
            .map(|nodes| nodes.iter().map(printable_line).collect()),
        is_current: *is_current,
        is_new: *is_new,
    }
}

// Every field is named: a new one has to say here what it is.
fn module(module: &ModuleReport) -> ModuleReport {
    let ModuleReport {
        namespace,
        name,
        kind,
        kernel_version,
        arch,
        verdict,
        verification_status,
        verification_stage,
        status_reason,
        last_transition_time,
        image,
        digest,
        mapping,
        checked_by,
        findings,
        duration,
        origin,
        preflight,
    } = module;
    ModuleReport {
        namespace: printable_line(namespace),
        name: printable_line(name),
        kind,
        kernel_version: printable_line(kernel_version),
        arch: *arch,
        verdict: *verdict,
        verification_status: printable_line(verification_status),
        verification_stage: printable_line(verification_stage),
        status_reason: printable(status_reason),
        last_transition_time: optional(last_transition_time),
        image: optional(image),
        digest: optional(digest),
        mapping: optional(mapping),
        checked_by: *checked_by,
        findings: findings.iter().map(finding).collect(),
        duration: *duration,
        origin: self::origin(origin),
        preflight: optional(preflight),
    }
}

fn finding(finding: &Finding) -> Finding {
    let Finding {
        code,
        severity,
        effect,
        message,
        hint,
        is_flag_hint,
        subject,
        accepted,
    } = finding;
    Finding {
        code: *code,
        severity: *severity,
        effect: *effect,
        message: printable(message),
        hint: hint.as_ref().map(printable),
        is_flag_hint: *is_flag_hint,
        subject: subject.as_deref().map(|one| Box::new(self::subject(one))),
        accepted: optional(accepted),
    }
}

fn subject(subject: &Subject) -> Subject {
    match subject {
        Subject::Symbol { name, built_for } => Subject::Symbol {
            name: printable_line(name),
            built_for: optional(built_for),
        },
        Subject::InTreeModule(name) => Subject::InTreeModule(printable_line(name)),
    }
}

fn origin(origin: &Origin) -> Origin {
    match origin {
        Origin::File {
            path,
            document,
            line,
        } => Origin::File {
            path: printable_line(path.to_string_lossy()).into(),
            document: *document,
            line: *line,
        },
        Origin::Stream {
            name,
            document,
            line,
        } => Origin::Stream {
            name: printable_line(name),
            document: *document,
            line: *line,
        },
        Origin::Cluster => Origin::Cluster,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{EXIT_UNDECIDED, exit_code_of};
    use crate::report::samples;

    /// What is in progress is a cluster's; the other verdicts are put to the command.
    #[test]
    fn what_is_in_progress_is_neither_passed_nor_failed_in_any_format() {
        let mut row = samples::row("waits", "5.14.0", Vec::new());
        row.verdict = Verdict::InProgress;
        row.verification_status = "InProgress".into();
        let report = samples::report(vec![row]);
        assert_eq!(exit_code_of(report.verdict()), EXIT_UNDECIDED);
        for (format, shows, never) in [
            (Format::Table, "in-progress", "1 verified"),
            (Format::Wide, "in-progress", "1 verified"),
            (Format::Short, "in-progress", "1 verified"),
            (
                Format::Json,
                "\"verdict\": \"in-progress\"",
                "\"failed\": 1",
            ),
            (Format::Yaml, "verdict: in-progress", "failed: 1"),
            (Format::Name, "module.kmm.sigs.x-k8s.io/waits", "verified"),
            (Format::Junit, "<error ", "<failure "),
            (Format::Sarif, "\"results\": []", "\"error\""),
            (Format::Github, "1 in-progress", "::error"),
            (Format::Markdown, "in-progress", "1 verified"),
            (
                Format::Prometheus,
                "verdict=\"in-progress\"} 1",
                "verdict=\"verified\"} 1",
            ),
        ] {
            let text = render(&report, format, false, &Screen::PLAIN);
            assert!(text.contains(shows), "{format:?}: {text}");
            assert!(!text.contains(never), "{format:?}: {text}");
        }
    }
}
