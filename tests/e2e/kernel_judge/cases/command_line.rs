//! What the Module's own words do to `modprobe`: parameters and raw arguments.

use super::super::case::Case;
use super::super::forge::Forge;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let folder = forge.with(&["kmm_good", "kmm_base"]).depmod();
    let case = |name: &str| forge.case(name, "kmm_good", &folder);
    let parameters =
        |name: &str, words: &[&str]| case(&format!("parameter-{name}")).parameters(words);
    let raw = |name: &str, words: &[&str]| case(&format!("raw-{name}")).raw(words);
    let args = |name: &str, words: &[&str]| case(&format!("args-{name}")).args(words);
    vec![
        parameters("good", &["answer=7", "loud=1", "label=abc", "steps=1,2,3"]),
        parameters("not-a-number", &["answer=abc"]),
        parameters("out-of-range", &["answer=99999999999"]),
        parameters("too-long", &[&format!("label={}", "x".repeat(1025))]),
        parameters("hexadecimal", &["answer=0x2a"]),
        parameters("without-value", &["answer"]),
        parameters("bool-without-value", &["loud"]),
        parameters("bool-bad", &["loud=maybe"]),
        parameters("array-too-long", &["steps=1,2,3,4"]),
        parameters("unknown", &["nothing=1"]),
        parameters("dash-in-name", &["an-swer=1"]),
        raw("plain", &["-vd", "/tmp/opt", "kmm_good"]),
        raw(
            "long-option",
            &["--dirname=/tmp/opt", "--first-time", "kmm_good"],
        ),
        raw("option-joined", &["-d/tmp/opt", "kmm_good"]),
        raw("options-behind-name", &["kmm_good", "-d", "/tmp/opt"]),
        raw("image-path", &["-d", "/opt", "kmm_good"]),
        raw("no-dirname", &["kmm_good"]),
        raw("all", &["-d", "/tmp/opt", "-a", "kmm_good", "kmm_base"]),
        raw(
            "all-one-unknown",
            &["-d", "/tmp/opt", "-a", "kmm_good", "kmm_absent"],
        ),
        raw(
            "two-names-second-is-parameter",
            &["-d", "/tmp/opt", "kmm_good", "kmm_base"],
        ),
        raw("parameter", &["-d", "/tmp/opt", "kmm_good", "answer=3"]),
        raw("bad-parameter", &["-d", "/tmp/opt", "kmm_good", "answer=x"]),
        raw(
            "unknown-option",
            &["-d", "/tmp/opt", "--no-such-option", "kmm_good"],
        ),
        raw(
            "other-release",
            &["-d", "/tmp/opt", "-S", "1.2.3", "kmm_good"],
        ),
        raw(
            "this-release",
            &["-d", "/tmp/opt", "-S", &forge.kernel.release, "kmm_good"],
        ),
        raw("ignore-install", &["-i", "-d", "/tmp/opt", "kmm_good"]),
        raw("quiet-unknown", &["-q", "-d", "/tmp/opt", "kmm_absent"]),
        raw("unknown-name", &["-d", "/tmp/opt", "kmm_absent"]),
        raw(
            "file-path",
            &[
                "-d",
                "/tmp/opt",
                &format!(
                    "/tmp/opt/lib/modules/{}/extra/kmm_good.ko",
                    forge.kernel.release
                ),
            ],
        ),
        raw(
            "config-folder",
            &["-d", "/tmp/opt", "-C", "/nowhere", "kmm_good"],
        ),
        raw("use-blacklist", &["-b", "-d", "/tmp/opt", "kmm_good"]),
        parameters("string-with-space", &["label=a b"]),
        parameters("string-in-quotes", &["label=\"a b\""]),
        parameters("string-empty", &["label="]),
        parameters("negative", &["answer=-1"]),
        parameters("octal", &["answer=012"]),
        parameters("octal-bad", &["answer=09"]),
        parameters("plus-sign", &["answer=+7"]),
        parameters("space-behind", &["answer=7 "]),
        parameters("twice", &["answer=1", "answer=x"]),
        parameters("array-empty", &["steps="]),
        parameters("array-with-gap", &["steps=1,,2"]),
        parameters("bool-capital", &["loud=Y"]),
        parameters("bool-word", &["loud=yes"]),
        parameters("two-dashes", &["--", "answer=x"]),
        raw("long-name-cut", &["--dirn", "/tmp/opt", "kmm_good"]),
        raw("dirname-with-slash", &["-d", "/tmp/opt/", "kmm_good"]),
        raw(
            "dirname-with-dots",
            &["-d", "/tmp/opt/../opt/.", "kmm_good"],
        ),
        raw("dirname-relative", &["-d", "tmp/opt", "kmm_good"]),
        raw("empty-word", &["-d", "/tmp/opt", "", "kmm_good"]),
        args("first-time", &["--first-time"]),
        args("forced", &["-f"]),
        args("syslog", &["-s"]),
        args("unknown-option", &["--no-such-option"]),
        args("use-blacklist", &["-b"]),
    ]
}
