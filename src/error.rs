//! Why a command could not run, what to do next, and the exit codes.
//!
//! What a check *saw* is a [`Finding`](crate::findings::finding::Finding), never an error of
//! this module: only missing or unusable inputs abort a command.

use std::path::PathBuf;

use crate::model::printable::printable;
use crate::model::verdict::Verdict;

/// Every module is verified or accepted, or the command did what it was asked.
pub const EXIT_VERIFIED: u8 = 0;
/// At least one module failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// The command line, or an input that it names, cannot be used.
pub const EXIT_USAGE: u8 = 2;
/// No failure seen, but an error, an unknown, a timeout, or modules still in progress.
pub const EXIT_UNDECIDED: u8 = 3;
/// Nothing to check; never a silent pass.
pub(crate) const EXIT_NOTHING: u8 = 4;
/// Interrupted by a signal.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// The exit-code table as `--help` and the README print it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    every module is verified or accepted
  1    at least one module failed
  2    usage error
  3    undecided: no failure seen, but an error, an unknown, a timeout,
       or still in progress
  4    nothing to check (no Module, no such CR)
  130  interrupted";

/// The exit code of a report: that of its overall verdict, and never a pass when empty.
pub(crate) fn exit_code_of(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Verified | Verdict::Accepted) => EXIT_VERIFIED,
        Some(Verdict::Failed) => EXIT_FAILED,
        Some(Verdict::Error | Verdict::InProgress | Verdict::Unknown) => EXIT_UNDECIDED,
        None => EXIT_NOTHING,
    }
}

/// Why a command could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments contradict each other or lack something.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to type instead.
        hint: String,
    },
    /// An input file, folder, URL or document cannot be used.
    #[error("{message}")]
    Input {
        /// What is wrong, with file, document and line where there is one.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A URL that `-f` names could not be asked.
    #[error("{message}")]
    Unfetched {
        /// What was seen.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A file of this program's own (cache, completion script) cannot be written.
    #[error("writing {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
        /// What to do.
        hint: String,
    },
    /// An image that the command itself is about (`inspect`, `kernel`) cannot be read.
    #[error("{message}")]
    Image {
        /// What was seen.
        message: String,
        /// What to do.
        hint: String,
        /// True when the answer of the registry was final (no such image), false when
        /// it could not be asked.
        looked: bool,
    },
    /// The cluster cannot be reached or used.
    #[error("{message}")]
    Cluster {
        /// What was tried and what the server said.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The user ended the command before it had anything to say.
    #[error("interrupted")]
    Interrupted,
    /// There is nothing to check.
    #[error("{message}")]
    Nothing {
        /// What was looked for, and where.
        message: String,
        /// What to do.
        hint: String,
    },
}

impl Error {
    /// The next step for the user.
    pub fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. }
            | Self::Input { hint, .. }
            | Self::Unfetched { hint, .. }
            | Self::Write { hint, .. }
            | Self::Image { hint, .. }
            | Self::Cluster { hint, .. }
            | Self::Nothing { hint, .. } => hint,
            Self::Interrupted => "",
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::Input { .. } => EXIT_USAGE,
            Self::Image { looked: true, .. } => EXIT_FAILED,
            Self::Unfetched { .. }
            | Self::Write { .. }
            | Self::Image { looked: false, .. }
            | Self::Cluster { .. } => EXIT_UNDECIDED,
            Self::Nothing { .. } => EXIT_NOTHING,
            Self::Interrupted => EXIT_INTERRUPTED,
        }
    }

    /// The error as stderr shows it: `error:`, the chain of `caused by:`, `hint:`.
    pub fn render(&self) -> String {
        let mut text = message("error", &self.to_string());
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&message("caused by", &error.to_string()));
            cause = error.source();
        }
        if !self.hint().is_empty() {
            text.push_str(&message("hint", self.hint()));
        }
        text
    }
}

/// A message for stderr. Further lines of a text are indented: at the beginning of a line
/// stand only words of this program.
pub(crate) fn message(kind: &str, text: &str) -> String {
    let text = printable(text.trim_end());
    format!("{kind}: {}\n", text.replace('\n', "\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_its_exit_code() {
        for (verdict, code) in [
            (Some(Verdict::Verified), 0),
            (Some(Verdict::Accepted), 0),
            (Some(Verdict::Failed), 1),
            (Some(Verdict::Error), 3),
            (Some(Verdict::InProgress), 3),
            (Some(Verdict::Unknown), 3),
            (None, 4),
        ] {
            assert_eq!(exit_code_of(verdict), code, "{verdict:?}");
        }
    }

    #[test]
    fn an_error_shows_its_cause_and_the_next_step() {
        let error = Error::Write {
            path: "cache".into(),
            source: std::io::Error::other("read-only"),
            hint: "name another folder with --cache-dir".into(),
        };
        assert_eq!(
            error.render(),
            "error: writing cache\ncaused by: read-only\nhint: name another folder with --cache-dir\n"
        );
    }
}
