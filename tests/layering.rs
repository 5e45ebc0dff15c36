//! The pure stages import no I/O: they can be tested without a network, a disk or a clock.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders, or files, below `src/` that decide and do no I/O.
const PURE: &[&str] = &[
    "model",
    "model.rs",
    "kmm",
    "kmm.rs",
    "findings",
    "findings.rs",
    "judge",
    "report",
    "report.rs",
    "kernel",
    "boot/archive.rs",
    "boot/console.rs",
    "boot/elf_needs.rs",
    "boot/kernel_image.rs",
    "boot/verdict.rs",
    "images/layers",
    "images/layers.rs",
    "input/yaml",
    "input/yaml.rs",
];

/// Files of those folders that do I/O: a folder with kernel facts, files of images, layers that
/// are read on demand.
const LOOKS: &[&str] = &[
    "kernel/sources.rs",
    "images/layers/files.rs",
    "images/layers/stack.rs",
    "images/layers/toc_reader.rs",
];

/// What none of them may name.
const IO: &[&str] = &[
    "kube::",
    "oci_client",
    "reqwest",
    "tokio",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "Instant::now",
    "SystemTime",
    "Timestamp::now",
    "crate::boot::run",
    "crate::check",
    "crate::cli",
    "crate::cluster",
    "crate::commands",
    "crate::console",
    "crate::images::registry",
    "crate::input",
    "crate::net",
    "crate::own_files",
    "crate::session",
];

/// What one of them may name all the same.
const ALLOWED: &[(&str, &str)] = &[
    // YAML is written and read in memory; a text and its place are data.
    ("report/answer.rs", "crate::input::yaml"),
    ("input/yaml.rs", "crate::input::source::{Text, TextSource}"),
    // A time limit that is part of a message.
    ("boot/verdict.rs", "crate::boot::run::of_a_case"),
];

/// The border of the loader is its manifest, and what the standard library has of I/O.
const LOADER: &str = "crates/kernel-loader";

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(folder) = fs::read_dir(path) else {
        return Vec::new();
    };
    folder
        .flat_map(|entry| sources(&entry.expect("a readable folder").path()))
        .collect()
}

/// The lines outside of tests, without comments, each with its number. An item of a test ends with
/// the first line at its own depth that closes it.
fn code(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut item = None;
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        let depth = line.len() - bare.len();
        if let Some(own) = item {
            let closes = bare.ends_with(['}', ';', ',']) && !bare.starts_with("#[");
            item = (depth != own || !closes).then_some(own);
        } else if bare == "#[cfg(test)]" {
            item = Some(depth);
        } else {
            lines.push((index + 1, line.split("//").next().unwrap_or_default()));
        }
    }
    lines
}

/// What a file names of I/O.
fn seen(root: &Path, file: &Path) -> Vec<String> {
    let name = file.strip_prefix(root).expect("a file below src");
    let text = fs::read_to_string(file).expect("a readable source file");
    let mut seen = Vec::new();
    for (number, line) in code(&text) {
        let is_allowed = ALLOWED
            .iter()
            .any(|(place, word)| name == Path::new(place) && line.contains(word));
        for word in IO.iter().filter(|word| line.contains(**word)) {
            if !is_allowed {
                seen.push(format!("{}:{number}: {word}", name.display()));
            }
        }
    }
    seen
}

fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn pure_stages_import_no_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<PathBuf> = PURE
        .iter()
        .flat_map(|place| {
            let files = sources(&root.join(place));
            assert!(!files.is_empty(), "{place} is not there");
            files
        })
        .collect();
    let pure = files.iter().filter(|file| {
        let looks = LOOKS.iter().any(|place| **file == root.join(place));
        !looks && !is_test(file.strip_prefix(&root).expect("a file below src"))
    });
    let wrong: Vec<String> = pure.flat_map(|file| seen(&root, file)).collect();
    assert!(
        wrong.is_empty(),
        "pure stages must not look:\n{}",
        wrong.join("\n")
    );
    for place in LOOKS {
        assert!(
            !seen(&root, &root.join(place)).is_empty(),
            "{place} does no I/O"
        );
    }
    for (place, word) in ALLOWED {
        let text = fs::read_to_string(root.join(place)).expect("a source file");
        assert!(text.contains(word), "{place} does not name {word}");
    }
}

#[test]
fn code_below_the_first_test_is_seen() {
    let text = "use a;\n#[cfg(test)]\nuse b;\n#[cfg(test)]\nfn c(\n    x: u8,\n) {\n    d();\n}\n\
                use e; // f\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn g() {}\n}\nuse h;\n";
    let lines: Vec<&str> = code(text)
        .into_iter()
        .map(|(_, line)| line.trim())
        .collect();
    assert_eq!(lines, ["use a;", "use e;", "use h;"]);
}

#[test]
fn the_loader_depends_on_nothing_that_looks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(LOADER);
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("the loader's manifest");
    let manifest = manifest
        .split("[dev-dependencies]")
        .next()
        .unwrap_or_default();
    let names: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .filter_map(|line| Some(line.split_once(" = ")?.0))
        .collect();
    let known = [
        "aws-lc-rs",
        "der",
        "flate2",
        "liblzma",
        "serde",
        "thiserror",
        "zstd",
    ];
    assert_eq!(names, known, "none of them reads a file or a socket");
    let looks: Vec<String> = sources(&root.join("src"))
        .into_iter()
        .filter(|file| {
            let text = fs::read_to_string(file).expect("a readable source file");
            let code = text
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default());
            code.into_iter()
                .any(|line| IO.iter().any(|word| line.contains(word)))
        })
        .map(|file| file.display().to_string())
        .collect();
    assert_eq!(looks, [""; 0]);
}
