//! What help shows: `-h` the flags that most calls need, `--help` all of them.

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects, Style};
use clap::{Command, CommandFactory};

use crate::cli::Cli;

/// The flags of `-h`; kubectl's connection flags and the rare ones are in `--help`.
const SHORT: &[&str] = &[
    "accept",
    "cleanup",
    "codes",
    "files",
    "image",
    "in_cluster",
    "kernel_dir",
    "kernel_version",
    "kmm_version",
    "list",
    "local",
    "name",
    "names",
    "namespace",
    "oci_layout",
    "output",
    "quiet",
    "rbac",
    "release_image",
    "timeout",
    "to",
    "verified",
    "watch",
    "what",
];

/// A group of rare flags, of which `-h` shows none.
const RARE: &str = "Build and Sign (--local)";

/// The end of every command's help.
const END: &str = "\
Exit codes: 0 verified or accepted, 1 failed, 2 usage error, 3 undecided,
4 nothing to check, 130 interrupted. All flags and examples: --help
https://github.com/kmm-preflight/kubectl-kmm-preflight";

/// The command line, as it is parsed and as help shows it.
pub fn command() -> Command {
    let mut command = Cli::command().styles(styles()).mut_args(fold);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|one| one.get_name().to_owned())
        .collect();
    for name in names {
        command = command.mut_subcommand(name, |one| {
            let long = match one.get_after_help() {
                Some(examples) => format!("{examples}\n\n{END}"),
                None => END.to_owned(),
            };
            one.mut_args(fold).after_help(END).after_long_help(long)
        });
    }
    command
}

/// For `-h` the first part of a flag's text, where it is shown at all.
fn fold(arg: clap::Arg) -> clap::Arg {
    let is_rare = arg.get_help_heading() == Some(RARE);
    let is_shown = SHORT.contains(&arg.get_id().as_str()) && !is_rare;
    let full = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let ends = [" (", "; ", ": ", ", such"];
    let first = ends.iter().filter_map(|end| full.find(end)).min();
    let short = full[..first.unwrap_or(full.len())].to_owned();
    let arg = arg.hide_short_help(!is_shown);
    match short == full || arg.get_long_help().is_some() {
        true => arg,
        false => arg.help(short).long_help(full),
    }
}

/// Bold instead of colours that a light or a dark terminal does not show; red for errors.
fn styles() -> Styles {
    let bold = Style::new().effects(Effects::BOLD);
    Styles::styled()
        .valid(bold)
        .invalid(bold)
        .error(AnsiColor::Red.on_default().effects(Effects::BOLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_help_fits_a_screen_and_ends_with_exit_codes_and_address() {
        let mut root = command();
        root.build();
        let names: Vec<String> = root
            .get_subcommands()
            .map(|one| one.get_name().to_owned())
            .collect();
        for name in names {
            let one = root.find_subcommand_mut(&name).expect("a command");
            for width in [80, 100] {
                let mut one = one.clone().term_width(width);
                let help = one.render_help().to_string();
                let lines = help.lines().count();
                assert!(lines <= 45, "{name} at {width}: {lines}\n{help}");
                assert!(help.contains("130 interrupted"), "{help}");
                assert!(help.contains("https://"), "{help}");
                assert!(!help.contains("--client-key"), "{help}");
                let long = one.render_long_help().to_string();
                assert!(long.contains("130 interrupted"), "{long}");
            }
        }
    }
}
