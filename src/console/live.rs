//! Progress of a command that waits, on stderr: a table that is drawn again on a terminal,
//! a line a change elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::ProgressBar;

use crate::cli::output::ProgressMode;
use crate::console::progress::{draws, style};
use crate::console::{drawing, say};
use crate::model::printable::printable;
use crate::model::report::{ModuleReport, Report};

/// How often the time is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// How a waiting command shows what it sees.
#[derive(Debug)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    lines: bool,
    said: HashMap<(Option<String>, String, String), String>,
    /// The lines that were shown last.
    lines_shown: Vec<String>,
}

impl Live {
    /// Progress in the mode that the user chose.
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let bar = draws(mode).then(|| {
            let bar = ProgressBar::with_draw_target(None, drawing::target());
            bar.set_style(style("{msg}\n{spinner} {elapsed}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self {
            lines: bar.is_none() && mode != ProgressMode::None,
            bar,
            said: HashMap::new(),
            lines_shown: Vec::new(),
        }
    }

    /// Shows the state: the table that `table` renders, or the rows that changed.
    pub(crate) fn show(&mut self, report: Report, table: impl FnOnce(Report) -> String) {
        if let Some(bar) = &self.bar {
            if bar.is_finished() {
                bar.reset();
                bar.enable_steady_tick(TICK);
            }
            let height = terminal_size::terminal_size_of(std::io::stderr())
                .map_or(usize::MAX, |(_, height)| usize::from(height.0));
            bar.set_message(fitted(table(report).trim_end(), height));
            return;
        }
        if !self.lines {
            return;
        }
        // What is said of the whole CR, before KMM has named its modules, is said once.
        let mut unheard: Vec<(String, usize)> = Vec::new();
        for module in &report.modules {
            let what = what(module);
            let key = (
                module.preflight.clone(),
                module.namespace.clone(),
                module.name.clone(),
            );
            if self.said.get(&key) == Some(&what) {
                continue;
            }
            if !module.verification_status.is_empty() {
                say(&format!("{}: {what}", who(module)));
            } else if let Some((_, count)) = unheard.iter_mut().find(|(known, _)| *known == what) {
                *count += 1;
            } else {
                unheard.push((what.clone(), 1));
            }
            self.said.insert(key, what);
        }
        for (what, count) in unheard {
            let modules = if count == 1 { "module" } else { "modules" };
            say(&format!("{count} {modules}: {what}"));
        }
    }

    /// Shows one line per thing that is waited for, or those that changed.
    pub(crate) fn lines(&mut self, lines: Vec<String>) {
        if let Some(bar) = &self.bar {
            let height = terminal_size::terminal_size_of(std::io::stderr())
                .map_or(usize::MAX, |(_, height)| usize::from(height.0));
            bar.set_message(fitted(&printable(lines.join("\n")), height));
        } else if self.lines {
            for (index, line) in lines.iter().enumerate() {
                if self.lines_shown.get(index) != Some(line) {
                    say(line);
                }
            }
        }
        self.lines_shown = lines;
    }

    /// Says something that is no state, above the table.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(printable(text)),
            None => say(text),
        }
    }

    /// Takes the table away, so that the result can be printed in its place.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The lines of a terminal that are none of the table's: the spinner and the cursor's.
const OWN_LINES: usize = 2;

/// As much of the table as the terminal has room for, with its last line, the sum, in any
/// case.
fn fitted(table: &str, height: usize) -> String {
    let lines: Vec<&str> = table.lines().collect();
    let room = height.saturating_sub(OWN_LINES);
    let [first @ .., sum] = lines.as_slice() else {
        return String::new();
    };
    if lines.len() <= room || room < 3 {
        return table.to_owned();
    }
    let shown = &first[..room - 2];
    let left = first.len() - shown.len();
    format!("{}\n({left} more lines)\n{sum}", shown.join("\n"))
}

fn who(module: &ModuleReport) -> String {
    if module.namespace.is_empty() {
        module.name.clone()
    } else {
        format!("{}/{}", module.namespace, module.name)
    }
}

/// A row in one line: what, and why. The time of KMM's last pass is no part of it, for it
/// changes without any change.
fn what(module: &ModuleReport) -> String {
    let why = module
        .findings
        .first()
        .map_or(module.status_reason.as_str(), |finding| {
            finding.message.as_str()
        });
    let mut line = module.verdict.as_str().to_owned();
    if !module.verification_stage.is_empty() {
        line.push_str(&format!(" ({})", module.verification_stage));
    }
    if !why.is_empty() {
        line.push_str(&format!(": {}", why.replace('\n', " | ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_shows_what_it_has_room_for_and_the_sum() {
        let table = "HEAD\na\nb\nc\n\nsum";
        assert_eq!(fitted(table, 8), table);
        assert_eq!(fitted(table, 7), "HEAD\na\nb\n(2 more lines)\nsum");
        assert_eq!(fitted(table, 5), "HEAD\n(4 more lines)\nsum");
        assert_eq!(fitted(table, 4), table);
        assert_eq!(fitted(table, usize::MAX), table);
        assert_eq!(fitted("", 24), "");
    }
}
