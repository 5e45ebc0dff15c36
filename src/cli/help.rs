//! What help shows: `-h` the flags that most calls need, `--help` all of them.

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects, Style};
use clap::{Arg, Command, CommandFactory};

use crate::cli::{Cli, examples};
use crate::error::EXIT_CODES;

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
const END: &str = concat!(
    "Exit codes: 0 verified or accepted, 1 failed, 2 usage error, 3 undecided,\n",
    "4 nothing to check, 130 interrupted.\n",
    env!("CARGO_PKG_REPOSITORY")
);

/// What `-h` names at its end, where `--help` has a paragraph for each.
const FORMATS: &str = "\
Formats of -o: table, wide, short, json, yaml, name, junit, sarif, github,
markdown, prometheus. All flags: --help";

/// The command line, as it is parsed and as `--help` shows it.
pub fn command() -> Command {
    let mut command = root();
    for name in names(&command) {
        command = command.mut_subcommand(name, |one| {
            let end = format!("{}{END}", own_examples(&one));
            one.mut_args(fold).after_help(end)
        });
    }
    command
}

/// The same as `-h` shows it: the flags that most calls need, in one list.
pub fn short() -> Command {
    let mut command = root().mut_args(flat);
    for name in names(&command) {
        command = command.mut_subcommand(name, |one| {
            let end = format!("{}{FORMATS}\n\n{END}", own_examples(&one));
            one.mut_args(fold).mut_args(flat).after_help(end)
        });
    }
    command
}

fn root() -> Command {
    let end = format!(
        "{}\n\n{EXIT_CODES}\n\n{}",
        examples::ROOT,
        env!("CARGO_PKG_REPOSITORY")
    );
    let command = Cli::command().styles(styles()).mut_args(fold);
    command.after_help(end)
}

fn names(command: &Command) -> Vec<String> {
    let commands = command.get_subcommands();
    commands.map(|one| one.get_name().to_owned()).collect()
}

fn own_examples(command: &Command) -> String {
    let examples = command.get_after_help();
    examples.map_or_else(String::new, |examples| format!("{examples}\n\n"))
}

/// Where a flag's text may be cut: what follows is for `--help`.
const ENDS: [&str; 9] = [
    " (",
    " [",
    "; ",
    ": ",
    ", such",
    ", as ",
    ", and ",
    ", whatever",
    " instead of",
];

/// For `-h` the first part of a flag's text, where it is shown at all.
fn fold(arg: Arg) -> Arg {
    let is_rare = arg.get_help_heading() == Some(RARE);
    let is_shown = SHORT.contains(&arg.get_id().as_str()) && !is_rare;
    let full = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let first = ENDS.iter().filter_map(|end| full.find(end)).min();
    let short = full[..first.unwrap_or(full.len())].to_owned();
    let arg = arg.hide_short_help(!is_shown);
    match short == full || arg.get_long_help().is_some() {
        true => arg,
        false => arg.help(short).long_help(full),
    }
}

/// For `-h` a flag without heading, whose value has a short name, so that its text stands
/// beside it.
fn flat(arg: Arg) -> Arg {
    let arg = arg.help_heading(None::<&str>);
    match arg.get_id().as_str() {
        "accept" => arg.value_name("CODE"),
        "files" => arg.value_name("FILE"),
        "kernel_dir" | "oci_layout" => arg.value_name("DIR"),
        "namespace" => arg.value_name("NAME"),
        "output" => arg.value_name("FORMAT").hide_possible_values(true),
        _ => arg,
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
        let [mut root, mut full] = [short(), command()];
        root.build();
        full.build();
        for name in names(&root) {
            let one = root.find_subcommand_mut(&name).expect("a command");
            for width in [80, 100] {
                let help = one.clone().term_width(width).render_help().to_string();
                let lines = help.lines().count();
                assert!(lines <= 45, "{name} at {width}: {lines}\n{help}");
                assert!(help.contains("130 interrupted"), "{help}");
                assert!(help.contains("https://"), "{help}");
                assert!(!help.contains("--client-key"), "{help}");
                let lines = help.lines().map(|line| line.chars().count());
                assert!(lines.max() <= Some(width), "{name} at {width}:\n{help}");
                let full = full.find_subcommand_mut(&name).expect("a command");
                let long = full.render_long_help().to_string();
                assert!(long.contains("130 interrupted"), "{long}");
                // What can be pasted stands in both.
                for text in [&help, &long] {
                    assert!(text.contains("\n  kubectl kmm preflight "), "{text}");
                }
            }
        }
    }
}
