//! The cache: what is wrong with it costs time and never an answer.

use std::fs;
use std::path::{Path, PathBuf};

use super::preflight::{Ended, Preflight, Running};

fn examples() -> Preflight {
    Preflight::new([
        "run",
        "--local",
        "-f",
        "examples/modules.yaml",
        "-o",
        "json",
    ])
    .args(["--oci-layout=examples/images", "--progress=none"])
    .args([
        "--kernel-dir=examples/kernel",
        "--kernel-version=6.1.0-56-amd64",
    ])
}

fn verdicts(ended: &Ended) -> Vec<String> {
    let report = ended.json();
    let rows = report["modules"].as_array().expect("rows").clone();
    rows.iter()
        .map(|row| format!("{} {}", row["name"], row["verdict"]))
        .collect()
}

const VERDICTS: [&str; 3] = [
    "\"meter\" \"failed\"",
    "\"sensor\" \"failed\"",
    "\"ticker\" \"verified\"",
];

/// Every file of a cache with its content.
fn entries(cache: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let pattern = format!("{}/*/*", cache.display());
    let files = glob::glob(&pattern).expect("a pattern").flatten();
    files
        .map(|file| (file.clone(), fs::read(file).expect("an entry")))
        .collect()
}

#[test]
fn a_cache_that_cannot_be_written_is_told_once_and_done_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "no folder").expect("a file");
    for call in [
        examples().arg("--cache-dir").arg(&file),
        examples().arg("--cache-dir").arg(file.join("below")),
        examples().env("XDG_CACHE_HOME", &file),
        examples().env("HOME", &file),
        examples().arg("--cache-dir=/proc/none"),
    ] {
        let ended = call.run().code(1);
        assert_eq!(verdicts(&ended), VERDICTS);
        let told = ended.stderr.matches("so every run reads every layer");
        assert_eq!(told.count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("--cache-dir"), "{}", ended.stderr);
    }
    for call in [
        examples().arg("--no-cache"),
        examples().env("XDG_CACHE_HOME", "relative").env("HOME", ""),
    ] {
        let ended = call.run().code(1);
        assert_eq!(verdicts(&ended), VERDICTS);
        assert_eq!(ended.stderr, "");
    }
}

/// As on a full disk, each write fails, though files can be made.
#[cfg(unix)]
#[test]
fn a_full_disk_is_done_without() {
    let cache = tempfile::tempdir().expect("a folder");
    let call = examples().arg("--cache-dir").arg(cache.path());
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let mut limited = call.command_of(&["sh", "-c", script, "sh"]);
    let output = limited.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("so every run reads every layer"),
        "{stderr}"
    );
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["counts"]["verified"], 1);
    assert_eq!(report["counts"]["error"], 0);
    assert_eq!(entries(cache.path()), []);
}

#[test]
fn damaged_entries_are_read_anew_and_written_again() {
    let cache = tempfile::tempdir().expect("a folder");
    let run = || {
        examples()
            .arg("--cache-dir")
            .arg(cache.path())
            .run()
            .code(1)
    };
    assert_eq!(verdicts(&run()), VERDICTS);
    let good = entries(cache.path());
    // Manifests and configurations of a layout are as near as the cache.
    assert_eq!(good.len(), 3, "the layer of each image");
    type Damage = fn(&[u8]) -> Vec<u8>;
    let damages: [Damage; 4] = [
        |_| Vec::new(),
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |bytes| [bytes, b"more"].concat(),
        |bytes| {
            let mut bytes = bytes.to_vec();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            bytes
        },
    ];
    for damage in damages {
        for (path, bytes) in &good {
            fs::write(path, damage(bytes)).expect("an entry is damaged");
        }
        let ended = run();
        assert_eq!(verdicts(&ended), VERDICTS);
        assert_eq!(ended.stderr, "");
        assert!(entries(cache.path()) == good, "the cache is as it was");
    }
}

#[test]
fn runs_at_the_same_time_share_a_cache() {
    let cache = tempfile::tempdir().expect("a folder");
    let running: Vec<_> = (0..6)
        .map(|_| Running::start(examples().arg("--cache-dir").arg(cache.path())))
        .collect();
    for call in running {
        assert_eq!(call.end().code(1).stderr, "");
    }
    let left = entries(cache.path());
    assert_eq!(left.len(), 3, "the layer of each image");
    let is_finished = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("sha256-")
    };
    for (path, _) in left {
        assert!(is_finished(&path), "{}", path.display());
    }
}
