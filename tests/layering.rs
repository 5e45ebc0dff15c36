//! The pure stages import no I/O: they can be tested without a network, a disk or a clock.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders, or files, below `src/` that decide and never look.
const PURE: &[&str] = &[
    "model",
    "kmm",
    "findings",
    "judge",
    "report",
    "boot/archive.rs",
    "boot/console.rs",
    "boot/elf_needs.rs",
    "boot/kernel_image.rs",
    "boot/verdict.rs",
    "images/layers/overlay.rs",
    "images/layers/layer_reader.rs",
    "images/layers/decompress.rs",
    "images/layers/kept_files.rs",
    "images/layers/layer_limits.rs",
    "images/layers/layer_paths.rs",
    "images/layers/tar_entry.rs",
    "images/layers/tar_stream.rs",
    "images/layers/toc.rs",
    "images/layers/tar_sparse.rs",
    "images/layers/tar_extensions.rs",
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
    "crate::images::registry",
    "crate::cluster",
    "crate::commands",
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

#[test]
fn pure_stages_import_no_io() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for file in PURE.iter().flat_map(|place| sources(&root.join(place))) {
        seen += 1;
        let text = fs::read_to_string(&file).expect("a readable source file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for word in IO.iter().filter(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    assert!(seen > 5, "the pure stages were found");
    assert!(
        wrong.is_empty(),
        "pure stages must not look:\n{}",
        wrong.join("\n")
    );
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
