//! The container image of `scripts/image`: what it holds, and that it runs alone.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::support::server::succeed;
use crate::workflows::{platforms, targets};

/// The promised size.
const LARGEST: u64 = 30_000_000;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The image that `scripts/image` made in a checkout.
struct Layout(PathBuf);

impl Layout {
    fn of(checkout: &Path) -> Self {
        Self(checkout.join("target/image"))
    }

    fn index(&self) -> Value {
        document(&fs::read(self.0.join("index.json")).expect("an index"))
    }

    fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().expect("a digest");
        fs::read(self.0.join("blobs").join(digest.replace(':', "/"))).expect("a blob")
    }
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

#[test]
#[ignore = "scripts/test --all builds a release"]
fn the_image_is_small_and_holds_the_program_and_authorities_alone() {
    succeed(Command::new("scripts/image").current_dir(ROOT));
    let layout = Layout::of(Path::new(ROOT));
    let manifest = document(&layout.blob(&layout.index()["manifests"][0]));
    let config = document(&layout.blob(&manifest["config"]));
    let root = tempfile::tempdir().expect("a folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    let mut size = 0;
    let mut contents = Vec::new();
    for layer in manifest["layers"].as_array().expect("layers") {
        let bytes = layout.blob(layer);
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

/// With another static program in the place of ours, which only a release builds for all of them.
#[test]
fn one_index_has_an_image_for_every_linux_of_the_release() {
    let checkout = tempfile::tempdir().expect("a folder");
    let own = |path: &str| checkout.path().join(path);
    fs::create_dir_all(own("target/package")).expect("a folder");
    fs::create_dir(own("scripts")).expect("a folder");
    for file in [
        "scripts/image",
        "scripts/package",
        "Cargo.toml",
        "plugin.yaml",
    ] {
        fs::copy(Path::new(ROOT).join(file), own(file)).expect("a file of the repository");
    }
    fs::copy("/bin/busybox", own("kubectl-kmm-preflight")).expect("a static program");
    let mut targets = targets();
    targets.retain(|target| target.contains("-linux-"));
    let mut platforms = platforms();
    platforms.retain(|platform| platform.starts_with("linux_"));
    for platform in &platforms {
        let archive = own(&format!(
            "target/package/kubectl-kmm-preflight_{platform}.tar.gz"
        ));
        succeed(
            Command::new("tar")
                .arg("-czf")
                .arg(archive)
                .arg("./kubectl-kmm-preflight")
                .current_dir(checkout.path()),
        );
    }
    succeed(Command::new(own("scripts/image")).args(&targets));
    let layout = Layout::of(checkout.path());
    let list = document(&layout.blob(&layout.index()["manifests"][0]));
    let images = list["manifests"].as_array().expect("images");
    let mut found = Vec::new();
    for image in images {
        let manifest = document(&layout.blob(image));
        let config = document(&layout.blob(&manifest["config"]));
        assert_eq!(config["architecture"], image["platform"]["architecture"]);
        assert_eq!(config["os"], image["platform"]["os"]);
        assert_eq!(config["config"]["User"], "65532:65532");
        let labels = &config["config"]["Labels"];
        let source = &labels["org.opencontainers.image.source"];
        assert_eq!(source, env!("CARGO_PKG_REPOSITORY"));
        let arch = config["architecture"].as_str().expect("an architecture");
        found.push(format!("linux_{arch}"));
    }
    found.sort();
    platforms.sort();
    assert_eq!(found, platforms);
}
