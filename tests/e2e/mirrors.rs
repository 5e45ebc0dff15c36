//! Mirrors, some of which are down or have no such image: in whose order they are asked, and
//! who is said to have answered.

use std::fs;

use serde_json::{Value, json};

use crate::support::image::{Image, Layer};
use crate::support::preflight::Preflight;
use crate::support::registry::Registry;

/// A source that nobody can reach.
const AWAY: &str = "registry.invalid/team";

/// A registry with the image below `team` and below `source`, and one that is down.
struct Places {
    up: Registry,
    down: String,
    digest: String,
}

impl Places {
    fn new() -> Self {
        let up = Registry::start();
        let image = Image::new()
            .with_tools()
            .layer(Layer::new().dir("opt/lib/modules"))
            .build();
        up.push("team/driver:1", &image);
        up.push("source/driver:1", &image);
        let mut down = Registry::start();
        down.stop();
        Self {
            up,
            down: down.host(),
            digest: image.digest,
        }
    }

    /// `UP`, `DOWN`, `AWAY` and `DIGEST` in a text stand for this.
    fn fill(&self, text: &str) -> String {
        text.replace("UP", &self.up.host())
            .replace("DOWN", &self.down)
            .replace("AWAY", AWAY)
            .replace("DIGEST", &self.digest)
    }
}

/// How rules are given.
#[derive(Clone, Copy)]
enum By {
    /// `--registries-conf` with this text.
    File(&'static str),
    /// A set of this kind, with this entry, among the files of `-f`.
    Set(&'static str, &'static str),
}

fn set(kind: &str, entry: &str) -> String {
    let (group, list) = match kind {
        "ImageDigestMirrorSet" => ("config.openshift.io/v1", "imageDigestMirrors"),
        "ImageTagMirrorSet" => ("config.openshift.io/v1", "imageTagMirrors"),
        _ => ("operator.openshift.io/v1alpha1", "repositoryDigestMirrors"),
    };
    format!(
        "---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: rules}}\n\
         spec: {{{list}: [{entry}]}}\n"
    )
}

const SOME: &str = "{source: AWAY, mirrors: [DOWN/team, UP/none, UP/team]}";
const NEVER: &str =
    "{source: UP/source, mirrors: [DOWN/team], mirrorSourcePolicy: NeverContactSource}";
const ALLOW: &str =
    "{source: UP/source, mirrors: [DOWN/team], mirrorSourcePolicy: AllowContactingSource}";

/// The rules, the image, and who answers; nobody does where that is empty.
const CASES: [(By, &str, &str); 17] = [
    (
        By::File(
            "[[registry]]\nlocation = 'AWAY'\n[[registry.mirror]]\nlocation = 'DOWN/team'\n[[registry.mirror]]\nlocation = 'UP/none'\n[[registry.mirror]]\nlocation = 'UP/team'\n",
        ),
        "AWAY/driver:1",
        "UP/team",
    ),
    (
        By::File(
            "[[registry]]\nlocation = 'UP/source'\n[[registry.mirror]]\nlocation = 'DOWN/team'\n",
        ),
        "UP/source/driver:1",
        "UP/source",
    ),
    (
        By::File("[[registry]]\nprefix = 'AWAY'\nlocation = 'UP/source'\n"),
        "AWAY/driver:1",
        "UP/source",
    ),
    (
        By::File(
            "[[registry]]\nlocation = 'AWAY'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'UP/team'\n",
        ),
        "AWAY/driver:1",
        "",
    ),
    (
        By::File(
            "[[registry]]\nlocation = 'AWAY'\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = 'UP/team'\n",
        ),
        "AWAY/driver@DIGEST",
        "UP/team",
    ),
    (
        By::File("[[registry]]\nlocation = 'UP/source'\nblocked = true\n"),
        "UP/source/driver:1",
        "",
    ),
    (
        By::File("unqualified-search-registries = ['DOWN', 'UP']\n"),
        "team/driver:1",
        "UP/team",
    ),
    (
        By::Set("ImageDigestMirrorSet", SOME),
        "AWAY/driver@DIGEST",
        "UP/team",
    ),
    (By::Set("ImageDigestMirrorSet", SOME), "AWAY/driver:1", ""),
    (
        By::Set("ImageTagMirrorSet", SOME),
        "AWAY/driver:1",
        "UP/team",
    ),
    (By::Set("ImageTagMirrorSet", SOME), "AWAY/driver@DIGEST", ""),
    (
        By::Set("ImageContentSourcePolicy", SOME),
        "AWAY/driver@DIGEST",
        "UP/team",
    ),
    (
        By::Set("ImageContentSourcePolicy", SOME),
        "AWAY/driver:1",
        "",
    ),
    (
        By::Set("ImageTagMirrorSet", NEVER),
        "UP/source/driver:1",
        "",
    ),
    (
        By::Set("ImageTagMirrorSet", ALLOW),
        "UP/source/driver:1",
        "UP/source",
    ),
    (
        By::Set("ImageDigestMirrorSet", NEVER),
        "UP/source/driver@DIGEST",
        "",
    ),
    (
        By::Set("ImageDigestMirrorSet", ALLOW),
        "UP/source/driver@DIGEST",
        "UP/source",
    ),
];

fn run(places: &Places, by: By, image: &str) -> Value {
    let image = places.fill(image);
    let mut input = format!(
        "apiVersion: kmm.sigs.x-k8s.io/v1beta1\nkind: Module\n\
         metadata: {{name: m, namespace: ns}}\nspec:\n  selector: {{}}\n  \
         moduleLoader:\n    container:\n      modprobe: {{moduleName: driver}}\n      \
         kernelMappings: [{{regexp: '.', containerImage: '{image}'}}]\n"
    );
    let mut call = Preflight::new(["run", "--local", "-f=-", "-o=json"])
        .arg("--progress=none")
        .arg("--kernel-version=6.1.0-1-amd64");
    match by {
        By::Set(kind, entry) => input += &places.fill(&set(kind, entry)),
        By::File(text) => {
            let file = call.home().join("registries.conf");
            fs::write(&file, places.fill(text)).expect("a file");
            call = call.arg("--registries-conf").arg(file);
        }
    }
    let ended = call.input(input).run();
    assert!(matches!(ended.code, Some(1 | 3)), "{ended:?}");
    ended.json()["modules"][0].clone()
}

#[test]
fn the_next_mirror_is_asked_and_then_the_source_as_far_as_the_rules_allow() {
    let places = Places::new();
    for (by, image, answers) in CASES {
        let module = run(&places, by, image);
        let findings = module["findings"].as_array().expect("findings");
        let message = |code: &str| {
            let finding = findings.iter().find(|finding| finding["code"] == code);
            finding.and_then(|finding| finding["message"].as_str())
        };
        let was_read = message("module-not-found").is_some();
        assert_eq!(was_read, !answers.is_empty(), "{image}: {module:#}");
        if !was_read {
            assert_eq!(module["verdict"], "error", "{image}: {module:#}");
            continue;
        }
        let (source, answers) = (places.fill(image), places.fill(answers));
        let rules = match by {
            By::File(text) | By::Set(_, text) => text,
        };
        // Another location, or the registry of a short name, is no mirror.
        if source.starts_with(&answers) || !rules.contains("mirror") {
            assert_eq!(message("image-mirrored"), None, "{module:#}");
        } else {
            let said = message("image-mirrored").expect("who answered");
            assert!(said.contains(&answers), "{said}");
        }
        assert_eq!(module["digest"], json!(places.digest));
    }
}
