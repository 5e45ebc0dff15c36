//! What may stand at the end of a command line: candidates for completion (pure).

use clap::{Arg, Command};

use crate::findings::finding::Code;

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The whole word.
    pub word: String,
    /// What it means; empty where it says that itself.
    pub about: String,
}

/// Values that only a cluster or a kubeconfig knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Live {
    /// Names of preflight CRs.
    Preflights,
    /// Namespaces.
    Namespaces,
    /// Contexts of the kubeconfig.
    Contexts,
    /// Releases that the cluster can be updated to.
    Updates,
    /// MachineConfigPools.
    Pools,
    /// Operating system streams of the cluster's release.
    OsStreams,
}

/// What completes a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Completion {
    /// One of these.
    Words(Vec<Candidate>),
    /// A live value, behind what is there already (`--context=`).
    Values(Live, String),
    /// A file or folder: the shell knows best.
    Files,
}

/// What completes the last of some words, which may be empty. The words follow the plugin's
/// name, and may begin with `preflight`.
pub(crate) fn complete(root: &mut Command, words: &[String]) -> Completion {
    root.build();
    let words = match words {
        [only] if "preflight".starts_with(only.as_str()) && !only.is_empty() => {
            return Completion::Words(vec![candidate(
                "preflight",
                "validate Modules before an upgrade",
            )]);
        }
        [first, rest @ ..] if first == "preflight" && !rest.is_empty() => rest,
        words => words,
    };
    let Some((last, before)) = words.split_last() else {
        return Completion::Words(Vec::new());
    };
    let cursor = Cursor::after(root, before);
    if let Some(arg) = cursor.open {
        return values(arg, "", last);
    }
    if let Some((name, _)) = last
        .strip_prefix("--")
        .and_then(|word| word.split_once('='))
    {
        return match by_long(cursor.command, name) {
            Some(arg) => values(arg, &format!("--{name}="), last),
            None => Completion::Words(Vec::new()),
        };
    }
    if last.starts_with('-') {
        return Completion::Words(options(cursor.command, last));
    }
    let mut words: Vec<Candidate> = cursor
        .command
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name().starts_with(last.as_str()))
        .map(|command| candidate(command.get_name(), &first_line(command.get_about())))
        .collect();
    let positionals: Vec<&Arg> = cursor.command.get_positionals().collect();
    let at = cursor.positionals.min(positionals.len().saturating_sub(1));
    let positional = positionals
        .get(at)
        .filter(|arg| cursor.positionals < positionals.len() || takes_many(arg));
    match positional.map(|arg| values(arg, "", last)) {
        Some(Completion::Words(more)) => {
            words.extend(more);
            Completion::Words(words)
        }
        Some(other) if words.is_empty() => other,
        _ => Completion::Words(words),
    }
}

/// Where a command line stands.
struct Cursor<'a> {
    command: &'a Command,
    /// The option whose value comes next.
    open: Option<&'a Arg>,
    positionals: usize,
}

impl<'a> Cursor<'a> {
    fn after(root: &'a Command, words: &[String]) -> Self {
        let mut cursor = Self {
            command: root,
            open: None,
            positionals: 0,
        };
        for word in words {
            if cursor.open.take().is_some() {
                continue;
            }
            if let Some(name) = word.strip_prefix("--") {
                cursor.open = by_long(cursor.command, name).filter(|arg| takes_a_value(arg));
            } else if let Some(letters) = word.strip_prefix('-').filter(|word| !word.is_empty()) {
                cursor.open = letters
                    .chars()
                    .next()
                    .and_then(|letter| by_short(cursor.command, letter))
                    .filter(|arg| takes_a_value(arg) && letters.chars().count() == 1);
            } else if let Some(command) = cursor.command.find_subcommand(word) {
                cursor.command = command;
                cursor.positionals = 0;
            } else {
                cursor.positionals += 1;
            }
        }
        cursor
    }
}

fn by_long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(name))
}

fn by_short(command: &Command, letter: char) -> Option<&Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_short() == Some(letter))
}

fn takes_a_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|range| range.max_values() > 1)
}

fn options(command: &Command, start: &str) -> Vec<Candidate> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(|arg| {
            let word = format!("--{}", arg.get_long()?);
            word.starts_with(start)
                .then(|| candidate(&word, &first_line(arg.get_help())))
        })
        .collect()
}

/// The values of an option or positional, each behind `before`.
fn values(arg: &Arg, before: &str, word: &str) -> Completion {
    let start = &word[before.len().min(word.len())..];
    let fitting = |words: Vec<(String, String)>| {
        Completion::Words(
            words
                .into_iter()
                .filter(|(value, _)| value.starts_with(start))
                .map(|(value, about)| candidate(&format!("{before}{value}"), &about))
                .collect(),
        )
    };
    let possible: Vec<(String, String)> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| (value.get_name().to_owned(), first_line(value.get_help())))
        .collect();
    if !possible.is_empty() {
        return fitting(possible);
    }
    match arg.get_id().as_str() {
        "name" | "names" => Completion::Values(Live::Preflights, before.to_owned()),
        "namespace" => Completion::Values(Live::Namespaces, before.to_owned()),
        "context" => Completion::Values(Live::Contexts, before.to_owned()),
        "to" => Completion::Values(Live::Updates, before.to_owned()),
        "codes" | "accept" => fitting(
            Code::ALL
                .iter()
                .map(|code| (code.as_str().to_owned(), String::new()))
                .collect(),
        ),
        "kmm_version" => fitting(
            crate::kmm::releases::KmmRelease::all()
                .map(|release| (release, String::new()))
                .collect(),
        ),
        "stages" => fitting(known(&["image", "build", "sign", "image,build,sign"])),
        "kernel_type" => fitting(known(&["default", "realtime", "64k-pages"])),
        "os_stream" => Completion::Values(Live::OsStreams, before.to_owned()),
        "pool" => Completion::Values(Live::Pools, before.to_owned()),
        "arch" => fitting(
            crate::model::target::Arch::ALL
                .map(|arch| (arch.as_str().to_owned(), String::new()))
                .into(),
        ),
        _ if is_path(arg) => Completion::Files,
        _ => Completion::Words(Vec::new()),
    }
}

fn known(words: &[&str]) -> Vec<(String, String)> {
    let words = words.iter();
    words
        .map(|word| ((*word).to_owned(), String::new()))
        .collect()
}

fn is_path(arg: &Arg) -> bool {
    arg.get_value_names().is_some_and(|names| {
        names
            .iter()
            .any(|name| name.contains("FILE") || name.contains("DIR"))
    })
}

fn first_line(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn candidate(word: &str, about: &str) -> Candidate {
    Candidate {
        word: word.to_owned(),
        about: about.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn completed(line: &str) -> Completion {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        complete(&mut Cli::command(), &words)
    }

    fn words(line: &str) -> Vec<String> {
        match completed(line) {
            Completion::Words(words) => words.into_iter().map(|found| found.word).collect(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn words_are_completed_by_where_they_stand() {
        for (line, expected) in [
            ("pre", &["preflight"][..]),
            ("preflight ver", &["version"]),
            ("ver", &["version"]),
            ("preflight status --wat", &["--watch"]),
            ("preflight status -o js", &["json"]),
            ("preflight status --output js", &["json"]),
            ("preflight status --output=js", &["--output=json"]),
            ("preflight -o json stat", &["status"]),
            ("preflight run --stages sig", &["sign"]),
            ("preflight run --kernel-type real", &["realtime"]),
            ("preflight nonsense --output=x --nothing=y", &[]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
        assert!(words("preflight ").contains(&"run".to_owned()));
        assert!(words("preflight run --").len() > 10);
    }

    #[test]
    fn live_values_and_files_are_told_apart() {
        for (line, expected) in [
            (
                "preflight status ",
                Completion::Values(Live::Preflights, String::new()),
            ),
            (
                "preflight delete a ",
                Completion::Values(Live::Preflights, String::new()),
            ),
            (
                "preflight run -n ",
                Completion::Values(Live::Namespaces, String::new()),
            ),
            (
                "preflight run --context=",
                Completion::Values(Live::Contexts, "--context=".to_owned()),
            ),
            (
                "preflight run --to ",
                Completion::Values(Live::Updates, String::new()),
            ),
            (
                "preflight run --pool=",
                Completion::Values(Live::Pools, "--pool=".to_owned()),
            ),
            (
                "preflight targets --os-stream ",
                Completion::Values(Live::OsStreams, String::new()),
            ),
            ("preflight run --local -f ", Completion::Files),
            ("preflight run --kubeconfig ", Completion::Files),
        ] {
            assert_eq!(completed(line), expected, "{line}");
        }
    }
}
