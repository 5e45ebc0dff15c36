//! Real out-of-tree modules, of Debian's packages for DKMS (`scripts/env/real-modules`): what is
//! predicted is what a distribution's kernel does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::run::{Run, codes};
use super::setup::Modules;
use crate::support::server::{environment, succeed};

const KERNEL: &str = "6.1.0-56-amd64";
/// The one that some of them are built for as well, and packed with xz by dkms.
const NEWER: &str = "6.12.117+deb12-amd64";
/// Those of every run.
const FEW: [&str; 5] = [
    "acpi-call",
    "dm-writeboost",
    "nat-rtsp",
    "v4l2loopback",
    "vpoll",
];

/// Those that are packed as `make modules_install` does (`scripts/Makefile.modinst`), with xz as for
/// a kernel like RHEL's, and what packs them.
const PACKED: [(&str, &str, &[&str]); 2] = [
    (
        "v4l2loopback",
        ".xz",
        &["xz", "--check=crc32", "--lzma2=dict=1MiB", "-c"],
    ),
    ("vpoll", ".zst", &["zstd", "-q", "-c"]),
];

/// The names of a folder's entries.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("scripts/test builds real modules");
    let names = entries.map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("a name")
    });
    names.collect()
}

/// The suffix and the bytes of a package's module.
fn packed(package: &str, file: &Path) -> (&'static str, Vec<u8>) {
    let packed = PACKED.iter().find(|(name, ..)| *name == package);
    match packed {
        Some((_, suffix, words)) => {
            let output = succeed(Command::new(words[0]).args(&words[1..]).arg(file));
            (suffix, output.stdout)
        }
        None => ("", fs::read(file).expect("a module")),
    }
}

/// The verdicts of the packages' modules that the kernel answered about, by module.
fn agree(kernel: &str, packages: &[String]) -> BTreeMap<String, String> {
    let modules = Modules::debian(kernel);
    let run = Run::new(&modules.kernel);
    let mut count = 0;
    for package in packages {
        let built = environment().join("real").join(kernel).join(package);
        let mut folder = modules.empty_folder();
        let files = names(&built);
        for file in &files {
            let (suffix, bytes) = packed(package, &built.join(file));
            folder.put(&format!("extra/{file}{suffix}"), &bytes);
        }
        folder.with_host();
        for file in &files {
            let (name, _) = file.split_once(".ko").expect("a module file");
            run.add(&name.to_lowercase().replace('_', "-"), name, &folder);
            count += 1;
        }
    }
    let predicted = run.call(&[]).json();
    let booted = run.call(&["--boot", "require"]).json();
    let rows = |report: &serde_json::Value| report["modules"].as_array().cloned().expect("rows");
    let mut verdicts = BTreeMap::new();
    for (before, row) in rows(&predicted).iter().zip(&rows(&booted)) {
        let codes = codes(row);
        let has = |code| codes.contains(&code);
        assert_eq!(before["name"], row["name"]);
        assert_eq!(before["verdict"], row["verdict"], "{before:#}\n{row:#}");
        assert!(has("boot-loaded") || has("boot-refused"), "{row:#}");
        assert!(!has("boot-disagrees"), "{row:#}");
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        verdicts.insert(text("name"), text("verdict"));
    }
    assert_eq!(verdicts.len(), count);
    verdicts
}

#[test]
fn real_modules_do_what_is_predicted() {
    let verdicts = agree(KERNEL, &FEW.map(str::to_owned));
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    let all_load = verdicts.values().all(|verdict| verdict == "verified");
    assert!(all_load, "{verdicts:?}");
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn every_real_module_does_what_is_predicted() {
    for (kernel, most) in [(KERNEL, 70), (NEWER, 2)] {
        let verdicts = agree(kernel, &names(&environment().join("real").join(kernel)));
        assert!(verdicts.len() > most, "{kernel}: {verdicts:?}");
    }
}
