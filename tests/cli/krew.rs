//! The krew manifest keeps krew's rules (`internal/index/validation`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kmm_preflight::for_tests::yaml;
use serde_json::Value;

/// The platforms that krew knows.
const PLATFORMS: [&str; 10] = [
    "windows/386",
    "windows/amd64",
    "windows/arm64",
    "linux/386",
    "linux/amd64",
    "linux/arm",
    "linux/arm64",
    "linux/ppc64le",
    "darwin/amd64",
    "darwin/arm64",
];

fn manifest() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin.yaml");
    let text = fs::read_to_string(path).expect("plugin.yaml");
    yaml::from_str(&text).expect("YAML")
}

#[test]
fn the_head_is_as_krew_wants_it() {
    let manifest = manifest();
    let spec = &manifest["spec"];
    assert_eq!(
        manifest["apiVersion"],
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(manifest["kind"], "Plugin");
    assert_eq!(manifest["metadata"]["name"], "kmm");
    assert_eq!(spec["version"], concat!("v", env!("CARGO_PKG_VERSION")));
    assert_eq!(spec["homepage"], env!("CARGO_PKG_REPOSITORY"));
    let short = spec["shortDescription"].as_str().expect("a description");
    assert!(!short.is_empty() && short.len() <= 50 && !short.contains('\n'));
    let long = spec["description"].as_str().expect("a description");
    assert!(long.lines().all(|line| line.len() <= 80), "{long}");
}

#[test]
fn every_platform_is_one_of_krews_and_has_its_archive() {
    let manifest = manifest();
    let platforms = manifest["spec"]["platforms"].as_array().expect("platforms");
    let mut seen = BTreeSet::new();
    for platform in platforms {
        let labels = &platform["selector"]["matchLabels"];
        let text = |key: &str| labels[key].as_str().expect("a label");
        let name = format!("{}/{}", text("os"), text("arch"));
        assert!(PLATFORMS.contains(&name.as_str()), "{name}");
        assert!(seen.insert(name.clone()), "{name} is there twice");
        let uri = platform["uri"].as_str().expect("a uri");
        assert!(
            uri.starts_with("https://") && uri.ends_with(".tar.gz"),
            "{uri}"
        );
        let release = concat!(
            env!("CARGO_PKG_REPOSITORY"),
            "/releases/download/v",
            env!("CARGO_PKG_VERSION"),
            "/"
        );
        assert!(uri.starts_with(release), "{uri}");
        let sha256 = platform["sha256"].as_str().expect("a checksum");
        assert!(
            sha256.len() == 64
                && sha256
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "{sha256}"
        );
        let bin = platform["bin"].as_str().expect("a program");
        assert_eq!(bin.ends_with(".exe"), name.starts_with("windows"), "{bin}");
        assert!(platform["files"].is_null());
    }
    assert_eq!(seen.len(), 6);
}
