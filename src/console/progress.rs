//! Progress of a local run on stderr: a bar on a terminal, a counter elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::cli::output::{ProgressMode, When};
use crate::cli::screen::Surroundings;
use crate::console::counter::Counter;
use crate::console::{drawing, say};
use crate::model::printable::printable_line;
use crate::model::report::ModuleReport;
use crate::model::verdict::Stage;
use crate::report::wrap::cut;

/// The columns of a bar before the verdicts.
const BEFORE_VERDICTS: usize = 42;

/// How a run shows what it does.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    matrix: bool,
    counter: Counter,
}

impl Progress {
    /// Progress over `total` checks; with `matrix` a line names the kernel too.
    pub(crate) fn new(mode: ProgressMode, total: usize, matrix: bool) -> Self {
        let counter = Counter::default();
        counter.state().total = total;
        let bar = draws(mode).then(|| bar(total, &counter));
        let lines = bar.is_none() && mode != ProgressMode::None;
        if lines {
            counter.write();
        }
        Self {
            bar,
            lines,
            matrix,
            counter,
        }
    }

    /// What a module's check is called.
    pub(crate) fn name(&self, namespace: &str, name: &str, kernel_version: &str) -> String {
        printable_line(match self.matrix {
            true => format!("{namespace}/{name} on {kernel_version}"),
            false => format!("{namespace}/{name}"),
        })
    }

    /// A module's check has begun another step. As a line only the steps of Build and Sign
    /// are written: each of them may take minutes.
    pub(crate) fn step(&self, name: &str, stage: Stage, step: &str) {
        let step = printable_line(step);
        if self.lines && stage != Stage::Image {
            say(&format!("{name}: {step}"));
        }
        let mut state = self.counter.state();
        let running = state.running.entry(name.to_owned());
        running.or_insert_with(|| (Instant::now(), String::new())).1 = step;
    }

    /// A module is decided.
    pub(crate) fn decided(&self, row: &ModuleReport) {
        let name = self.name(&row.namespace, &row.name, &row.kernel_version);
        let mut state = self.counter.state();
        state.running.remove(&name);
        *state.counts.entry(row.verdict).or_default() += 1;
        drop(state);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar off the screen, or writes the last counter.
    pub(crate) fn finish(&self) {
        let line = self.counter.end();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        } else if self.lines {
            say(&line);
        }
    }
}

/// A bar over all checks with their verdicts, and below it what runs now.
fn bar(total: usize, counter: &Counter) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), drawing::target());
    // The counts and steps are looked at whenever the bar is drawn, so their times go on.
    let part = |text: fn(&Counter) -> String, before: usize| {
        let counter = counter.clone();
        move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A line that breaks would be left behind.
            let room = drawing::columns().saturating_sub(before);
            let screen = Surroundings::of_stderr().screen(When::Auto);
            let _ = out.write_str(&cut(&text(&counter), room, &screen));
        }
    };
    let verdicts = part(|counter| counter.state().verdicts(), BEFORE_VERDICTS);
    let now = part(|counter| counter.state().now(), 2);
    let style = style("{spinner} {pos}/{len} [{bar:16}] {elapsed} {verdicts}\n  {now}");
    bar.set_style(style.with_key("verdicts", verdicts).with_key("now", now));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// True where progress is drawn over and over in place, which only a terminal with cursor
/// movements can show.
pub(super) fn draws(mode: ProgressMode) -> bool {
    let stderr = Surroundings::of_stderr();
    match mode {
        ProgressMode::Auto | ProgressMode::Bar => stderr.terminal && stderr.term != "dumb",
        ProgressMode::Plain | ProgressMode::None => false,
    }
}

/// A template in the signs that the locale has.
pub(super) fn style(template: &str) -> ProgressStyle {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    match Surroundings::of_stderr().screen(When::Auto).unicode {
        true => style,
        false => style.tick_chars("|/-\\ ").progress_chars("=> "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::row;

    #[test]
    fn a_counter_has_the_verdicts_and_what_runs() {
        let progress = Progress::new(ProgressMode::None, 3, false);
        progress.step("drivers/a", Stage::Image, "reading layers");
        progress.step("drivers/b", Stage::Image, "asking\u{1b}[2J the registry");
        let line = progress.counter.state().line();
        assert_eq!(
            line,
            "0/3 checked: drivers/a: reading layers (0s) and 1 more"
        );
        progress.decided(&row("a", "5.14.0", Vec::new()));
        let line = progress.counter.state().line();
        assert_eq!(
            line,
            "1/3 checked: 1 verified; drivers/b: asking\\u{1b}[2J the registry (0s)"
        );
        progress.finish();
        assert_eq!(progress.counter.state().line(), "1/3 checked: 1 verified");
    }
}
