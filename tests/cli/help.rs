//! Help of every command, as it was looked at and agreed to, and its examples.

use std::path::Path;

use kmm_preflight::for_tests::{examples, help, invocation};

use super::preflight::Preflight;

const COMMANDS: [&str; 10] = [
    "", "run", "status", "generate", "delete", "explain", "kernel", "targets", "inspect", "version",
];

#[test]
fn help_is_the_one_that_was_agreed_to() {
    for command in COMMANDS {
        for (flag, name) in [("--help", "help"), ("-h", "short")] {
            let words: Vec<&str> = [command, flag]
                .into_iter()
                .filter(|word| !word.is_empty())
                .collect();
            let ended = Preflight::new(words).env("COLUMNS", "100").run().code(0);
            assert!(ended.stderr.is_empty());
            insta::assert_snapshot!(format!("{name}_{command}"), ended.stdout);
        }
    }
}

#[test]
fn help_is_a_word_as_well() {
    let word = Preflight::new(["help", "status"]).run().code(0);
    let flag = Preflight::new(["status", "--help"]).run().code(0);
    assert_eq!(word.stdout, flag.stdout);
}

/// The calls of the examples: their words without `kubectl kmm`.
fn calls() -> Vec<Vec<String>> {
    let texts = examples::ALL.map(|text| text.replace("\\\n", " "));
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .filter_map(|line| line.trim().strip_prefix("kubectl kmm "))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_example_can_be_pasted() {
    let mut ran = 0;
    for call in calls() {
        let words = [vec!["kubectl-kmm".to_owned()], call.clone()].concat();
        let words = invocation::words(words.into_iter().map(Into::into));
        help::command()
            .try_get_matches_from(words)
            .unwrap_or_else(|error| panic!("{call:?}: {error}"));
        // The others need a cluster or a registry.
        let is_offline = call.iter().any(|word| {
            word.starts_with("examples/") || ["explain", "generate"].contains(&word.as_str())
        });
        if is_offline {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let preflight = Preflight::new(&call);
            let output = preflight.command().current_dir(root).output();
            let output = output.expect("the binary runs");
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1)), "{call:?}: {output:?}");
            assert!(!output.stdout.is_empty(), "{call:?}");
            ran += 1;
        }
    }
    assert!(ran >= 7, "{ran}");
}

#[test]
fn a_mistyped_command_is_answered_with_the_nearest() {
    for (word, nearest) in [
        ("rnu", "'run'"),
        ("stat", "'status'"),
        ("checks", ""),
        ("targts", "'targets'"),
        ("versoin", "'version'"),
    ] {
        let ended = Preflight::new([word]).run().code(2);
        assert_eq!(
            ended.stderr.contains("similar subcommand"),
            !nearest.is_empty(),
            "{word}: {}",
            ended.stderr
        );
        assert!(ended.stderr.contains(nearest), "{word}: {}", ended.stderr);
    }
}
