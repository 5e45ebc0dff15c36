//! What KMM's own preflight says of an image, for the score that the README compares.

use std::io::Read;

use serde_json::Value;

use super::case::Case;
use super::guest::Truth;

/// How often each was right.
#[derive(Debug, Default)]
pub(crate) struct Score {
    cases: usize,
    up_to_2_3: usize,
    since_2_4: usize,
    plugin: usize,
}

impl Score {
    /// Counts one case.
    pub(crate) fn add(&mut self, case: &Case, kernel: &str, truth: &Truth, is_right: bool) {
        let loads = truth.loads();
        self.cases += 1;
        self.up_to_2_3 += usize::from(has_file(case, kernel) == loads);
        // 2.4 and later pull the image, which every one of the table lets them do.
        self.since_2_4 += usize::from(loads);
        self.plugin += usize::from(is_right);
    }

    /// The score in one line.
    pub(crate) fn line(&self, kernel: &str) -> String {
        let Self {
            cases,
            up_to_2_3,
            since_2_4,
            plugin,
        } = self;
        format!(
            "{kernel}: KMM <=2.3 right on {up_to_2_3} of {cases}, KMM >=2.4 right on {since_2_4} \
             of {cases}, this plugin on {plugin} of {cases}\n"
        )
    }
}

/// KMM up to 2.3 (`internal/preflight/preflight.go`, `internal/registry/registry.go`): the
/// manifest names its type, and a layer has an entry of exactly this name.
fn has_file(case: &Case, kernel: &str) -> bool {
    let image = case.image.build();
    let manifest: Value = serde_json::from_slice(&image.manifest).expect("a manifest");
    let module = match &case.load.raw {
        Some(_) => "",
        None => &case.load.name,
    };
    let dir = case.load.dir_name.strip_prefix('/');
    let dir = dir.unwrap_or(&case.load.dir_name);
    let wanted = super::case::join(&[dir, "lib/modules", kernel, &format!("{module}.ko")]);
    let layers = manifest["layers"].as_array().expect("layers");
    !manifest["mediaType"].is_null()
        && layers.iter().rev().any(|layer| {
            let digest = layer["digest"].as_str().expect("a digest");
            names(&image.blobs[digest]).contains(&wanted)
        })
}

/// Names of a layer's entries, up to where it cannot be read.
fn names(blob: &[u8]) -> Vec<String> {
    let tar: Box<dyn Read + '_> = match blob {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::GzDecoder::new(blob)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Box::new(zstd::Decoder::new(blob).expect("memory for a layer"))
        }
        _ => Box::new(blob),
    };
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().into_iter().flatten();
    entries
        .map_while(Result::ok)
        .map(|entry| String::from_utf8_lossy(&entry.path_bytes()).into_owned())
        .collect()
}
