//! A layout that holds an image by the name of its mirror, as what fills mirrors leaves it.

use std::fs;

use serde_json::Value;

use super::bad_input::mapping;
use super::preflight::Preflight;

const KERNEL: &str = "6.1.0-56-amd64";
/// An image of `examples/images`, under the name that it has at its source.
const SOURCE: &str = "registry.invalid/vendor/ticker:6.1.0-56-amd64";
/// Its name in the layout.
const MIRROR: &str = "registry.example/drivers/ticker:6.1.0-56-amd64";

const FILE: &str = "[[registry]]\nlocation = 'registry.invalid/vendor'\n\
                    [[registry.mirror]]\nlocation = 'registry.example/drivers'\n";
const BY_DIGEST: &str = "[[registry]]\nlocation = 'registry.invalid/vendor'\n\
                         mirror-by-digest-only = true\n\
                         [[registry.mirror]]\nlocation = 'registry.example/drivers'\n";
const MOVED: &str = "[[registry]]\nprefix = 'registry.invalid/vendor'\n\
                     location = 'registry.example/drivers'\n";
const TAGS: &str = "---\napiVersion: config.openshift.io/v1\nkind: ImageTagMirrorSet\n\
    metadata: {name: rules}\nspec: {imageTagMirrors: [{source: registry.invalid/vendor, \
    mirrors: [registry.example/drivers], mirrorSourcePolicy: NeverContactSource}]}\n";
const DIGESTS: &str = "---\napiVersion: config.openshift.io/v1\nkind: ImageDigestMirrorSet\n\
    metadata: {name: rules}\nspec: {imageDigestMirrors: [{source: registry.invalid/vendor, \
    mirrors: [registry.example/drivers]}]}\n";

/// The row of the Module, by rules in a file and in `-f`.
fn row(image: &str, file: &str, sets: &str) -> Value {
    let root = env!("CARGO_MANIFEST_DIR");
    let call = Preflight::new(["run", "--local", "-f=-", "-o=json", "--progress=none"]);
    let rules = call.home().join("registries.conf");
    fs::write(&rules, file).expect("rules");
    let module = mapping("regexp: '.'", image).replace("moduleName: m", "moduleName: ticker");
    let report = call
        .args(["--kernel-version", KERNEL, "--registries-conf"])
        .arg(rules)
        .arg(format!("--oci-layout={root}/examples/images"))
        .arg(format!("--kernel-dir={root}/examples/kernel"))
        .input(format!("{module}{sets}"))
        .run()
        .json();
    report["modules"][0].clone()
}

#[test]
fn a_layout_is_asked_by_the_names_of_mirrors_too() {
    for (file, sets, is_found) in [
        (FILE, "", true),
        (MOVED, "", true),
        ("", TAGS, true),
        ("", "", false),
        (BY_DIGEST, "", false),
        ("", DIGESTS, false),
    ] {
        let row = row(SOURCE, file, sets);
        let of_secure_boot = |finding: &&Value| finding["code"] != "signature-missing";
        let findings = row["findings"].as_array().expect("findings");
        let finding = findings.iter().find(of_secure_boot).expect("a finding");
        if !is_found {
            assert_eq!(row["verdict"], "error", "{row:#}");
            assert_eq!(finding["code"], "image-unreachable", "{row:#}");
            continue;
        }
        assert_eq!(row["verdict"], "verified", "{row:#}");
        assert_eq!(finding["code"], "image-mirrored", "{row:#}");
        let message = finding["message"].as_str().expect("a message");
        assert!(message.contains(SOURCE), "{message}");
        assert!(message.ends_with(&format!(", as {MIRROR}")), "{message}");
    }
}

/// Its own name in full goes before a mirror's.
#[test]
fn the_mirror_of_an_image_that_is_there_is_not_looked_for() {
    let rule = "[[registry]]\nlocation = 'registry.example/drivers/ticker'\n\
                [[registry.mirror]]\nlocation = 'registry.example/drivers/sensor'\n";
    let row = row(MIRROR, rule, "");
    assert_eq!(row["verdict"], "verified", "{row:#}");
    assert!(!row["findings"].to_string().contains("image-mirrored"));
}
