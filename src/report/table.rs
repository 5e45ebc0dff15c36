//! The table for people: one row a module, what is wrong with it and what to do below, and
//! the sum of it all in the last line.

use std::collections::BTreeSet;

use owo_colors::Style as Paint;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};
use unicode_width::UnicodeWidthStr;

use crate::findings::finding::Severity;
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;
use crate::report::age::age;
use crate::report::details;
use crate::report::screen::Screen;

/// Renders the table; `wide` has more columns and shows every finding.
pub fn render(report: &Report, screen: &Screen, wide: bool) -> String {
    if report.modules.is_empty() {
        return String::new();
    }
    let mut text = rows(report, screen, wide);
    text.push_str(&details::of_modules(report, screen, wide));
    if !wide {
        text.push_str(&details::warnings(report, screen));
    }
    text.push('\n');
    text.push_str(&summary(report, screen));
    text
}

/// The columns that a table has beside those that it always has.
#[derive(Clone, Copy)]
struct Columns {
    preflight: bool,
    now: Option<jiff::Timestamp>,
    kernel: bool,
    arch: bool,
    reason: bool,
    wide: bool,
}

impl Columns {
    fn of(report: &Report, wide: bool) -> Self {
        let several = |values: BTreeSet<&str>| values.len() > 1;
        let modules = &report.modules;
        Self {
            preflight: several(
                modules
                    .iter()
                    .filter_map(|module| module.preflight.as_deref())
                    .collect(),
            ),
            now: report
                .shown_at
                .filter(|_| modules.iter().any(|module| module.preflight.is_some())),
            kernel: wide || several(modules.iter().map(|m| m.kernel_version.as_str()).collect()),
            arch: wide
                || several(
                    modules
                        .iter()
                        .filter_map(|module| module.arch.map(|arch| arch.as_str()))
                        .collect(),
                ),
            reason: true,
            wide,
        }
    }

    fn header(self) -> Vec<String> {
        let mut header = Vec::new();
        let mut push = |wanted: bool, name: &str| {
            if wanted {
                header.push(name.to_owned());
            }
        };
        push(self.preflight, "PREFLIGHT");
        push(true, "NAMESPACE");
        push(true, "NAME");
        push(self.kernel, "KERNEL");
        push(self.arch, "ARCH");
        push(true, "STAGE");
        push(true, "VERDICT");
        push(self.reason, "REASON");
        push(self.now.is_some(), "AGE");
        for name in ["STATUS", "TIME", "MAPPING", "IMAGE", "DIGEST"] {
            push(self.wide, name);
        }
        header
    }

    fn row(self, module: &ModuleReport, screen: &Screen) -> Vec<String> {
        let mut row = Vec::new();
        let mut push = |wanted: bool, cell: String| {
            if wanted {
                row.push(cell);
            }
        };
        let or_dash = |text: Option<&str>| text.filter(|t| !t.is_empty()).unwrap_or("-").to_owned();
        push(self.preflight, or_dash(module.preflight.as_deref()));
        push(true, or_dash(Some(&module.namespace)));
        push(true, module.name.clone());
        push(self.kernel, or_dash(Some(&module.kernel_version)));
        push(self.arch, or_dash(module.arch.map(|arch| arch.as_str())));
        push(true, screen.stage(&module.verification_stage));
        push(true, screen.verdict(module.verdict));
        push(self.reason, reason(module));
        if let Some(now) = self.now {
            let time = module.last_transition_time.as_deref();
            let age = time.and_then(|time| age(time, now));
            push(true, or_dash(age.as_deref()));
        }
        if self.wide {
            let took = module
                .duration
                .map(|took| format!("{:.1}s", took.as_secs_f64()));
            push(true, or_dash(Some(&module.verification_status)));
            push(true, or_dash(took.as_deref()));
            push(true, or_dash(module.mapping.as_deref()));
            push(true, or_dash(module.image.as_deref()));
            push(true, or_dash(module.digest.as_deref()));
        }
        row
    }
}

/// The gravest code, and how many more there are of its kind.
fn reason(module: &ModuleReport) -> String {
    let Some(first) = module.findings.first() else {
        return "-".to_owned();
    };
    if first.severity == Severity::Info && module.verdict != Verdict::InProgress {
        return "-".to_owned();
    }
    let codes: BTreeSet<_> = module
        .findings
        .iter()
        .filter(|finding| finding.weight() == first.weight() && finding.severity == first.severity)
        .map(|finding| finding.code)
        .collect();
    match codes.len() {
        0 | 1 => first.code.to_string(),
        more => format!("{} +{}", first.code, more - 1),
    }
}

/// The rows, in the first shape that fits the screen: flat; one block a kernel; without the
/// reasons, which stand below anyway.
fn rows(report: &Report, screen: &Screen, wide: bool) -> String {
    let all: Vec<&ModuleReport> = report.modules.iter().collect();
    let columns = Columns::of(report, wide);
    let flat = block(&all, columns, screen);
    if wide || fits(&flat, screen) {
        return flat;
    }
    if !columns.kernel {
        let short = Columns {
            reason: false,
            ..columns
        };
        return block(&all, short, screen);
    }
    let mut kernels: Vec<&str> = Vec::new();
    for module in &all {
        if !kernels.contains(&module.kernel_version.as_str()) {
            kernels.push(&module.kernel_version);
        }
    }
    let by_kernel = |columns: Columns| {
        let blocks: Vec<String> = kernels
            .iter()
            .map(|kernel| {
                let of_kernel: Vec<_> = all
                    .iter()
                    .copied()
                    .filter(|module| module.kernel_version == *kernel)
                    .collect();
                let title = screen.paint(&format!("kernel {kernel}"), Paint::new().bold());
                format!("{title}\n{}", block(&of_kernel, columns, screen))
            })
            .collect();
        blocks.join("\n")
    };
    let blocks = by_kernel(Columns {
        kernel: false,
        ..columns
    });
    if fits(&blocks, screen) {
        return blocks;
    }
    by_kernel(Columns {
        kernel: false,
        reason: false,
        ..columns
    })
}

fn fits(text: &str, screen: &Screen) -> bool {
    text.lines().all(|line| visible_width(line) <= screen.width)
}

/// The columns that a line takes, without its colours.
fn visible_width(line: &str) -> usize {
    let mut width = 0;
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        width += before.width();
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    width + rest.width()
}

fn block(modules: &[&ModuleReport], columns: Columns, screen: &Screen) -> String {
    let mut builder = Builder::default();
    builder.push_record(
        columns
            .header()
            .iter()
            .map(|name| screen.paint(name, Paint::new().bold())),
    );
    for module in modules {
        builder.push_record(columns.row(module, screen));
    }
    borderless(builder, 2)
}

/// The lines of a table without borders, with `gap` spaces between its columns.
pub(super) fn borderless(table: Builder, gap: usize) -> String {
    let mut table = table.build();
    table.with(Style::empty()).with(Padding::new(0, gap, 0, 0));
    table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// The last line: the verdict of the whole and how many modules have which.
fn summary(report: &Report, screen: &Screen) -> String {
    let Some(verdict) = report.verdict() else {
        return String::new();
    };
    let counts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| report.count(*verdict) > 0)
        .map(|verdict| format!("{} {}", report.count(verdict), verdict.as_str()))
        .collect();
    let kernels: BTreeSet<&str> = report
        .targets
        .iter()
        .map(|target| target.kernel_version.as_str())
        .filter(|kernel| !kernel.is_empty())
        .collect();
    let on = match kernels.iter().collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [kernel] => format!(" on kernel {kernel}"),
        several => format!(" on {} kernels", several.len()),
    };
    let rows = report.modules.len();
    let checks = match (rows, kernels.len() > 1) {
        (1, true) => "1 check".to_owned(),
        (rows, true) => format!("{rows} checks"),
        (1, false) => "1 module".to_owned(),
        (rows, false) => format!("{rows} modules"),
    };
    let line = |on: &str| {
        let counts = counts.join(", ");
        format!("{}: {checks}{on}: {counts}\n", screen.verdict(verdict))
    };
    let full = line(&on);
    if fits(&full, screen) { full } else { line("") }
}

#[cfg(test)]
mod tests;
