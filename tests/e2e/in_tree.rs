//! The modules that kernels are shipped with, of every architecture that the test environment has
//! (`scripts/test --all` has all), none of which has a defect.
//!
//! Every 25th of them is read, or every so many as `KMM_IN_TREE_STEP` says.

use std::fs;
use std::path::{Path, PathBuf};

use kernel_loader::module::ModuleFile;
use kernel_loader::module::facts::Depth;

use crate::support::server::environment;

fn module_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of modules") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("its type");
        let path = entry.path();
        if kind.is_dir() {
            module_files(&path, into);
        } else if kind.is_file() && path.to_string_lossy().contains(".ko") {
            into.push(path);
        }
    }
}

#[test]
fn no_module_of_a_kernels_own_has_a_defect() {
    let step = std::env::var("KMM_IN_TREE_STEP");
    let step = step.map_or(25, |step| step.parse().expect("a number of modules"));
    let mut files = Vec::new();
    for place in ["debian", "foreign"] {
        for kernel in fs::read_dir(environment().join(place)).expect("Debian's kernels") {
            let root = kernel.expect("a kernel").path().join("root/lib/modules");
            module_files(&root, &mut files);
        }
    }
    files.sort();
    assert!(files.len() > 10_000, "{} modules", files.len());
    let mut found = Vec::new();
    for path in files.iter().step_by(step) {
        let bytes = fs::read(path).expect("a module");
        match ModuleFile::parse(&bytes, Depth::Full).elf {
            Ok(facts) if facts.defects.is_empty() => {}
            Ok(facts) => found.push(format!("{}: {:?}", path.display(), facts.defects)),
            Err(fault) => found.push(format!("{}: {fault:?}", path.display())),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
