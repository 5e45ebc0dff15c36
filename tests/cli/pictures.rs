//! The README's pictures say what the program says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::preflight::Preflight;

/// The texts in a picture, in their order.
fn texts(svg: &str) -> Vec<String> {
    let plain = |text: &str| {
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        let text = text.replace("&quot;", "\"").replace("&#x27;", "'");
        text.replace("&amp;", "&")
    };
    svg.split("<text ")
        .skip(1)
        .filter_map(|part| part.split_once('>')?.1.split("</text>").next())
        .map(plain)
        .collect()
}

/// `scripts/pictures` draws them anew.
#[test]
fn the_pictures_show_what_the_examples_print() {
    let ended = Preflight::new(["run", "--local", "-f", "examples/modules.yaml"])
        .arg("--oci-layout=examples/images")
        .arg("--kernel-dir=examples/kernel")
        .arg("--kernel-version=6.1.0-56-amd64")
        .arg("--progress=none")
        .env("LC_ALL", "C.UTF-8")
        .run()
        .code(1);
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = squeeze(&ended.stdout);
    let readme = fs::read_to_string("README.md").expect("README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/pictures");
    for (name, parts) in [
        (
            "table",
            &["ticker", "\u{2718} failed", "1 verified, 2 failed"][..],
        ),
        (
            "failing",
            &["drivers/sensor", "symbol-version-mismatch", "hint:"],
        ),
    ] {
        let [light, dark] = ["light", "dark"].map(|theme| {
            let file = format!("{name}-{theme}.svg");
            assert!(
                readme.contains(&format!(".github/pictures/{file}")),
                "{file}"
            );
            let svg = fs::read_to_string(folder.join(&file)).expect("a picture");
            let colours: BTreeSet<_> = svg
                .split("fill=\"")
                .skip(1)
                .map(|rest| &rest[..7])
                .collect();
            assert!(colours.len() > 2, "{file} has colours: {colours:?}");
            texts(&svg)
        });
        assert_eq!(light, dark, "{name}");
        for text in &light {
            assert!(
                printed.contains(&squeeze(text)),
                "{name}: `{text}` is not printed"
            );
        }
        let all = light.join(" ");
        for part in parts {
            assert!(all.contains(part), "{name} shows no {part}");
        }
    }
}
