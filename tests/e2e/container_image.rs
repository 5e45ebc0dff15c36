//! The container image of `scripts/image`: what it holds, and that it runs alone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::server::succeed;

/// The promised size.
const LARGEST: u64 = 30_000_000;

fn layout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/image")
}

fn blob(digest: &Value) -> Vec<u8> {
    let path = digest.as_str().expect("a digest").replace(':', "/");
    fs::read(layout().join("blobs").join(path)).expect("a blob")
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
#[ignore = "scripts/test --all builds a release"]
fn the_image_is_small_and_holds_the_program_and_authorities_alone() {
    succeed(Command::new("scripts/image").current_dir(env!("CARGO_MANIFEST_DIR")));
    let index = document(&fs::read(layout().join("index.json")).expect("an index"));
    let manifest = document(&blob(&index["manifests"][0]["digest"]));
    let config = document(&blob(&manifest["config"]["digest"]));
    let root = tempfile::tempdir().expect("a folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut size = 0;
    let mut contents = Vec::new();
    for layer in manifest["layers"].as_array().expect("layers") {
        let bytes = blob(&layer["digest"]);
        size += bytes.len() as u64;
        let is_packed = bytes.starts_with(&[0x1f, 0x8b]);
        let tar: Box<dyn std::io::Read> = match is_packed {
            true => Box::new(GzDecoder::new(bytes.as_slice())),
            false => Box::new(bytes.as_slice()),
        };
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries().expect("a tar archive") {
            let mut entry = entry.expect("an entry");
            entry.unpack_in(root.path()).expect("it can be unpacked");
            if entry.header().entry_type().is_file() {
                contents.push(entry.path().expect("a path").display().to_string());
            }
        }
    }
    let user = &config["config"]["User"];
    let _ = writeln!(std::io::stderr(), "{size} bytes, user {user}, {contents:?}");
    assert!(size < LARGEST, "{size}");
    assert_eq!(config["config"]["User"], "65532:65532");
    contents.sort();
    assert_eq!(
        contents,
        [
            "etc/ssl/certs/ca-certificates.crt",
            "usr/bin/kubectl-kmm-preflight"
        ]
    );
    let version = succeed(
        Command::new("/usr/sbin/chroot")
            .arg("--userspec=65532:65532")
            .arg(root.path())
            .args(["/usr/bin/kubectl-kmm-preflight", "version", "-o=json"])
            .env_clear()
            .env("HOME", "/"),
    );
    let version = document(&version.stdout);
    assert_eq!(version["clientVersion"], env!("CARGO_PKG_VERSION"));
}
