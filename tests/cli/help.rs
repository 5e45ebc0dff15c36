//! `--help` of every command, as it was looked at and agreed to.

use super::preflight::Preflight;

#[test]
fn help_is_the_one_that_was_agreed_to() {
    for command in [
        "", "run", "status", "generate", "delete", "explain", "kernel", "inspect", "version",
    ] {
        let words: Vec<&str> = [command, "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let ended = Preflight::new(words).env("COLUMNS", "100").run().code(0);
        assert!(ended.stderr.is_empty());
        insta::assert_snapshot!(format!("help_{command}"), ended.stdout);
    }
}
