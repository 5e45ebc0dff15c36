//! The table for people: one row a module, what is wrong with it and what to do below, and
//! the sum of it all in the last line.

use std::collections::BTreeSet;

use owo_colors::Style as Paint;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};
use unicode_width::UnicodeWidthStr;

use crate::model::finding::{Effect, Finding, Severity};
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;
use crate::report::screen::Screen;
use crate::report::wrap::wrap;

/// Renders the table; `wide` has more columns and shows every finding.
pub fn render(report: &Report, screen: &Screen, wide: bool) -> String {
    if report.modules.is_empty() {
        return String::new();
    }
    let mut text = rows(report, screen, wide);
    for module in &report.modules {
        if module.verdict != Verdict::Verified || wide && !module.findings.is_empty() {
            text.push('\n');
            text.push_str(&details(module, report, screen, wide));
        }
    }
    if !wide {
        text.push_str(&warnings(report, screen));
    }
    text.push('\n');
    text.push_str(&summary(report, screen));
    text
}

/// The columns that a table has beside those that it always has.
#[derive(Clone, Copy)]
struct Columns {
    preflight: bool,
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
        .filter(|finding| finding.effect == first.effect && finding.severity == first.severity)
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
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, 2, 0, 0));
    table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// What was seen of one module, each finding with its next step.
fn details(module: &ModuleReport, report: &Report, screen: &Screen, wide: bool) -> String {
    let mut title = format!("{}/{}", module.namespace, module.name);
    if report.targets.len() > 1 && !module.kernel_version.is_empty() {
        title.push_str(&format!(" on {}", module.kernel_version));
        if let Some(arch) = module.arch.filter(|_| !one_arch(report)) {
            title.push_str(&format!(" ({arch})"));
        }
    }
    let title = screen.paint(&title, Paint::new().bold());
    let mut text = format!("{title}  {}\n", screen.verdict(module.verdict));
    let mut told = false;
    let shown = module.findings.iter().filter(|finding| {
        // What a module waits for is all that there is to say of one in progress.
        wide || module.verdict == Verdict::InProgress
            || finding.severity != Severity::Info
            || finding.effect != Effect::None
    });
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in shown {
        told |= finding.message == module.status_reason;
        match groups.iter_mut().find(|group| is_alike(group[0], finding)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    for group in groups {
        let limit = if wide { group.len() } else { SHOWN_ALIKE };
        for finding in group.iter().take(limit) {
            text.push_str(&message(finding, "", screen));
        }
        if group.len() > limit {
            let more = format!(
                "and {} more {}; -o wide shows all",
                group.len() - limit,
                group[0].code
            );
            text.push_str(&wrap(&more, screen.width, "    "));
        }
        text.push_str(&hint(group[0], screen));
    }
    if !told && !module.status_reason.is_empty() {
        text.push_str(&wrap(&module.status_reason, screen.width, "  "));
    }
    text
}

fn one_arch(report: &Report) -> bool {
    let archs: BTreeSet<_> = report.targets.iter().map(|target| target.arch).collect();
    archs.len() < 2
}

/// How many findings of one code with the same next step are shown.
const SHOWN_ALIKE: usize = 3;

fn is_alike(one: &Finding, other: &Finding) -> bool {
    let key = |finding: &Finding| (finding.code, finding.effect, finding.accepted);
    key(one) == key(other) && one.hint == other.hint
}

fn message(finding: &Finding, whom: &str, screen: &Screen) -> String {
    let accepted = if finding.accepted { " (accepted)" } else { "" };
    let word = finding.severity.as_str();
    let text = format!(
        "{word} {}{accepted}{whom}: {}",
        finding.code, finding.message
    );
    let body = wrap(&text, screen.width, "    ");
    // The first line stands further out; the severity is coloured after the wrapping.
    let rest = body.trim_start().strip_prefix(word).unwrap_or_default();
    let rest = screen.linked(rest, finding.code);
    format!("  {}{rest}", screen.severity(finding.severity))
}

fn hint(finding: &Finding, screen: &Screen) -> String {
    let Some(hint) = &finding.hint else {
        return String::new();
    };
    let text = wrap(&format!("hint: {hint}"), screen.width, "    ");
    text.replacen("hint:", &screen.paint("hint:", Paint::new().cyan()), 1)
}

/// The warnings about verified modules; one that several share is told once.
fn warnings(report: &Report, screen: &Screen) -> String {
    let mut groups: Vec<(&Finding, Vec<String>)> = Vec::new();
    for module in &report.modules {
        if module.verdict != Verdict::Verified {
            continue;
        }
        let name = format!("{}/{}", module.namespace, module.name);
        for finding in &module.findings {
            if finding.severity == Severity::Info && !finding.accepted {
                continue;
            }
            match groups.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, names)) => {
                    if !names.contains(&name) {
                        names.push(name.clone());
                    }
                }
                None => groups.push((finding, vec![name.clone()])),
            }
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    let title = screen.paint("verified, but", Paint::new().bold());
    let mut text = format!("\n{title}\n");
    for (finding, names) in groups {
        let whom = match names.as_slice() {
            [one] => format!(" {one}"),
            several => format!(" {} modules", several.len()),
        };
        text.push_str(&message(finding, &whom, screen));
        text.push_str(&hint(finding, screen));
    }
    text
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
#[path = "table_tests.rs"]
mod tests;
