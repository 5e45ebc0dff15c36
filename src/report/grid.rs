//! Several kernels: a line per kernel with its counts, and a grid, modules down and kernels
//! across.

use std::collections::{BTreeSet, HashMap};

use unicode_width::UnicodeWidthStr;

use crate::model::report::{ModuleReport, Report};
use crate::model::target::{Arch, Target};
use crate::model::verdict::Verdict;
use crate::report::causes::full_name;
use crate::report::screen::Screen;
use crate::report::summary;
use crate::report::table::{Cell, GAP, lay_out};
use crate::report::wrap::cut;

/// What a column is about.
pub(super) type Key<'a> = (&'a str, Option<Arch>);

/// The columns of a grid, where a report is one: several kernels, and no module twice on one.
pub(super) fn targets(report: &Report) -> Option<Vec<Column<'_>>> {
    let preflights: BTreeSet<_> = report.modules.iter().map(|one| &one.preflight).collect();
    let mut keys: Vec<Key<'_>> = Vec::new();
    for target in &report.targets {
        let key = (target.kernel_version.as_str(), Some(target.arch));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for module in &report.modules {
        if !keys.contains(&key(module)) {
            keys.push(key(module));
        }
    }
    let used = |key: &Key<'_>| {
        report
            .modules
            .iter()
            .any(|module| self::key(module) == *key)
    };
    keys.retain(used);
    if keys.len() < 2 || preflights.len() > 1 {
        return None;
    }
    let one_arch = keys.iter().all(|key| key.1 == keys[0].1);
    let columns: Vec<Column<'_>> = keys
        .into_iter()
        .map(|key| Column {
            key,
            title: title(key, one_arch),
            targets: of_key(report, key),
        })
        .collect();
    Some(columns)
}

/// A column of the grid.
pub(super) struct Column<'a> {
    key: Key<'a>,
    title: String,
    targets: Vec<&'a Target>,
}

impl Column<'_> {
    /// The kernel, and its architecture where there are several.
    pub(super) fn title(&self) -> String {
        self.title.clone()
    }
}

fn key(module: &ModuleReport) -> Key<'_> {
    (&module.kernel_version, module.arch)
}

fn of_key<'a>(report: &'a Report, key: Key<'_>) -> Vec<&'a Target> {
    let targets = report.targets.iter();
    let is_one = |target: &&Target| (target.kernel_version.as_str(), Some(target.arch)) == key;
    targets.filter(is_one).collect()
}

/// The heading of a kernel.
pub(super) fn title((kernel, arch): Key<'_>, one_arch: bool) -> String {
    match arch.filter(|_| !one_arch) {
        Some(arch) => format!("{kernel} ({arch})"),
        None => kernel.to_owned(),
    }
}

/// The widest that names of modules are shown beside long headings.
const NAME: usize = 32;
/// The narrowest that a kernel is shown beside its counts.
const NARROW: usize = 12;

/// The headings: the kernels where they fit, else numbers.
fn headings(columns: &[Column<'_>], screen: &Screen) -> Vec<String> {
    let titles: Vec<String> = columns.iter().map(|column| column.title.clone()).collect();
    let width: usize = titles.iter().map(|title| title.width() + 2).sum();
    match NAME + width <= screen.width {
        true => titles,
        false => (1..=columns.len())
            .map(|number| number.to_string())
            .collect(),
    }
}

/// The lines of the kernels, and the grid. Where its rows do not fit the screen's height,
/// modules that pass on every kernel are counted.
pub(super) fn render(report: &Report, columns: &[Column<'_>], screen: &Screen) -> String {
    let headings = headings(columns, screen);
    let mut text = kernels(report, columns, &headings, screen);
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places = HashMap::new();
    for module in &report.modules {
        let name = full_name(module);
        let at = *places.entry(name.clone()).or_insert_with(|| {
            rows.push((name, HashMap::new()));
            rows.len() - 1
        });
        rows[at].1.insert(key(module), module.verdict);
    }
    let passes = |row: &Row<'_>| row.1.values().all(|v| v.passes());
    let mut counted = 0;
    if rows.len() + columns.len() + 2 > screen.height {
        counted = rows.iter().filter(|row| passes(row)).count();
        rows.retain(|row| !passes(row));
    }
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&grid(&rows, columns, &headings, screen));
    }
    if counted > 0 {
        let modules = if counted == 1 { "module" } else { "modules" };
        let verified = screen.verdict(Verdict::Verified);
        text.push_str(&format!(
            "{verified} on every kernel: {counted} {modules}\n"
        ));
    }
    text
}

type Row<'a> = (String, HashMap<Key<'a>, Verdict>);

/// The grid; one below the other where not all kernels fit beside the names.
fn grid(rows: &[Row<'_>], columns: &[Column<'_>], headings: &[String], screen: &Screen) -> String {
    let longest = rows.iter().map(|(name, _)| name.width()).max();
    let name = longest.unwrap_or_default().min(NAME).min(screen.width / 2);
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut used = 0;
    for (at, heading) in headings.iter().enumerate() {
        let width = GAP + heading.width();
        match parts.last_mut() {
            Some(part) if used + width <= screen.width => {
                part.push(at);
                used += width;
            }
            _ => {
                parts.push(vec![at]);
                used = name + width;
            }
        }
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|part| {
            let mut header = vec!["MODULE".to_owned()];
            header.extend(part.iter().map(|at| headings[*at].clone()));
            let cells = rows.iter().map(|(name, verdicts)| {
                let signs = part.iter().map(|at| match verdicts.get(&columns[*at].key) {
                    Some(verdict) => {
                        Cell::painted(screen.sign(*verdict), screen.verdict_style(*verdict))
                    }
                    // The module is not for the nodes of this kernel.
                    None => Cell::fixed("-"),
                });
                std::iter::once(Cell::name(name)).chain(signs).collect()
            });
            lay_out(header, cells.collect(), screen)
        })
        .collect();
    parts.join("\n")
}

/// A line per kernel with its counts: which upgrade is safe.
fn kernels(
    report: &Report,
    columns: &[Column<'_>],
    headings: &[String],
    screen: &Screen,
) -> String {
    let mut text = String::new();
    let widest = columns.iter().map(|column| column.title.width()).max();
    let digits = headings.iter().map(String::len).max().unwrap_or_default();
    for (column, heading) in columns.iter().zip(headings) {
        let of_kernel = || {
            let modules = report.modules.iter();
            modules.filter(|module| key(module) == column.key)
        };
        let count = |verdict| of_kernel().filter(|one| one.verdict == verdict).count();
        let Some(verdict) = Verdict::overall(of_kernel().map(|module| module.verdict)) else {
            continue;
        };
        let number = match *heading == column.title {
            true => String::new(),
            false => format!("{heading:>digits$}  "),
        };
        let counts = summary::counts_of(count);
        let indent = number.width() + 2;
        let beside = screen.width.saturating_sub(indent + counts.width() + 2);
        // On a narrow screen the counts have a line of their own.
        let (room, gap) = match beside < NARROW {
            true => (
                screen.width.saturating_sub(indent),
                format!("\n{:indent$}", ""),
            ),
            false => (beside, "  ".to_owned()),
        };
        let title = cut(&column.title, room, screen);
        let width = match gap.starts_with('\n') {
            true => 0,
            false => widest.unwrap_or_default().min(room),
        };
        let sign = screen.paint(screen.sign(verdict), screen.verdict_style(verdict));
        let about = about(&column.targets);
        let line = format!("{number}{sign} {title:<width$}{gap}{counts}");
        let plain = indent + 2 + width.max(title.width()) + counts.width();
        text.push_str(line.trim_end());
        if !about.is_empty() {
            match plain + about.width() + 3 <= screen.width {
                true => text.push_str(&format!(" ({about})")),
                false => {
                    let about = cut(&about, screen.width.saturating_sub(indent), screen);
                    text.push_str(&format!("\n{:indent$}{about}", ""));
                }
            }
        }
        text.push('\n');
    }
    text
}

/// Where a kernel comes from and whom it is for.
fn about(targets: &[&Target]) -> String {
    let parts = targets.iter().flat_map(|target| {
        let scope = &target.scope;
        let release = scope.release().map(|release| match scope.is_current {
            true if !scope.is_new => format!("{release}, now"),
            _ => release,
        });
        let now = (scope.is_current && scope.releases.is_empty()).then(|| "now".to_owned());
        let pools = match scope.pools.as_slice() {
            [] => None,
            [one] => Some(format!("pool {one}")),
            several => Some(format!("pools {}", several.join(", "))),
        };
        [release, now, pools].into_iter().flatten()
    });
    parts.collect::<Vec<_>>().join(", ")
}
