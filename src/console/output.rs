//! What a cluster command needs of the process around it: how to print, and when to end.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use std::io::Write;

use tokio_util::sync::CancellationToken;

use crate::cli::output::ProgressMode;
use crate::error::{Error, message};
use crate::findings::accept::{self, Accept};
use crate::model::report::Report;
use crate::report::render::shown;
use crate::report::{Format, markdown};

/// What a command leaves to print, and how the process ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
    /// The exit code.
    pub exit_code: u8,
}

impl Done {
    /// Adds warnings to [`Self::stderr`].
    pub fn warn(&mut self, warnings: &[String]) {
        for warning in warnings {
            self.stderr.push_str(&message("warning", warning));
        }
    }

    /// Adds notes to [`Self::stderr`].
    pub fn note<'a>(&mut self, notes: impl IntoIterator<Item = &'a String>) {
        for note in notes {
            self.stderr.push_str(&message("note", note));
        }
    }
}

/// The process around a command.
pub struct Console<'a> {
    /// The format of the result.
    pub format: Format,
    /// How progress is shown.
    pub progress: ProgressMode,
    /// Renders a report for stdout.
    pub render: &'a (dyn Fn(&Report, Format) -> String + Sync),
    /// Renders a report as a table for stderr.
    pub render_progress: &'a (dyn Fn(&Report) -> String + Sync),
    /// `--accept`
    pub accepts: &'a [Accept],
    /// Which configuration files were used: a part of every report.
    pub settings: &'a [String],
    /// Cancelled when the user wants to end.
    pub interrupt: CancellationToken,
    /// True while the command undoes what it did, for which an interruption waits.
    pub hold: Arc<AtomicBool>,
}

impl std::fmt::Debug for Console<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Console<'_> {
    /// The report as the command's result: what the user accepts is marked before `code`
    /// is asked for the exit code. The report's own notes and `warnings` go to stderr; those
    /// about configuration files are printed there for every command.
    pub fn done(
        &self,
        mut report: Report,
        warnings: &[String],
        code: impl FnOnce(&Report) -> u8,
    ) -> Done {
        report.shown_at = Some(jiff::Timestamp::now());
        report.interrupted = self.interrupt.is_cancelled();
        let unused = accept::apply(self.accepts, &mut report);
        let own_notes = report.notes.clone();
        report.notes.splice(0..0, self.settings.iter().cloned());
        let mut done = Done {
            stdout: (self.render)(&report, self.format),
            stderr: String::new(),
            exit_code: code(&report),
        };
        done.warn(warnings);
        let unused = unused.iter();
        let unused =
            unused.map(|accept| format!("{} {accept} matched nothing; remove it", accept.source()));
        done.warn(&unused.collect::<Vec<_>>());
        done.note(&own_notes);
        if self.format == Format::Github
            && let Err(error) = write_step_summary(&report)
        {
            done.warn(&[format!("cannot write the step summary: {error}")]);
        }
        done
    }

    /// The result of a command that found nothing to check, or was interrupted before it had:
    /// the error on stderr, and a report without modules, so that whoever parses the output
    /// gets a document in every case. Other errors stay errors.
    ///
    /// # Errors
    /// Those that are about more than that.
    pub fn or_empty_report(&self, result: Result<Done, Error>) -> Result<Done, Error> {
        match result {
            Err(error @ (Error::Nothing { .. } | Error::Interrupted)) => Ok(Done {
                stdout: (self.render)(&Report::default(), self.format),
                stderr: error.render(),
                exit_code: error.exit_code(),
            }),
            result => result,
        }
    }

    /// The table of a report, for progress.
    pub fn table(&self, mut report: Report) -> String {
        report.shown_at = Some(jiff::Timestamp::now());
        (self.render_progress)(&report)
    }
}

/// Adds the report to the summary of a GitHub Actions step, where one is being written.
fn write_step_summary(report: &Report) -> std::io::Result<()> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)?;
    file.write_all(markdown::render(&shown(report)).as_bytes())
}
