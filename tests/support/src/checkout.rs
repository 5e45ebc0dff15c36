//! A checkout of somebody else's repository, as far as packing and publishing go.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::server::succeed;

/// Where somebody else publishes.
pub const ELSEWHERE: &str = "https://github.com/some-body/a.fork";
/// What the scripts that pack and publish read.
const FILES: [&str; 6] = [
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "completions",
    "plugin.yaml",
    "scripts",
];

/// A copy of them for [`ELSEWHERE`], which one line of `Cargo.toml` names.
pub fn fork() -> TempDir {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().expect("a folder");
    let mut copy = Command::new("cp");
    copy.arg("-R").args(FILES).arg(folder.path());
    succeed(copy.current_dir(Path::new(root)));
    let path = folder.path().join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("Cargo.toml");
    let ours = text.lines().find_map(|line| {
        let address = line.strip_prefix("repository = \"")?;
        address.strip_suffix('"')
    });
    let ours = ours.expect("an address");
    assert_eq!(text.matches(ours).count(), 1, "one place names it");
    fs::write(&path, text.replace(ours, ELSEWHERE)).expect("Cargo.toml");
    folder
}
