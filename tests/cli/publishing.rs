//! What a release publishes beside its archives, from archives of every platform, and that all of
//! it leads to the repository that `Cargo.toml` names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kmm_preflight::for_tests::yaml;
use serde_json::Value;
use tempfile::TempDir;

use super::checkout::{self, ELSEWHERE};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const OURS: &str = env!("CARGO_PKG_REPOSITORY");
const TAG: &str = "v9.8.7";
/// What the release workflow packs.
const PLATFORMS: [&str; 7] = [
    "linux_amd64",
    "linux_arm64",
    "linux_ppc64le",
    "linux_s390x",
    "darwin_amd64",
    "darwin_arm64",
    "windows_amd64",
];

/// A checkout of somebody else's repository, as far as publishing goes, and archives.
struct Fork {
    folder: TempDir,
}

impl Fork {
    fn new() -> Self {
        let folder = checkout::fork();
        for platform in PLATFORMS {
            fs::write(folder.path().join(archive(platform)), platform).expect("an archive");
        }
        Self { folder }
    }

    fn archives(&self) -> Vec<PathBuf> {
        PLATFORMS
            .map(|platform| self.folder.path().join(archive(platform)))
            .into()
    }

    /// What `scripts/package` prints.
    fn package(&self, what: &str, archives: &[PathBuf]) -> Result<String, String> {
        let output = Command::new("bash")
            .arg(self.folder.path().join("scripts/package"))
            .args([what, TAG])
            .args(archives)
            .output()
            .expect("bash starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        match output.status.success() {
            true => Ok(text(output.stdout)),
            false => Err(text(output.stderr)),
        }
    }

    /// The archives by their addresses, with their checksums.
    fn addresses(&self) -> BTreeMap<String, String> {
        let of = |path: PathBuf| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let address = format!("{ELSEWHERE}/releases/download/{TAG}/{name}");
            let sum = Command::new("sha256sum").arg(&path).output();
            let sum = String::from_utf8(sum.expect("sha256sum").stdout).expect("text");
            (address, sum[..64].to_owned())
        };
        self.archives().into_iter().map(of).collect()
    }
}

fn archive(platform: &str) -> String {
    format!("kubectl-kmm-preflight_{platform}.tar.gz")
}

#[test]
fn the_krew_manifest_leads_to_the_archives_of_the_repository() {
    let fork = Fork::new();
    let text = fork.package("--manifest", &fork.archives()).expect("it");
    assert!(!text.contains(OURS), "{text}");
    let manifest: Value = yaml::from_str(&text).expect("YAML");
    assert_eq!(manifest["spec"]["version"], TAG);
    assert_eq!(manifest["spec"]["homepage"], ELSEWHERE);
    let mut expected = fork.addresses();
    // krew has no such platform.
    expected.retain(|address, _| !address.contains("s390x"));
    let platforms = manifest["spec"]["platforms"].as_array().expect("platforms");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let found: BTreeMap<String, String> = platforms
        .iter()
        .map(|platform| (text(&platform["uri"]), text(&platform["sha256"])))
        .collect();
    assert_eq!(found, expected);
    let refused = fork.package("--manifest", &fork.archives()[1..]);
    assert!(refused.expect_err("one is missing").contains("no archive"));
}

#[test]
fn the_formula_leads_to_the_archives_of_the_repository() {
    let fork = Fork::new();
    let text = fork.package("--formula", &fork.archives()).expect("it");
    assert!(!text.contains(OURS), "{text}");
    let quoted = |name: &str| {
        let lines = text.lines().map(str::trim);
        let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let values = values.map(|value| value.trim_matches('"').to_owned());
        values.collect::<Vec<_>>()
    };
    assert_eq!(quoted("version"), [&TAG[1..]]);
    assert_eq!(quoted("homepage"), [ELSEWHERE]);
    assert!(quoted("desc")[0].len() <= 80, "brew audit has that bound");
    let found: BTreeMap<String, String> = quoted("url").into_iter().zip(quoted("sha256")).collect();
    let mut expected = fork.addresses();
    // Homebrew is for these.
    expected.retain(|address, _| {
        let is_unix = address.contains("linux") || address.contains("darwin");
        is_unix && (address.contains("amd64") || address.contains("arm64"))
    });
    assert_eq!(found, expected);
    // Each is for the platform that its block names.
    for (system, platform) in [("on_macos", "darwin"), ("on_linux", "linux")] {
        let block = text.split(&format!("{system} do")).nth(1).expect("a block");
        for (processor, arch) in [("on_arm", "arm64"), ("on_intel", "amd64")] {
            let own = block.split(&format!("{processor} do")).nth(1).expect("one");
            let url = own.lines().nth(1).expect("an address");
            assert!(
                url.contains(&archive(&format!("{platform}_{arch}"))),
                "{url}"
            );
        }
    }
    let refused = fork.package("--formula", &fork.archives()[..4]);
    assert!(
        refused
            .expect_err("one is missing")
            .contains("darwin_arm64")
    );
}

/// What OpenShift's CLI Manager takes the program out of, as its CRD
/// (openshift/cli-manager, `api/v1alpha1`) and its controller have it.
#[test]
fn the_cli_manager_finds_the_program_in_the_image() {
    let text = Fork::new().package("--cli-manager", &[]).expect("it");
    assert!(!text.contains(OURS), "{text}");
    let plugin: Value = yaml::from_str(&text).expect("YAML");
    assert_eq!(plugin["apiVersion"], "config.openshift.io/v1alpha1");
    assert_eq!(plugin["kind"], "Plugin");
    assert_eq!(plugin["metadata"]["name"], "kmm", "krew's name for it");
    let spec = &plugin["spec"];
    assert_eq!(spec["version"], TAG);
    assert_eq!(spec["homepage"], ELSEWHERE);
    for field in ["shortDescription", "description", "caveats"] {
        assert!(!spec[field].as_str().expect(field).is_empty());
    }
    let script = fs::read_to_string(Path::new(ROOT).join("scripts/image")).expect("a script");
    let image = format!("ghcr.io/some-body/a.fork:{TAG}");
    let mut found = Vec::new();
    for platform in spec["platforms"].as_array().expect("platforms") {
        assert_eq!(platform["image"], image);
        assert_eq!(platform["files"].as_array().map(Vec::len), Some(1));
        let file = &platform["files"][0];
        assert_eq!(file["to"], ".");
        let from = file["from"].as_str().expect("a path");
        let bin = platform["bin"].as_str().expect("a name");
        assert_eq!(from.rsplit('/').next(), Some(bin));
        let entrypoint = format!("[\\\"{}\\\"]", from.replace(bin, "$name"));
        assert!(script.contains(&entrypoint), "{entrypoint}");
        let platform = platform["platform"].as_str().expect("a platform");
        found.push(platform.replace('/', "_"));
    }
    let linux = PLATFORMS.iter().filter(|one| one.starts_with("linux"));
    assert!(linux.eq(&found), "{found:?}");
}

/// Every text of the repository that may name an address.
fn texts() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["src", "docs", "scripts", "examples/rbac", ".github"]
        .map(|folder| Path::new(ROOT).join(folder))
        .into();
    let mut texts: Vec<PathBuf> = ["README.md", "SECURITY.md", "plugin.yaml", "action.yml"]
        .map(|file| Path::new(ROOT).join(file))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => texts.push(path),
            }
        }
    }
    texts
}

#[test]
fn every_address_is_one_of_the_repository() {
    let (owner, name) = {
        let mut parts = OURS.rsplit('/');
        let name = parts.next().expect("a name");
        (parts.next().expect("an owner"), name)
    };
    let mut seen = 0;
    for path in texts() {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        // The last three are before OWNER/NAME alone.
        for host in [
            "github.com/",
            "ghcr.io/",
            "githubusercontent.com/",
            "--repo ",
            "--signer-workflow ",
            "uses: ",
        ] {
            for found in text.split(host).skip(1) {
                let mut parts = found.split(['/', ':', '@', '"', '`', ' ', ')', '#', '\n']);
                let (of, what) = (parts.next(), parts.next());
                if what == Some(name) {
                    assert_eq!(of, Some(owner), "{}: {host}{found:.60}", path.display());
                    seen += 1;
                }
            }
        }
        for (before, _) in text.match_indices(&format!(".github.io/{name}")) {
            let site = text[..before].rsplit('/').next();
            assert_eq!(site, Some(owner), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
