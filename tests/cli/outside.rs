//! Texts from outside, hostile beside benign, in every format and on every stream.

use std::fs;

use kmm_preflight::for_tests::yaml;
use serde_json::Value;

use super::bad_input::{KERNEL, module};
use super::formats::FORMATS;
use super::preflight::{Ended, Preflight};

const HOSTILE: &str = "reg.test/a\u{1b}[2J\u{9b}31m\u{7}\u{202e}b\u{200f}\r\n::error::pwned\n \t::stop-commands::x\n##[error]pwned";
const BENIGN: &str = "reg.test/a (2J) b:: pwned # [error] x ::1 ##";

/// A Module whose image is this text, which is no image reference.
fn with_image(image: &str) -> String {
    let quoted = Value::from(image).to_string().replace('\u{9b}', "\\u009b");
    module(&format!(
        "kernelMappings: [{{regexp: '.', containerImage: {quoted}}}]"
    ))
}

/// A text of this program may have line breaks, and colours where they were asked for.
#[track_caller]
fn acts_on_nobody(text: &str, own_commands: bool) {
    for c in text.chars() {
        let acts =
            (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202e}' | '\u{200f}');
        assert!(!acts, "{c:?} in {text}");
    }
    assert!(!text.contains("##["), "{text}");
    for line in text.lines() {
        let is_command = line.trim_start().starts_with("::");
        let own = ["::error ", "::warning ", "::notice "];
        let is_own = own_commands && own.iter().any(|own| line.starts_with(own));
        assert!(!is_command || is_own, "{line}");
    }
}

fn run(input: &str, more: &[&str]) -> Ended {
    Preflight::new(["run", "--local", "-f", "-", "--kernel-version", KERNEL])
        .args(more)
        .input(input)
        .run()
}

#[test]
fn no_format_hands_on_what_acts_on_a_terminal_or_a_ci_system() {
    for format in FORMATS {
        let hostile = run(&with_image(HOSTILE), &["-o", format, "-vv"]).code(1);
        acts_on_nobody(&hostile.stdout, format == "github");
        acts_on_nobody(&hostile.stderr, false);
        let benign = run(&with_image(BENIGN), &["-o", format, "-vv"]).code(1);
        acts_on_nobody(&benign.stdout, format == "github");
        let names_images = !matches!(format, "name" | "prometheus");
        let plain = benign
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let says = plain
            .replace("&#58;", ":")
            .replace('\\', "")
            .replace("%3A", ":")
            .contains(BENIGN);
        assert_eq!(says, names_images, "{format}: {}", benign.stdout);
    }
}

#[test]
fn data_holds_the_very_text() {
    let image = |report: Value| report["modules"][0]["image"].clone();
    for text in [HOSTILE, BENIGN] {
        let json = run(&with_image(text), &["-o", "json"]).code(1);
        let yaml = run(&with_image(text), &["-o", "yaml"]).code(1);
        assert_eq!(image(json.json()), text);
        assert_eq!(image(yaml::from_str(&yaml.stdout).expect("YAML")), text);
    }
}

#[test]
fn explain_and_errors_are_as_careful() {
    for format in ["table", "json", "yaml"] {
        let call = [
            "explain",
            "-f",
            "-",
            "--kernel-version",
            KERNEL,
            "-o",
            format,
        ];
        for text in [HOSTILE, BENIGN] {
            let ended = Preflight::new(call).input(with_image(text)).run();
            acts_on_nobody(&ended.stdout, false);
            assert!(ended.stdout.contains("reg.test/a"), "{}", ended.stdout);
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (name, shown) in [("a\n::error::x\u{1b}.yaml", false), ("a b.yaml", true)] {
        let path = folder.path().join(name);
        fs::write(&path, "a: [1").expect("a file");
        let ended = Preflight::new(["run", "--local", "-f"])
            .arg(&path)
            .args(["--kernel-version", KERNEL])
            .run()
            .code(2);
        acts_on_nobody(&ended.stderr, false);
        assert_eq!(ended.stderr.contains(name), shown, "{}", ended.stderr);
        let starts = ["error: ", "hint: ", "  ", "caused by: "];
        for line in ended.stderr.lines() {
            assert!(starts.iter().any(|start| line.starts_with(start)), "{line}");
        }
    }
}
