//! The commands: each wires the stages together and returns what is to be printed.

pub mod completion;
pub mod version;

use crate::cli::{Cli, Command};
use crate::error::Error;

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

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever keeps the command from running; what its checks saw is in the report.
pub fn run(cli: Cli) -> Result<Done, Error> {
    match cli.command {
        Command::Completion(args) => Ok(completion::run(&args)),
        Command::Version => version::run(cli.output.output),
    }
}
