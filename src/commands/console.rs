//! What a cluster command needs of the process around it: how to print, and when to end.

use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

use crate::cli::output::{Format, ProgressMode};
use crate::commands::Done;
use crate::model::report::Report;

/// The process around a command.
pub struct Console<'a> {
    /// The format of the result.
    pub format: Format,
    /// How progress is shown.
    pub progress: ProgressMode,
    /// Renders a report.
    pub render: &'a (dyn Fn(&Report, Format) -> String + Sync),
    /// Applies `--accept` to a report.
    pub accept: &'a (dyn Fn(&mut Report) + Sync),
    /// The user's wish to end.
    pub interrupt: CancellationToken,
    /// True while the command undoes what it did, for which an interruption waits.
    pub hold: AtomicBool,
}

impl std::fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// The report as the command's result; its notes and `warnings` go to stderr.
    pub fn done(&self, mut report: Report, warnings: &[String], exit_code: u8) -> Done {
        (self.accept)(&mut report);
        let mut stderr = String::new();
        for warning in warnings {
            stderr.push_str(&format!("warning: {warning}\n"));
        }
        for note in &report.notes {
            stderr.push_str(&format!("note: {note}\n"));
        }
        Done {
            stdout: (self.render)(&report, self.format),
            stderr,
            exit_code,
        }
    }

    /// Says something on stderr while the command runs; nobody left to read it is no fault.
    pub fn say(&self, text: &str) {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }

    /// The table of a report, for progress.
    pub fn table(&self, report: &Report) -> String {
        (self.render)(report, Format::Table)
    }
}
