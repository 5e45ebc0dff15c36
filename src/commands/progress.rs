//! Progress of a local run on stderr: a bar on a terminal, a line a decided module elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::ProgressMode;
use crate::model::report::ModuleReport;

/// How a run shows what it does.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    matrix: bool,
}

impl Progress {
    /// Progress over `total` checks; with `matrix` a line names the kernel too. `auto` draws a
    /// bar on a terminal that is not dumb.
    pub fn new(mode: ProgressMode, total: usize, matrix: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let bar = match mode {
            ProgressMode::Auto => std::io::stderr().is_terminal() && !dumb,
            ProgressMode::Bar => true,
            ProgressMode::Plain | ProgressMode::None => false,
        };
        let bar = bar.then(|| {
            let target = ProgressDrawTarget::stderr_with_hz(8);
            let bar = ProgressBar::with_draw_target(Some(total as u64), target);
            bar.set_style(
                ProgressStyle::with_template(
                    "{spinner} {pos}/{len} [{bar:24}] {elapsed} {wide_msg}",
                )
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            lines: bar.is_none() && mode != ProgressMode::None,
            bar,
            matrix,
        }
    }

    /// A module's check has begun another step.
    pub fn step(&self, module: &str, step: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{module}: {step}"));
        }
    }

    /// A module is decided.
    pub fn decided(&self, row: &ModuleReport) {
        let mut line = format!("{}/{}", row.namespace, row.name);
        if self.matrix {
            line.push_str(&format!(" on {}", row.kernel_version));
        }
        line.push_str(&format!(": {}", row.verdict.as_str()));
        if let Some(took) = row.duration {
            line.push_str(&format!(" ({:.1}s)", took.as_secs_f64()));
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(line);
        } else if self.lines {
            // Nobody left to read it is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
