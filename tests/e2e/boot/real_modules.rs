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
/// Those of every run.
const FEW: [&str; 5] = [
    "acpi-call",
    "dm-writeboost",
    "nat-rtsp",
    "v4l2loopback",
    "vpoll",
];

/// The one of them that is packed as `make modules_install` of a kernel like RHEL's does
/// (`scripts/Makefile.modinst`).
const PACKED: &str = "v4l2loopback";

/// The names of a folder's entries without `.ko`.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("scripts/test builds real modules");
    let names = entries.map(|entry| {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name");
        name.trim_end_matches(".ko").to_owned()
    });
    names.collect()
}

fn packed(file: &Path) -> Vec<u8> {
    let words = ["--check=crc32", "--lzma2=dict=1MiB", "-c"];
    succeed(Command::new("xz").args(words).arg(file)).stdout
}

/// The verdicts of a package's modules that the kernel answered about, by module.
fn agree(packages: &[String]) -> BTreeMap<String, String> {
    let modules = Modules::debian(KERNEL);
    let run = Run::new(&modules.kernel);
    let mut count = 0;
    for package in packages {
        let built = environment().join("real").join(KERNEL).join(package);
        let mut folder = modules.empty_folder();
        let names = names(&built);
        for name in &names {
            let file = built.join(format!("{name}.ko"));
            let (suffix, bytes) = match package == PACKED {
                true => (".xz", packed(&file)),
                false => ("", fs::read(file).expect("a module")),
            };
            folder.put(&format!("extra/{name}.ko{suffix}"), &bytes);
        }
        folder.with_host();
        for name in &names {
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
    let verdicts = agree(&FEW.map(str::to_owned));
    assert_eq!(verdicts.len(), 6, "{verdicts:?}");
    let all_load = verdicts.values().all(|verdict| verdict == "verified");
    assert!(all_load, "{verdicts:?}");
}

#[test]
#[ignore = "scripts/test --all asks it"]
fn every_real_module_does_what_is_predicted() {
    let verdicts = agree(&names(&environment().join("real").join(KERNEL)));
    assert!(verdicts.len() > 70, "{verdicts:?}");
}
