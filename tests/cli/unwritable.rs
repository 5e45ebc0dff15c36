//! Folders that cannot be written to, and rules that cannot all be understood.

use std::fs;

use super::preflight::Preflight;

fn examples() -> Preflight {
    Preflight::new(["run", "--local", "-f", "examples/modules.yaml", "-ojson"])
        .arg("--oci-layout=examples/images")
        .arg("--kernel-dir=examples/kernel")
        .arg("--kernel-version=6.1.0-56-amd64")
        .arg("--progress=none")
}

/// A file stands where folders would be made: nobody can write there, not even root.
#[test]
fn an_unwritable_cache_folder_changes_no_answer() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let below = file.path().join("cache");
    let verdicts = |call: Preflight| {
        let report = call.run().code(1).json();
        let modules = report["modules"].as_array().expect("modules").clone();
        modules
            .iter()
            .map(|module| module["verdict"].to_string())
            .collect::<Vec<_>>()
    };
    let expected = verdicts(examples());
    assert_eq!(
        verdicts(examples().arg("--cache-dir").arg(&below)),
        expected
    );
    assert_eq!(verdicts(examples().env("XDG_CACHE_HOME", &below)), expected);
}

#[test]
fn an_unwritable_completion_folder_is_named_with_what_to_do() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let below = file.path().join("bin");
    let call = Preflight::new(["completion", "install", "--dir"]).arg(&below);
    let ended = call.run();
    assert!(matches!(ended.code, Some(2 | 3)), "{ended:?}");
    assert!(ended.stdout.is_empty());
    for word in [
        &*below.to_string_lossy(),
        "error:",
        "caused by:",
        "hint:",
        "--dir",
    ] {
        assert!(ended.stderr.contains(word), "no {word}: {}", ended.stderr);
    }
}

#[test]
fn an_unknown_key_in_registries_conf_is_remarked_on_and_passed_over() {
    let call = examples();
    let file = call.home().join("registries.conf");
    fs::write(
        &file,
        "colour = 1\nunqualified-search-registries = ['a.io']\n",
    )
    .expect("a file");
    let ended = call.arg("--registries-conf").arg(&file).run().code(1);
    assert!(
        ended.stderr.contains("unknown key `colour`"),
        "{}",
        ended.stderr
    );
    let broken = examples();
    fs::write(broken.home().join("bad.conf"), "[[registry]\n").expect("a file");
    let bad = broken.home().join("bad.conf");
    let ended = broken.arg("--registries-conf").arg(bad).run().code(2);
    for word in ["bad.conf", "line 1", "hint:"] {
        assert!(ended.stderr.contains(word), "no {word}: {}", ended.stderr);
    }
}

/// A report that did not arrive is no report: a script must not take it for a pass.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let ended = Preflight::new(["explain", "image-not-found"])
        .command()
        .stdout(full.expect("the device that is always full"))
        .output()
        .expect("the binary starts");
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(3), "{stderr}");
    for word in ["error:", "stdout", "hint:"] {
        assert!(stderr.contains(word), "no {word}: {stderr}");
    }
}
