//! A report in the format that was asked for: the one place that decides on `-o`.

use crate::cli::output::Format;
use crate::findings::finding::Finding;
use crate::model::printable::{self, printable, printable_line};
use crate::model::report::{ModuleReport, Origin, Report};
use crate::model::target::Target;
use crate::report::screen::Screen;
use crate::report::{data, github, junit, name, sarif, table};

/// Renders a report; the last line ends with a newline, and an empty report is an empty
/// table but never empty data. Formats with an escaping of their own get the texts from
/// outside as they are, the others as a terminal may show them.
pub fn render(report: &Report, format: Format, screen: &Screen) -> String {
    match format {
        Format::Json => data::json(report),
        Format::Yaml => data::yaml(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => printable::xml(&junit::render(report)),
        Format::Table => table::render(&shown(report), screen, false),
        Format::Wide => table::render(&shown(report), screen, true),
        Format::Name => name::render(&shown(report)),
        Format::Github => github::render(&shown(report)),
        Format::Short | Format::Markdown | Format::Prometheus => {
            table::render(&shown(report), screen, false)
        }
    }
}

/// The report with every text from outside as a terminal may show it.
pub fn shown(report: &Report) -> Report {
    Report {
        targets: report.targets.iter().map(target).collect(),
        modules: report.modules.iter().map(module).collect(),
        notes: report.notes.iter().map(printable).collect(),
        shown_at: report.shown_at,
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
    } = target;
    Target {
        kernel_version: printable_line(kernel_version),
        arch: *arch,
        dtk_image: optional(dtk_image),
    }
}

// Every field is named: a new one has to say here what it is.
fn module(module: &ModuleReport) -> ModuleReport {
    let ModuleReport {
        namespace,
        name,
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
        accepted,
    } = finding;
    Finding {
        code: *code,
        severity: *severity,
        effect: *effect,
        message: printable(message),
        hint: hint.as_ref().map(printable),
        accepted: optional(accepted),
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
