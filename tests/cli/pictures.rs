//! The documents' pictures, and those of a wider terminal, show what the program prints.

use std::fs;
use std::path::{Path, PathBuf};

use super::preflight::Preflight;

/// Every picture: its name, and whether `docs/` has it.
fn pictures() -> Vec<(PathBuf, bool)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [("docs/pictures", true), ("tests/pictures", false)];
    let files = folders.iter().flat_map(|(folder, is_shown)| {
        let files = fs::read_dir(root.join(folder)).expect("pictures");
        files.map(|file| (file.expect("a picture").path(), *is_shown))
    });
    files.collect()
}

#[cfg(target_os = "linux")]
mod drawn {
    use test_support::picture;

    use super::super::emulator::{Streams, Terminal};
    use super::*;

    const KERNEL: &str = "--kernel-version=6.1.0-56-amd64";

    /// A run in a folder with the examples, as a user who has them types it.
    fn hold(name: &str, words: &str, more: &[&str], code: i32) {
        let root = env!("CARGO_MANIFEST_DIR");
        for columns in [80, 160] {
            let call = Preflight::new(["run", "--local", KERNEL])
                .args(more)
                .arg("--oci-layout=examples/images")
                .arg("--kernel-dir=examples/kernel")
                .dir(root);
            let left = Terminal::start(call, Streams::Both, 60, columns).end();
            assert_eq!(left.code, Some(code), "{left:#?}");
            picture::hold(name, columns, words, &left);
        }
    }

    #[test]
    fn the_examples_are_in_the_pictures() {
        let words = "kubectl kmm preflight run --local -f examples/modules.yaml \\\n    \
                     --oci-layout examples/images --kernel-dir examples/kernel \\\n    \
                     --kernel-version 6.1.0-56-amd64";
        hold("local", words, &["--filename=examples/modules.yaml"], 1);
    }

    #[test]
    fn a_run_in_which_nothing_is_wrong_is_in_the_pictures() {
        let text = fs::read_to_string("examples/modules.yaml").expect("the examples");
        let ticker = text.split("---\n").next().expect("the first one");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ticker.yaml");
        fs::write(&file, ticker).expect("a file");
        let words = "kubectl kmm preflight run --local -f ticker.yaml \\\n    \
                     --oci-layout examples/images --kernel-dir examples/kernel \\\n    \
                     --kernel-version 6.1.0-56-amd64";
        hold("green", words, &["-f", &file.to_string_lossy()], 0);
    }
}

#[test]
fn every_picture_of_the_documents_is_shown_light_and_dark() {
    let readme = fs::read_to_string("README.md").expect("README.md");
    let names: Vec<String> = pictures()
        .into_iter()
        .filter(|(_, is_shown)| *is_shown)
        .map(|(path, _)| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for name in ["local", "matrix", "cluster", "green"] {
        for theme in ["light", "dark"] {
            let file = format!("{name}-{theme}.svg");
            assert!(names.contains(&file), "{file}");
        }
    }
    for name in names {
        assert!(readme.contains(&format!("docs/pictures/{name}")), "{name}");
    }
}

/// The relative luminance of `#RRGGBB` (WCAG 2).
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
    let mut seen = 0;
    for (path, _) in pictures() {
        let svg = fs::read_to_string(&path).expect("a picture");
        let fills: Vec<(&str, f64)> = svg
            .lines()
            .filter_map(|line| {
                let (class, rest) = line.trim().strip_prefix('.')?.split_once(" { fill: ")?;
                Some((class, luminance(rest)))
            })
            .collect();
        let of = |wanted: &str| fills.iter().find(|(class, _)| *class == wanted);
        let (_, ground) = of("bg").expect("the ground");
        let texts = fills.iter().filter(|(class, _)| *class != "bg");
        for (class, fill) in texts {
            let contrast = (ground.max(*fill) + 0.05) / (ground.min(*fill) + 0.05);
            assert!(contrast >= 4.5, "{} {class}: {contrast}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
