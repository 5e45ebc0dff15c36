//! Progress of a command that waits, on stderr: a table that is drawn again on a terminal,
//! a counter elsewhere.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::cli::output::ProgressMode;
use crate::console::counter::Counter;
use crate::console::progress::{draws, style};
use crate::console::{drawing, say};
use crate::model::printable::printable;
use crate::model::report::{ModuleReport, Report};
use crate::model::verdict::Verdict;

/// How often the time is drawn anew.
const TICK: Duration = Duration::from_millis(250);

/// How a waiting command shows what it sees.
#[derive(Debug)]
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    lines: bool,
    counter: Option<Counter>,
    /// The lines that were shown last.
    lines_shown: Vec<String>,
}

impl Live {
    /// Progress in the mode that the user chose.
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let bar = draws(mode).then(|| {
            let bar = ProgressBar::with_draw_target(None, drawing::target());
            bar.set_style(style("{msg}\n{spinner} {elapsed} {prefix}"));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self {
            lines: bar.is_none() && mode != ProgressMode::None,
            bar,
            counter: None,
            lines_shown: Vec::new(),
        }
    }

    /// Shows the state: the table that `table` renders, or counts.
    pub(crate) fn show(&mut self, report: Report, table: impl FnOnce(Report) -> String) {
        if self.lines {
            self.count(&report);
        } else {
            self.draw(report, table);
        }
    }

    /// Shows results: the table, or a line per module whose result is not what it was.
    pub(crate) fn results(&mut self, report: Report, table: impl FnOnce(Report) -> String) {
        if !self.lines {
            if let Some(bar) = &self.bar {
                bar.set_prefix("waiting for changes; Ctrl-C ends");
            }
            self.draw(report, table);
            return;
        }
        let several = report.kernels().len() > 1;
        let line = |module: &ModuleReport| {
            let on = match several {
                true => format!(" on {}", module.kernel_version),
                false => String::new(),
            };
            format!(
                "{}{on}: {}: {}",
                who(module),
                module.verdict,
                reason(module)
            )
        };
        let lines: Vec<String> = report.modules.iter().map(line).collect();
        let new = lines.iter().filter(|line| !self.lines_shown.contains(line));
        new.for_each(|line| say(line));
        self.lines_shown = lines;
    }

    fn draw(&self, report: Report, table: impl FnOnce(Report) -> String) {
        let Some(bar) = &self.bar else {
            return;
        };
        if bar.is_finished() {
            bar.reset();
            bar.enable_steady_tick(TICK);
        }
        let height = terminal_size::terminal_size_of(std::io::stderr())
            .map_or(usize::MAX, |(_, height)| usize::from(height.0));
        bar.set_message(fitted(table(report).trim_end(), height));
    }

    /// Counts the modules, and what is waited for; the first line is written at once.
    fn count(&mut self, report: &Report) {
        let is_first = self.counter.is_none();
        let counter = self.counter.get_or_insert_default();
        let mut state = counter.state();
        state.total = report.modules.len();
        state.counts.clear();
        let mut running = BTreeMap::new();
        for module in &report.modules {
            if module.verdict != Verdict::InProgress {
                *state.counts.entry(module.verdict).or_default() += 1;
                continue;
            }
            let (name, waits_for) = (who(module), reason(module));
            let since = state.running.get(&name);
            let since = since.filter(|(_, known)| *known == waits_for);
            let since = since.map_or_else(Instant::now, |(since, _)| *since);
            running.insert(name, (since, waits_for));
        }
        state.running = running;
        let line = state.line();
        drop(state);
        if is_first {
            say(&line);
            counter.write();
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

    /// Takes the table away, so that the result can be printed in its place, or writes the
    /// last counter.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if let Some(counter) = self.counter.take() {
            say(&counter.end());
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

/// Why a module has its verdict, or what it waits for, in one line.
fn reason(module: &ModuleReport) -> String {
    let reason = module
        .findings
        .first()
        .map_or(module.status_reason.as_str(), |finding| {
            finding.message.as_str()
        });
    match reason {
        "" => module.verdict.as_str().to_owned(),
        reason => reason.replace('\n', " | "),
    }
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
