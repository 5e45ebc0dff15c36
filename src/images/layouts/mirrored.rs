//! What `oc image mirror` and `oc adm release mirror` write into a folder, and `oc mirror` of
//! version 1 packs into its archives: manifests and blobs of each repository under their
//! digests, tags as links to manifests (oc, `pkg/cli/image/imagesource/file.go`; oc-mirror v1,
//! `pkg/archive`, which has the blobs of all repositories in one folder).

use std::collections::BTreeMap;

use crate::images::layouts::files::Files;
use crate::images::layouts::names::NAMES;
use crate::images::registry::digest::Digest;
use crate::images::registry::fault::Fault;
use crate::images::registry::manifest::{Descriptor, MAX_MANIFEST};

/// The folder of the repositories.
const REPOSITORIES: &str = "v2";
/// The folder of the blobs of all repositories.
const BLOBS: &str = "blobs";

/// The images that have a tag, as `repository:tag`, and the files of all content by digest.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    pub(super) images: Vec<Descriptor>,
    pub(super) blobs: BTreeMap<String, String>,
}

impl Mirrored {
    /// Reads what the files say by their names.
    ///
    /// # Errors
    /// The manifest of a tag cannot be read.
    pub(super) fn read(files: &Files) -> Result<Self, Fault> {
        let mut mirrored = Self::default();
        for name in files.below(BLOBS, |_| false) {
            if let Some(digest) = name.rsplit('/').next().and_then(as_digest) {
                mirrored.blobs.insert(digest, name);
            }
        }
        for name in files.below(REPOSITORIES, |_| false) {
            let parts = name.rsplit_once('/').and_then(|(folder, file)| {
                let (repository, kind) = folder.rsplit_once('/')?;
                Some((repository.strip_prefix("v2/")?, kind, file))
            });
            let Some((repository, kind @ ("manifests" | "blobs"), file)) = parts else {
                continue;
            };
            if let Some(digest) = as_digest(file) {
                mirrored.blobs.insert(digest, name);
            } else if kind == "manifests"
                && let Some(manifest) = files.get(&name)?
            {
                let digest = Digest::of(&manifest.read(MAX_MANIFEST)?);
                let tagged = format!("{repository}:{file}");
                mirrored.images.push(Descriptor {
                    annotations: [(NAMES[0].to_owned(), tagged)].into(),
                    ..Descriptor::new(digest)
                });
            }
        }
        Ok(mirrored)
    }
}

/// The digest that a file is named after: `sha256:…`, on Windows `sha256-…`.
fn as_digest(file: &str) -> Option<String> {
    let hex = file
        .strip_prefix("sha256:")
        .or_else(|| file.strip_prefix("sha256-"))?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| format!("sha256:{hex}"))
}
