//! Progress of a command that waits, on stderr: a table that is drawn again on a terminal,
//! a line a change elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::ProgressMode;
use crate::model::report::{ModuleReport, Report};

/// How a waiting command shows what it sees.
#[derive(Debug)]
pub struct Live {
    bar: Option<ProgressBar>,
    lines: bool,
    said: HashMap<(Option<String>, String, String), String>,
}

impl Live {
    /// Progress in the mode that the user chose; `auto` draws on a terminal.
    pub fn new(mode: ProgressMode) -> Self {
        let draws = match mode {
            ProgressMode::Auto => std::io::stderr().is_terminal(),
            ProgressMode::Bar => true,
            ProgressMode::Plain | ProgressMode::None => false,
        };
        let bar = draws.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(
                ProgressStyle::with_template("{msg}\n{spinner} {elapsed}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            lines: bar.is_none() && mode != ProgressMode::None,
            bar,
            said: HashMap::new(),
        }
    }

    /// Shows the state: the table that `table` renders, or the rows that changed.
    pub fn show(&mut self, report: &Report, table: impl FnOnce(&Report) -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(table(report).trim_end().to_owned());
            return;
        }
        if !self.lines {
            return;
        }
        for module in &report.modules {
            let line = line(module);
            let key = (
                module.preflight.clone(),
                module.namespace.clone(),
                module.name.clone(),
            );
            if self.said.get(&key) != Some(&line) {
                self.print(&line);
                self.said.insert(key, line);
            }
        }
    }

    /// Says something that is no state, above the table.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.print(text),
        }
    }

    /// Takes the table away, so that the result can be printed in its place.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn print(&self, text: &str) {
        // Whoever does not read stderr misses the progress and nothing else.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// A row in one line: who, what, why. The time of KMM's last pass is no part of it, for it
/// changes without any change.
fn line(module: &ModuleReport) -> String {
    let mut name = module.name.clone();
    if !module.namespace.is_empty() {
        name = format!("{}/{name}", module.namespace);
    }
    let why = module
        .findings
        .first()
        .map_or(module.status_reason.as_str(), |finding| {
            finding.message.as_str()
        });
    let mut line = format!("{name}: {}", module.verdict.as_str());
    if !module.verification_stage.is_empty() {
        line.push_str(&format!(" ({})", module.verification_stage));
    }
    if !why.is_empty() {
        line.push_str(&format!(": {why}"));
    }
    line
}
