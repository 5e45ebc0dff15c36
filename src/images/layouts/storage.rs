//! What a registry keeps on disk, and `oc mirror` packs into its archives: tags and blobs as
//! distribution's file system driver lays them out (distribution,
//! `registry/storage/paths.go`; oc-mirror, `v2/internal/pkg/archive`).

use crate::images::layouts::files::Files;
use crate::images::layouts::names::NAMES;
use crate::images::registry::digest::Digest;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::manifest::Descriptor;

const REPOSITORIES: &str = "docker/registry/v2/repositories";
/// Most bytes of a link, which is a digest.
const MAX_LINK: u64 = 256;

/// The images that have a tag, as `repository:tag`.
///
/// # Errors
/// A tag cannot be read.
pub(super) fn images(files: &Files) -> Result<Vec<Descriptor>, Fault> {
    let is_left_out =
        |folder: &str| matches!(folder, "_layers" | "_uploads" | "revisions" | "index");
    let mut images = Vec::new();
    for link in files.below(REPOSITORIES, is_left_out) {
        let name = link
            .strip_prefix(REPOSITORIES)
            .and_then(|name| name.strip_prefix('/'))
            .and_then(|name| name.strip_suffix("/current/link"))
            .and_then(|name| name.split_once("/_manifests/tags/"));
        let (Some((repository, tag)), Some(file)) = (name, files.get(&link)?) else {
            continue;
        };
        let text = file.read(MAX_LINK)?;
        let digest = str::from_utf8(&text).ok().map(str::trim);
        let digest = digest.and_then(Digest::parse).ok_or_else(|| {
            let message = format!("{link} in the registry's storage contains no digest");
            Fault::new(FaultKind::Unreadable, message)
        })?;
        let name = format!("{repository}:{tag}");
        images.push(Descriptor {
            annotations: [(NAMES[0].to_owned(), name)].into(),
            ..Descriptor::new(digest)
        });
    }
    Ok(images)
}

/// The file of a blob.
pub(super) fn blob(algorithm: &str, hex: &str) -> String {
    let start = hex.get(..2).unwrap_or(hex);
    format!("docker/registry/v2/blobs/{algorithm}/{start}/{hex}/data")
}
