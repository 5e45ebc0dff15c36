//! `completion SHELL`.

use clap::CommandFactory;

use crate::cli::{Cli, CompletionArgs};
use crate::commands::Done;

/// The completion script of a shell, for the plugin's own file name.
pub fn run(args: &CompletionArgs) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "kubectl-kmm-preflight",
        &mut script,
    );
    Done {
        stdout: String::from_utf8_lossy(&script).into_owned(),
        ..Done::default()
    }
}
