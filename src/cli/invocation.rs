//! The names under which the binary is called.

use std::ffi::OsString;
use std::path::Path;

/// The words as clap takes them: `help COMMAND` is `COMMAND --help`.
pub fn words(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = without_preflight_word(args);
    if args.get(1).is_some_and(|word| word == "help") {
        args.remove(1);
        args.push("--help".into());
    }
    args
}

/// Takes away the optional leading word `preflight`, which kubectl hands over when krew's
/// link `kubectl-kmm` was found, and which is accepted under every name.
///
/// `args` begins with the program's own name, as `std::env::args_os` gives it.
fn without_preflight_word(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|word| word == "preflight") {
        args.remove(1);
    }
    args
}

/// True when the program was called through a link `kubectl_complete-*`, the name under
/// which kubectl asks plugins for completions.
pub fn is_completion_call(program: &OsString) -> bool {
    Path::new(program)
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("kubectl_complete-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn help_is_a_word_too() {
        for (given, seen) in [
            (&["kubectl-kmm", "help"][..], &["kubectl-kmm", "--help"][..]),
            (
                &["kubectl-kmm", "preflight", "help", "run"],
                &["kubectl-kmm", "run", "--help"],
            ),
            (
                &["kubectl-kmm", "run", "help"],
                &["kubectl-kmm", "run", "help"],
            ),
        ] {
            assert_eq!(super::words(words(given)), words(seen));
        }
    }

    #[test]
    fn the_leading_word_is_optional_under_every_name() {
        for name in [
            "kubectl-kmm",
            "kubectl-kmm-preflight",
            "/x/kubectl-kmm_preflight",
        ] {
            for (given, seen) in [
                (vec![name, "preflight", "run"], vec![name, "run"]),
                (
                    vec![name, "run", "preflight"],
                    vec![name, "run", "preflight"],
                ),
                (vec![name], vec![name]),
            ] {
                assert_eq!(without_preflight_word(words(&given)), words(&seen));
            }
        }
    }

    #[test]
    fn kubectls_completion_name_is_recognised() {
        assert!(is_completion_call(&"/x/kubectl_complete-kmm".into()));
        assert!(!is_completion_call(&"/x/kubectl-kmm".into()));
    }
}
