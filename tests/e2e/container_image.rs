//! The container image of `scripts/image`: what it holds, and that it runs alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use kmm_preflight::for_tests::yaml;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::checkout::{self, ELSEWHERE};
use crate::support::registry::Registry;
use crate::support::server::succeed;
use crate::workflows::{platforms, release, targets};

/// What an image holds, with the modes.
const CONTENTS: [(&str, u32); 8] = [
    ("etc", 0o755),
    ("etc/ssl", 0o755),
    ("etc/ssl/certs", 0o755),
    ("etc/ssl/certs/ca-certificates.crt", 0o444),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/bin/kubectl-kmm-preflight", 0o555),
];

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

    fn layers(&self, manifest: &Value) -> Vec<Vec<u8>> {
        let layers = manifest["layers"].as_array().expect("layers");
        layers.iter().map(|layer| self.blob(layer)).collect()
    }
}

/// A layer's archive.
fn archive(layer: &[u8]) -> tar::Archive<Box<dyn Read + '_>> {
    tar::Archive::new(match layer.starts_with(&[0x1f, 0x8b]) {
        true => Box::new(GzDecoder::new(layer)),
        false => Box::new(layer),
    })
}

/// The paths in layers, with their modes.
fn contents(layers: &[Vec<u8>]) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for layer in layers {
        for entry in archive(layer).entries().expect("a tar archive") {
            let entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let path = path.trim_start_matches("./").trim_end_matches('/');
            let mode = entry.header().mode().expect("a mode");
            found.insert(path.to_owned(), mode & 0o7777);
        }
    }
    found.remove("");
    found
}

fn expected() -> BTreeMap<String, u32> {
    CONTENTS.map(|(path, mode)| (path.to_owned(), mode)).into()
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
    let config = document(&layout.blob(&manifest["config"]))["config"].take();
    let layers = layout.layers(&manifest);
    let root = tempfile::tempdir().expect("a folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    for layer in &layers {
        archive(layer).unpack(root.path()).expect("an archive");
    }
    let size: usize = layers.iter().map(Vec::len).sum();
    let user = &config["User"];
    let contents = contents(&layers);
    let _ = writeln!(std::io::stderr(), "{size} bytes, user {user}, {contents:?}");
    // Unpacked it is below that, which scripts/image sees to.
    assert!(size < 30_000_000, "{size}");
    assert_eq!(user, "65532:65532");
    assert_eq!(contents, expected());

    // What the image says of its start, and nothing of this machine.
    let start = |words: &[&str]| {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().expect("a list").iter().map(text).collect()
        };
        let environment = texts(&config["Env"]);
        let environment = environment
            .iter()
            .map(|one| one.split_once('=').expect("="));
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(format!("--userspec={}", text(user)));
        command.arg(root.path()).args(texts(&config["Entrypoint"]));
        command.args(words).env_clear().envs(environment);
        command.output().expect("chroot runs")
    };
    let version = document(&start(&["version", "-o=json"]).stdout);
    assert_eq!(version["clientVersion"], env!("CARGO_PKG_VERSION"));

    // The README's example, with the examples where a container has them mounted.
    let mut copy = Command::new("cp");
    succeed(
        copy.arg("-R")
            .arg(Path::new(ROOT).join("examples"))
            .arg(root.path()),
    );
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md");
    let mut lines = readme.lines();
    let example = lines.find_map(|line| line.strip_prefix("cargo run --release --quiet -- "));
    let words: Vec<&str> = example.expect("a command").split_whitespace().collect();
    let ended = start(&words);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let stdout = String::from_utf8_lossy(&ended.stdout);
    assert!(stdout.contains("1 verified, 2 failed"), "{stdout}");
    let cache = root.path().join("tmp/.cache");
    assert!(cache.is_dir(), "its home can be written to");
}

/// A checkout with archives of another static program in the place of ours, which only a release
/// builds for every architecture.
fn packed() -> TempDir {
    let checkout = checkout::fork();
    let own = |path: &str| checkout.path().join(path);
    fs::create_dir_all(own("target/package")).expect("a folder");
    fs::copy("/bin/busybox", own("kubectl-kmm-preflight")).expect("a static program");
    for platform in linux(platforms()) {
        pack(&checkout, &platform);
    }
    checkout
}

fn pack(checkout: &TempDir, platform: &str) {
    let mut tar = Command::new("tar");
    tar.arg("-czf");
    tar.arg(format!(
        "target/package/kubectl-kmm-preflight_{platform}.tar.gz"
    ));
    succeed(
        tar.arg("kubectl-kmm-preflight")
            .current_dir(checkout.path()),
    );
}

fn linux(mut all: Vec<String>) -> Vec<String> {
    all.retain(|one| one.contains("linux"));
    all
}

fn script(checkout: &TempDir, name: &str) -> Command {
    Command::new(checkout.path().join("scripts").join(name))
}

/// In a registry, to which the release workflow's own command pushes it.
#[test]
fn one_index_has_an_image_for_every_linux_of_the_release() {
    let checkout = packed();
    let own = |path: &str| checkout.path().join(path);
    let mut make = script(&checkout, "image");
    succeed(make.args(linux(targets())).env("KEEP_ARCHIVES", "1"));
    let layout = Layout::of(checkout.path());

    let registry = Registry::start();
    let reference = registry.reference("some-body/a.fork");
    let containers = own(".config/containers");
    fs::create_dir_all(&containers).expect("a folder");
    let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
    fs::write(containers.join("policy.json"), policy).expect("a file");
    let host = registry.host();
    let insecure = format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
    fs::write(containers.join("registries.conf"), insecure).expect("a file");
    let skopeo = |line: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", line]).current_dir(checkout.path());
        shell.env("HOME", checkout.path()).env("IMAGE", &reference);
        succeed(shell.env("GITHUB_REF_NAME", "v1")).stdout
    };
    let release = release();
    let mut steps = release["jobs"]["image"]["steps"]
        .as_array()
        .expect("steps")
        .iter();
    let push = steps.find(|step| step["id"] == "push").expect("the push");
    let mut lines = push["run"].as_str().expect("a script").lines();
    let line = lines.find(|line| line.starts_with("skopeo copy "));
    skopeo(line.expect("a command"));
    let digest = fs::read_to_string(own("digest")).expect("the digest");
    let descriptor = &layout.index()["manifests"][0];
    assert_eq!(descriptor["digest"], digest.trim());
    let list = skopeo("skopeo inspect --raw \"docker://$IMAGE:$GITHUB_REF_NAME\"");
    assert_eq!(list, layout.blob(descriptor));

    // What OpenShift's CLI Manager takes out of it.
    let mut plugin = script(&checkout, "package");
    let plugin = succeed(plugin.args(["--cli-manager", "v1"])).stdout;
    let plugin: Value = yaml::from_str(&String::from_utf8_lossy(&plugin)).expect("YAML");
    let taken = plugin["spec"]["platforms"].as_array().expect("platforms");
    let taken: BTreeMap<&str, &Value> = taken
        .iter()
        .map(|one| {
            (
                one["platform"].as_str().expect("a platform"),
                &one["files"][0]["from"],
            )
        })
        .collect();

    let mut found = Vec::new();
    for image in document(&list)["manifests"].as_array().expect("images") {
        let manifest = document(&layout.blob(image));
        let config = document(&layout.blob(&manifest["config"]));
        assert_eq!(config["architecture"], image["platform"]["architecture"]);
        assert_eq!(config["os"], image["platform"]["os"]);
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(contents(&layout.layers(&manifest)), expected());
        let labels = &config["config"]["Labels"];
        assert_eq!(labels["org.opencontainers.image.source"], ELSEWHERE);
        let arch = config["architecture"].as_str().expect("an architecture");
        let from = taken[&*format!("linux/{arch}")].as_str().expect("a path");
        assert_eq!(expected().get(&from[1..]), Some(&0o555), "{from}");
        found.push(format!("linux_{arch}"));
    }
    assert_eq!(taken.len(), found.len());
    found.sort();
    let mut platforms = linux(platforms());
    platforms.sort();
    assert_eq!(found, platforms);
}

#[test]
fn an_image_that_is_too_large_or_of_an_old_archive_is_not_made() {
    let checkout = packed();
    let program = fs::File::options()
        .append(true)
        .open(checkout.path().join("kubectl-kmm-preflight"));
    program
        .expect("a file")
        .set_len(30_000_000)
        .expect("a size");
    pack(&checkout, "linux_amd64");
    let refused = |keep: &str| {
        let mut make = script(&checkout, "image");
        make.arg("x86_64-unknown-linux-musl")
            .env("KEEP_ARCHIVES", keep);
        let output = make.output().expect("it runs");
        assert!(!checkout.path().join("target/image").exists());
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, said) = refused("1");
    assert!(
        code == Some(1) && said.contains("not below 30000000"),
        "{said}"
    );
    // The archive is packed anew, or nothing is made.
    fs::write(
        checkout.path().join("scripts/package"),
        "#!/bin/sh\nexit 3\n",
    )
    .expect("a file");
    assert_eq!(refused("").0, Some(3));
}
