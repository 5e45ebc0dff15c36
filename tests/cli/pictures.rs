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

/// The relative luminance of `#rrggbb` (WCAG 2).
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("a colour");
        let value = f64::from(byte) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn texts_of_pictures_have_enough_contrast() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/pictures");
    let mut seen = 0;
    for file in fs::read_dir(folder).expect("pictures") {
        let path = file.expect("a picture").path();
        let svg = fs::read_to_string(&path).expect("a picture");
        let mut fills = svg
            .split("fill=\"")
            .skip(1)
            .map(|rest| luminance(&rest[..7]));
        let ground = fills.next().expect("the ground");
        for fill in fills {
            let contrast = (ground.max(fill) + 0.05) / (ground.min(fill) + 0.05);
            assert!(contrast >= 4.5, "{}: {contrast}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
