//! Base images in the cluster's own registry, to which builders know no way: they are put into
//! the builder's storage, once per run, and the user's token stays in this process.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::findings::finding::{Code, Effect, Finding};
use crate::image_build::command::{self, BASE_LAYOUT, BuilderKind, Folders, Storage};
use crate::image_build::log::BuildLog;
use crate::image_build::stage::Builds;
use crate::image_build::stage::inputs::Inputs;
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

impl Builds {
    /// Puts a base image into the storage of a builder.
    pub(super) async fn import(
        &self,
        base: &Base,
        (kind, storage, folders): (BuilderKind, &Storage, &Folders),
        inputs: &Inputs,
        folder: &Path,
        log: &mut BuildLog,
    ) -> Result<(), Finding> {
        let mut imported = self.imported.lock().await;
        let (name, arch) = (&base.image.reference, inputs.run.arch);
        if imported.get(name) == Some(&arch) {
            return Ok(());
        }
        let id = base.image.id();
        let stored = name_in_storage(name, id);
        let layout = folder.join(BASE_LAYOUT);
        base.images.copy_to(&base.image, &layout, &stored).await?;
        for tool in command::import(kind, storage, folders, &inputs.run, folder, (id, &stored)) {
            self.logged(&tool, &inputs.redaction, log, &|_| ()).await?;
        }
        let _ = fs::remove_dir_all(&layout);
        imported.insert(name.clone(), arch);
        Ok(())
    }
}

/// Builders give no image a name with a digest; what is asked for by its digest they find under
/// any tag of its repository.
fn name_in_storage(name: &str, id: &str) -> String {
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
