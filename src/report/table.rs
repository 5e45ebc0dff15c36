//! The table for people: facts about the run, a row per module, or a grid of several kernels,
//! a block per cause, and the sum of it all in the last line.

use std::collections::BTreeSet;

use owo_colors::Style as Paint;
use tabled::builder::Builder;
use tabled::settings::{Padding, Style};
use unicode_width::UnicodeWidthStr;

use crate::findings::finding::Severity;
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;
use crate::report::blocks::Detail;
use crate::report::causes::{Cause, causes, full_name, merged};
use crate::report::screen::Screen;
use crate::report::wrap::cut;
use crate::report::{blocks, grid, summary, wide};

/// Lines below the rows of a table that belong to it: those on how to learn more, the sum.
const LINES_BELOW: usize = 3;

/// The lines of a whole table that folds, at most; where modules have rows, those beside them.
const FOLDED: usize = 60;
const BESIDE_ROWS: usize = 30;

/// Renders the table; where its rows do not fit the screen's height, modules that pass are
/// counted, and the others are named in the blocks. Of a table that is too long even so, the
/// blocks show less.
pub(crate) fn render(report: &Report, screen: &Screen) -> String {
    if report.modules.is_empty() {
        return String::new();
    }
    let (run, causes) = split(report);
    let mut head = blocks::about_run(&run, screen);
    if !head.is_empty() {
        head.push('\n');
    }
    let fits = report.modules.len() + 1 + LINES_BELOW <= screen.height;
    let grid = grid::targets(report).map(|targets| grid::render(report, &targets, screen));
    let shows_rows = grid.is_some() || fits;
    let rows = match grid {
        Some(grid) => grid,
        None if fits => rows(report, screen),
        None => passing(report, screen),
    };
    head.push_str(&rows);
    let end = end(report, screen);
    let modules: BTreeSet<String> = report.modules.iter().map(full_name).collect();
    let most = match shows_rows {
        true => FOLDED.max(modules.len() + BESIDE_ROWS),
        false => FOLDED,
    };
    let text = fitting(most, |detail| {
        let blocks = blocks::of_causes(&causes, report, shows_rows, detail, screen);
        format!("{head}{blocks}{end}")
    });
    text.trim_start_matches('\n').to_owned()
}

/// The text with as much detail as fits into so many lines.
fn fitting(most: usize, text: impl Fn(Detail) -> String) -> String {
    let mut last = String::new();
    for detail in Detail::ALL {
        last = text(detail);
        if last.lines().count() <= most {
            break;
        }
    }
    last
}

/// `-o wide`: a block per module.
pub(crate) fn render_wide(report: &Report, screen: &Screen) -> String {
    if report.modules.is_empty() {
        return String::new();
    }
    wide::blocks(report, screen) + &end(report, screen)
}

/// `-o short`: what is wrong with modules that do not pass, and the last line.
pub(crate) fn render_short(report: &Report, screen: &Screen) -> String {
    let (run, mut causes) = split(report);
    for cause in &mut causes {
        cause
            .members
            .retain(|member| !member.module.verdict.passes());
    }
    causes.retain(|cause| {
        cause.severity != Severity::Info && cause.accepted.is_none() && !cause.members.is_empty()
    });
    let facts = blocks::about_run(&run, screen);
    let sum = summary::last_line(report, screen) + &footer(report);
    fitting(FOLDED, |detail| {
        let blocks = blocks::of_causes(&causes, report, false, detail, screen);
        let text = format!("{facts}{blocks}");
        let text = text.trim_start_matches('\n');
        let gap = if text.is_empty() { "" } else { "\n" };
        format!("{text}{gap}{sum}")
    })
}

/// What `status` says below the sum.
fn footer(report: &Report) -> String {
    let footer = report.footer.as_ref();
    footer.map_or_else(String::new, |footer| format!("{footer}\n"))
}

/// The causes that are about the run, and the others.
fn split(report: &Report) -> (Vec<Cause<'_>>, Vec<Cause<'_>>) {
    merged(causes(report))
        .into_iter()
        .partition(|cause| cause.is_about_run(report))
}

fn end(report: &Report, screen: &Screen) -> String {
    let has_codes = report.modules.iter().any(|one| !one.findings.is_empty());
    let more = match has_codes {
        true => summary::learn_more(screen),
        false => String::new(),
    };
    let last_line = summary::last_line(report, screen);
    format!("\n{more}{last_line}{}", footer(report))
}

/// Modules that pass, counted.
fn passing(report: &Report, screen: &Screen) -> String {
    [Verdict::Verified, Verdict::Accepted]
        .into_iter()
        .filter(|verdict| report.count(*verdict) > 0)
        .map(|verdict| {
            let count = report.count(verdict);
            let modules = if count == 1 { "module" } else { "modules" };
            format!("{}: {count} {modules}\n", screen.verdict(verdict))
        })
        .collect()
}

/// A cell: its text, how it is painted, and whether it may be cut.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Option<Paint>,
    pub(super) may_be_cut: bool,
}

impl Cell {
    pub(super) fn fixed(text: impl Into<String>) -> Self {
        let (text, style, may_be_cut) = (text.into(), None, false);
        Self {
            text,
            style,
            may_be_cut,
        }
    }

    pub(super) fn name(text: impl Into<String>) -> Self {
        Self {
            may_be_cut: true,
            ..Self::fixed(text)
        }
    }

    pub(super) fn painted(text: impl Into<String>, style: Paint) -> Self {
        Self {
            style: Some(style),
            ..Self::fixed(text)
        }
    }
}

/// The name, with the kind of what is not a Module.
pub(super) fn name(module: &ModuleReport) -> String {
    match module.kind {
        "Module" => module.name.clone(),
        kind => format!("{}/{}", kind.to_lowercase(), module.name),
    }
}

/// The columns of a row: each its heading and its cell, in one list.
fn columns(report: &Report, module: &ModuleReport, screen: &Screen) -> Vec<(&'static str, Cell)> {
    let modules = &report.modules;
    let several = |value: fn(&ModuleReport) -> Option<&str>| {
        modules.iter().map(value).collect::<BTreeSet<_>>().len() > 1
    };
    let or_dash = |text: Option<&str>| text.filter(|t| !t.is_empty()).unwrap_or("-").to_owned();
    let of_cluster = modules.iter().any(|module| module.preflight.is_some());
    let all = [
        several(|module| module.preflight.as_deref()).then(|| {
            (
                "PREFLIGHT",
                Cell::name(or_dash(module.preflight.as_deref())),
            )
        }),
        Some(("NAMESPACE", Cell::name(or_dash(Some(&module.namespace))))),
        Some(("NAME", Cell::name(name(module)))),
        several(|module| Some(&module.kernel_version))
            .then(|| ("KERNEL", Cell::name(or_dash(Some(&module.kernel_version))))),
        several(|module| module.arch.map(|arch| arch.as_str())).then(|| {
            (
                "ARCH",
                Cell::fixed(or_dash(module.arch.map(|arch| arch.as_str()))),
            )
        }),
        Some((
            "STAGE",
            Cell::fixed(or_dash(Some(&module.verification_stage))),
        )),
        of_cluster.then(|| {
            (
                "STATUS",
                Cell::fixed(or_dash(Some(&module.verification_status))),
            )
        }),
        Some((
            "VERDICT",
            Cell::painted(
                screen.verdict_text(module.verdict),
                screen.verdict_style(module.verdict),
            ),
        )),
        Some(("REASON", Cell::name(reason(module, screen)))),
    ];
    all.into_iter().flatten().collect()
}

/// The gravest code, and how many more there are of its kind. Of a module that is verified
/// it only warns, which its sign says.
fn reason(module: &ModuleReport, screen: &Screen) -> String {
    let Some(first) = module.findings.first() else {
        return "-".to_owned();
    };
    if first.severity == Severity::Info && module.verdict != Verdict::InProgress {
        return "-".to_owned();
    }
    let codes: BTreeSet<_> = module
        .findings
        .iter()
        .filter(|finding| finding.order() == first.order())
        .map(|finding| finding.code)
        .collect();
    let sign = match module.verdict {
        Verdict::Verified => format!("{} ", screen.severity(first.severity).0),
        _ => String::new(),
    };
    match codes.len() {
        0 | 1 => format!("{sign}{}", first.code),
        more => format!("{sign}{} +{}", first.code, more - 1),
    }
}

/// The columns that a narrow screen does without, the first one first: all but the module's name
/// and its verdict.
const LEAST: [&str; 7] = [
    "STAGE",
    "REASON",
    "ARCH",
    "STATUS",
    "KERNEL",
    "NAMESPACE",
    "PREFLIGHT",
];

fn rows(report: &Report, screen: &Screen) -> String {
    let mut header: Vec<String> = Vec::new();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for module in &report.modules {
        let columns = columns(report, module, screen);
        header = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        rows.push(columns.into_iter().map(|(_, cell)| cell).collect());
    }
    for heading in LEAST {
        let least = Widths::of(&header, &rows).least;
        if least.iter().sum::<usize>() + gaps(header.len()) <= screen.width {
            break;
        }
        if let Some(at) = header.iter().position(|one| one == heading) {
            header.remove(at);
            for row in &mut rows {
                row.remove(at);
            }
        }
    }
    lay_out(header, rows, screen)
}

/// The narrowest that a column of names is cut to.
const NARROWEST: usize = 8;
/// Between columns.
pub(super) const GAP: usize = 2;

/// The columns between so many columns.
fn gaps(columns: usize) -> usize {
    GAP * columns.saturating_sub(1)
}

/// How wide each column is, and how narrow it may become.
struct Widths {
    full: Vec<usize>,
    least: Vec<usize>,
}

impl Widths {
    fn of(header: &[String], rows: &[Vec<Cell>]) -> Self {
        let mut full: Vec<usize> = header.iter().map(|heading| heading.width()).collect();
        let mut least = full.clone();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                let width = cell.text.width();
                full[at] = full[at].max(width);
                let needed = match cell.may_be_cut {
                    true => width.min(NARROWEST),
                    false => width,
                };
                least[at] = least[at].max(needed);
            }
        }
        Self { full, least }
    }
}

/// The rows below their bold headings, cut so that none is wider than the screen.
pub(super) fn lay_out(header: Vec<String>, mut rows: Vec<Vec<Cell>>, screen: &Screen) -> String {
    let Widths {
        full: mut widths,
        least,
    } = Widths::of(&header, &rows);
    let room = screen.width.saturating_sub(gaps(widths.len()));
    while widths.iter().sum::<usize>() > room {
        let widest = (0..widths.len())
            .filter(|at| widths[*at] > least[*at])
            .max_by_key(|at| widths[*at]);
        match widest {
            Some(at) => widths[at] -= 1,
            None => break,
        }
    }
    for row in &mut rows {
        for (at, cell) in row.iter_mut().enumerate() {
            cell.text = cut(&cell.text, widths[at], screen);
        }
    }
    let bold = Paint::new().bold();
    let mut builder = Builder::default();
    builder.push_record(header.iter().map(|heading| screen.paint(heading, bold)));
    for row in rows {
        builder.push_record(row.into_iter().map(|cell| match cell.style {
            Some(style) => screen.paint(&cell.text, style),
            None => cell.text,
        }));
    }
    borderless(builder, GAP)
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

#[cfg(test)]
mod tests;
