//! Progress of a local run on stderr: bars on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::output::{ProgressMode, When};
use crate::cli::screen::Surroundings;
use crate::console::{drawing, say};
use crate::model::printable::printable_line;
use crate::model::report::ModuleReport;
use crate::model::verdict::Stage;

/// How a run shows what it does.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: Option<Bars>,
    lines: bool,
    matrix: bool,
}

/// A bar over all checks, and below it a line for each module that is being built or signed.
#[derive(Debug, Clone)]
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    busy: Arc<Mutex<BTreeMap<String, ProgressBar>>>,
}

impl Progress {
    /// Progress over `total` checks; with `matrix` a line names the kernel too.
    pub fn new(mode: ProgressMode, total: usize, matrix: bool) -> Self {
        let bars = draws(mode);
        Self {
            lines: !bars && mode != ProgressMode::None,
            bars: bars.then(|| Bars::new(total)),
            matrix,
        }
    }

    /// What a module's check is called.
    pub fn name(&self, namespace: &str, name: &str, kernel_version: &str) -> String {
        printable_line(match self.matrix {
            true => format!("{namespace}/{name} on {kernel_version}"),
            false => format!("{namespace}/{name}"),
        })
    }

    /// A module's check has begun another step. As a line only the steps of Build and Sign
    /// are told: each of them may take minutes, a look at an image does not.
    pub fn step(&self, name: &str, stage: Stage, step: &str) {
        if let Some(bars) = &self.bars {
            bars.step(name, stage, step);
        } else if self.lines && stage != Stage::Image {
            say(&format!("{name}: {step}"));
        }
    }

    /// A module is decided.
    pub fn decided(&self, row: &ModuleReport) {
        let name = self.name(&row.namespace, &row.name, &row.kernel_version);
        let mut line = format!("{name}: {}", row.verdict.as_str());
        if let Some(took) = row.duration {
            line.push_str(&format!(" ({:.1}s)", took.as_secs_f64()));
        }
        if let Some(bars) = &self.bars {
            bars.decided(&name, line);
        } else if self.lines {
            say(&line);
        }
    }

    /// Takes the bars off the screen.
    pub fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.finish();
        }
    }
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

impl Bars {
    fn new(total: usize) -> Self {
        let all = MultiProgress::with_draw_target(drawing::target());
        let total = all.add(ProgressBar::new(total as u64));
        total.set_style(style(
            "{spinner} {pos}/{len} [{bar:24}] {elapsed} {wide_msg}",
        ));
        total.enable_steady_tick(Duration::from_millis(200));
        Self {
            all,
            total,
            busy: Arc::default(),
        }
    }

    fn step(&self, name: &str, stage: Stage, step: &str) {
        let text = format!("{name}: {}", printable_line(step));
        if stage == Stage::Image {
            self.total.set_message(text);
            return;
        }
        if self.total.message().starts_with(name) {
            self.total.set_message("");
        }
        let mut busy = self.busy();
        let bar = busy.entry(name.to_owned()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new_spinner());
            bar.set_style(style("  {elapsed} {wide_msg}"));
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        bar.set_message(text);
    }

    fn decided(&self, name: &str, line: String) {
        if let Some(bar) = self.busy().remove(name) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
        self.total.inc(1);
        self.total.set_message(line);
    }

    fn finish(&self) {
        for bar in std::mem::take(&mut *self.busy()).values() {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }

    fn busy(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
