//! Writes OCI layouts (OCI image spec, image-layout.md).

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde_json::json;

use crate::findings::finding::Finding;
use crate::images::documents::media_type;
use crate::images::image_source::blocking;
use crate::images::layouts::names::NAMES;
use crate::images::open::{Images, OpenImage};
use crate::images::registry::fault::{Fault, FaultKind};
use crate::images::registry::manifest::Manifest;
use crate::images::registry::reference;

/// Opens the file of a blob for writing.
pub(crate) fn blob(layout: &Path, digest: &str) -> io::Result<File> {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", digest));
    let folder = layout.join("blobs").join(algorithm);
    fs::create_dir_all(&folder)?;
    File::create(folder.join(hex))
}

/// Ends a layout with the list of its only image, perhaps with that image's name.
pub(crate) fn finish(
    layout: &Path,
    media_type: &str,
    digest: &str,
    size: usize,
    name: Option<&str>,
) -> io::Result<()> {
    let mut manifest = json!({"mediaType": media_type, "digest": digest, "size": size});
    if let Some(name) = name {
        manifest["annotations"] = json!({ NAMES[0]: name });
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    fs::write(layout.join("index.json"), index.to_string())?;
    fs::write(
        layout.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
}

impl Images {
    /// Copies an image into a layout of its own, under a name, for a program that does not
    /// reach the place where it is. An image of an index that the reference names by digest
    /// comes with that index, by whose digest the program looks for it.
    ///
    /// # Errors
    /// Why it could not be read or written.
    pub(crate) async fn copy_to(
        &self,
        image: &OpenImage,
        layout: &Path,
        name: &str,
    ) -> Result<(), Finding> {
        let documents = self.documents(image).await?;
        let parsed = reference::parse(&image.reference).ok();
        let named = parsed.as_ref().and_then(|parsed| parsed.digest());
        let copied = async {
            let Manifest::Image { config, layers } = Manifest::parse(&documents.manifest)? else {
                let message = "the manifest is an index";
                return Err(Fault::new(FaultKind::Unreadable, message));
            };
            for part in layers.iter().chain([&config]) {
                let mut content = image.place.blob(&part.digest, part.size).await?;
                let (layout, digest) = (layout.to_owned(), part.digest.to_string());
                blocking("copying an image", move || {
                    let mut file = blob(&layout, &digest).map_err(unwritten)?;
                    io::copy(&mut content, &mut file).map_err(unwritten)
                })
                .await?;
            }
            let mut all = vec![(&*image.digest, documents.manifest)];
            if let Some(index) = named.filter(|named| *named != image.digest) {
                all.push((index, self.document(&image.place, index, None).await?));
            }
            let write = || {
                for (digest, document) in &all {
                    io::copy(&mut document.as_slice(), &mut blob(layout, digest)?)?;
                }
                let (digest, document) = &all[all.len() - 1];
                finish(
                    layout,
                    &media_type(document),
                    digest,
                    document.len(),
                    Some(name),
                )
            };
            write().map_err(unwritten)
        };
        let copied: Result<(), Fault> = copied.await;
        copied.map_err(|fault| fault.into_finding(&image.reference))
    }
}

/// What kept an image from being copied: a fault of its place, or this machine.
fn unwritten(error: io::Error) -> Fault {
    let message = format!("it cannot be copied: {error}");
    match error.into_inner().map(|inner| inner.downcast::<Fault>()) {
        Some(Ok(fault)) => *fault,
        _ => Fault::new(FaultKind::Unreadable, message)
            .hint("Check the space and the permissions of the folder in TMPDIR."),
    }
}
