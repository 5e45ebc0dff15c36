//! The corpus of the fuzz targets, through the functions that they call: it cannot rot, and
//! what fuzzing once found stays found.

#[path = "fuzz/src/lib.rs"]
pub mod fuzz;

use std::fs;
use std::path::Path;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 10] = [
    ("config", fuzz::config),
    ("elf", fuzz::elf),
    ("index", fuzz::index),
    ("modinfo", fuzz::modinfo),
    ("modprobe", fuzz::modprobe),
    ("module", fuzz::module),
    ("modules_dep", fuzz::modules_dep),
    ("signature", fuzz::signature),
    ("symvers", fuzz::symvers),
    ("tar", fuzz::tar),
];

fn folder(path: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(path);
    let mut names: Vec<String> = fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_has_a_corpus() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(folder("corpus"), names);
    let files: Vec<String> = names.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(folder("targets"), files);
}

#[test]
fn the_corpus_is_read_without_a_fault() {
    for (name, target) in TARGETS {
        let seeds = folder(&format!("corpus/{name}"));
        assert!(seeds.len() > 1, "{name} has seeds");
        for seed in seeds {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/fuzz/corpus")
                .join(name)
                .join(&seed);
            let bytes = fs::read(path).expect("a seed");
            target(&bytes);
            // Cut anywhere, as a broken download leaves it.
            for part in 1..16 {
                target(&bytes[..bytes.len() * part / 16]);
            }
        }
    }
}
