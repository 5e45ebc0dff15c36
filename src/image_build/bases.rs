//! Base images in the cluster's own registry, to which builders know no way: they are put into
//! the builder's storage, once per run, and the user's token stays in this process.

use std::sync::Arc;

use crate::findings::finding::{Code, Effect, Finding};
use crate::images::open::{Images, OpenImage};
use crate::images::registry::reference;

/// A base image, and the way to its content.
#[derive(Debug, Clone)]
pub struct Base {
    /// The image.
    pub(crate) image: Arc<OpenImage>,
    /// Where its content is read.
    pub(crate) images: Arc<Images>,
}

/// Builders give no image a name with a digest; what is asked for by its digest they find under
/// any tag of its repository.
pub(super) fn name_in_storage(name: &str, id: &str) -> String {
    match reference::parse(name) {
        Ok(parsed) if parsed.digest().is_some() => {
            format!("{}/{}:{id}", parsed.registry(), parsed.repository())
        }
        _ => name.to_owned(),
    }
}

/// Docker's daemon has a storage that is not the run's own.
pub(super) fn not_by_docker(base: &Base) -> Finding {
    let message = format!(
        "base image {} is in the cluster's own registry, which docker's daemon does not reach",
        base.image.reference
    );
    Finding::new(Code::BuildFailed, message)
        .with_effect(Effect::Blocks)
        .hint("Use --builder buildah or --builder podman.")
}
