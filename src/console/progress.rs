//! Progress of a local run on stderr: a bar on a terminal, a counter elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::cli::output::{ProgressMode, When};
use crate::cli::screen::Surroundings;
use crate::console::{drawing, say};
use crate::model::printable::printable_line;
use crate::model::report::ModuleReport;
use crate::model::verdict::{Stage, Verdict};

/// How often a counter is written where nothing is drawn.
const INTERVAL: Duration = Duration::from_secs(5);

/// The columns of a bar before what runs now.
const BEFORE_NOW: usize = 42;

/// How a run shows what it does.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    matrix: bool,
    shared: Arc<Shared>,
}

/// What is known of the run, and the end of it.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    total: usize,
    counts: BTreeMap<Verdict, usize>,
    /// What runs now: since when, and its step.
    running: BTreeMap<String, (Instant, String)>,
    has_ended: bool,
}

impl State {
    fn decided(&self) -> usize {
        self.counts.values().sum()
    }

    /// `12/60 checked: 10 verified, 2 failed; drivers/a: reading layers (4s) and 7 more`
    fn line(&self) -> String {
        let mut line = format!("{}/{} checked", self.decided(), self.total);
        let rest = self.rest();
        if !rest.is_empty() {
            line.push_str(&format!(": {rest}"));
        }
        line
    }

    /// The counts by verdict, and what has run for longest.
    fn rest(&self) -> String {
        let counts = Verdict::ALL
            .into_iter()
            .filter_map(|verdict| Some(format!("{} {verdict}", self.counts.get(&verdict)?)));
        let mut parts = vec![counts.collect::<Vec<_>>().join(", ")];
        if let Some((name, (since, step))) = self.running.iter().min_by_key(|(_, one)| one.0) {
            let mut now = format!("{name}: {step} ({}s)", since.elapsed().as_secs());
            if self.running.len() > 1 {
                now.push_str(&format!(" and {} more", self.running.len() - 1));
            }
            parts.push(now);
        }
        parts.retain(|part| !part.is_empty());
        parts.join("; ")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a counter now and then, until the run has ended.
    fn count(&self) {
        let mut state = self.state();
        loop {
            let waited = self.ended.wait_timeout(state, INTERVAL);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.has_ended {
                return;
            }
            say(&state.line());
        }
    }
}

impl Progress {
    /// Progress over `total` checks; with `matrix` a line names the kernel too.
    pub(crate) fn new(mode: ProgressMode, total: usize, matrix: bool) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().total = total;
        let bar = draws(mode).then(|| bar(total, &shared));
        let lines = bar.is_none() && mode != ProgressMode::None;
        if lines {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.count());
        }
        Self {
            bar,
            lines,
            matrix,
            shared,
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
        let mut state = self.shared.state();
        let running = state.running.entry(name.to_owned());
        running.or_insert_with(|| (Instant::now(), String::new())).1 = step;
    }

    /// A module is decided.
    pub(crate) fn decided(&self, row: &ModuleReport) {
        let name = self.name(&row.namespace, &row.name, &row.kernel_version);
        let mut state = self.shared.state();
        state.running.remove(&name);
        *state.counts.entry(row.verdict).or_default() += 1;
        drop(state);
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Takes the bar off the screen, or writes the last counter.
    pub(crate) fn finish(&self) {
        let mut state = self.shared.state();
        state.has_ended = true;
        state.running.clear();
        let line = state.line();
        drop(state);
        self.shared.ended.notify_all();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        } else if self.lines {
            say(&line);
        }
    }
}

/// A bar over all checks, with what runs now.
fn bar(total: usize, shared: &Arc<Shared>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), drawing::target());
    let shared = Arc::clone(shared);
    let now = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let text = shared.state().rest();
        // A line that breaks would be left behind.
        let room = drawing::columns().saturating_sub(BEFORE_NOW);
        let text: String = text.chars().take(room).collect();
        let _ = out.write_str(&text);
    };
    // The counts and steps are looked at whenever the bar is drawn, so their times go on.
    bar.set_style(style("{spinner} {pos}/{len} [{bar:16}] {elapsed} {now}").with_key("now", now));
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
        let line = progress.shared.state().line();
        assert_eq!(
            line,
            "0/3 checked: drivers/a: reading layers (0s) and 1 more"
        );
        progress.decided(&row("a", "5.14.0", Vec::new()));
        let line = progress.shared.state().line();
        assert_eq!(
            line,
            "1/3 checked: 1 verified; drivers/b: asking\\u{1b}[2J the registry (0s)"
        );
        progress.finish();
        assert_eq!(progress.shared.state().line(), "1/3 checked: 1 verified");
    }
}
