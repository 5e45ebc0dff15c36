//! Images that a build or a signature left in a layout on disk.

use std::path::Path;
use std::sync::Arc;

use super::Images;
use crate::findings::finding::Finding;
use crate::images::image_source::ImageSource;
use crate::images::layouts::layout::Layout;
use crate::images::open_image::OpenImage;
use crate::images::registry::fault::{Fault, FaultKind};
use crate::model::target::Arch;

impl Images {
    /// Reads the manifest of an image in a layout on disk: the one of that name, or the only
    /// one that the layout holds.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub async fn open_layout(
        &self,
        dir: &Path,
        reference: &str,
        arch: Arch,
    ) -> Result<OpenImage, Finding> {
        let opened = async {
            let layout = Layout::open(dir)?;
            let found = layout.find(reference).map(|found| found.image);
            let found = found.or_else(|| layout.single().cloned());
            let Some(found) = found else {
                let message = format!("layout {} does not contain it", dir.display());
                return Err(Fault::new(FaultKind::NotFound, message));
            };
            let place = ImageSource::Layout(Arc::new(layout));
            self.open_at(place, &found.digest, reference, arch).await
        };
        opened.await.map_err(|fault| fault.into_finding(reference))
    }

    /// Reads the manifest of the one image in a layout whose own blobs are the manifest, the
    /// configuration and the top layers; the layers below are read from where `base` has them.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub async fn open_on_top(
        &self,
        base: &OpenImage,
        dir: &Path,
        arch: Arch,
    ) -> Result<OpenImage, Finding> {
        let opened = async {
            let layout = Layout::open(dir)?;
            let Some(found) = layout.single().cloned() else {
                let message = format!(
                    "layout {} does not contain exactly one \
                    image",
                    dir.display()
                );
                return Err(Fault::new(FaultKind::NotFound, message));
            };
            let place = ImageSource::Stacked(Arc::new(layout), Arc::new(base.place.clone()));
            self.open_at(place, &found.digest, &base.reference, arch)
                .await
        };
        opened
            .await
            .map_err(|fault| fault.into_finding(&base.reference))
    }
}
