//! Whole files of an image.

use std::collections::{BTreeMap, BTreeSet};

use crate::findings::finding::{Code, Finding};
use crate::images::layers::layer_reader::{FileBytes, Purpose};
use crate::images::layers::overlay::Overlay;
use crate::images::open::{Images, OpenImage};
use crate::images::registry::fault::Fault;

impl Images {
    /// The whole content of files, under the paths as they are asked for. What is no regular
    /// file of the image is left out.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn files(
        &self,
        image: &OpenImage,
        paths: &[String],
    ) -> Result<Vec<FileBytes>, Finding> {
        self.files_for(image, paths, Purpose::Modules).await
    }

    /// The same where the layers are read for this purpose anyway.
    ///
    /// # Errors
    /// Why they could not be read.
    pub(crate) async fn files_for(
        &self,
        image: &OpenImage,
        paths: &[String],
        purpose: Purpose,
    ) -> Result<Vec<FileBytes>, Finding> {
        let wanted = self.locate(image, paths, purpose).await?;
        let mut files: BTreeMap<(usize, String), FileBytes> = BTreeMap::new();
        let mut by_layer: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (from_top, path) in wanted.iter().flatten() {
            by_layer.entry(*from_top).or_default().insert(path.clone());
        }
        for (from_top, paths) in by_layer {
            let read = self.whole_files(image, from_top, paths, purpose).await;
            let read = read.map_err(|fault| fault.into_finding(&image.reference))?;
            files.extend(
                read.into_iter()
                    .map(|(path, file)| ((from_top, path), file)),
            );
        }
        let named = paths.iter().zip(wanted).filter_map(|(asked, place)| {
            let file = files.get(&place?)?.clone();
            Some(FileBytes {
                path: asked.clone(),
                ..file
            })
        });
        Ok(named.collect())
    }

    /// The layer and the path in it of each file, reading only as many layers as it takes.
    async fn locate(
        &self,
        image: &OpenImage,
        paths: &[String],
        purpose: Purpose,
    ) -> Result<Vec<Option<(usize, String)>>, Finding> {
        let mut overlay = Overlay::new(image.layers.len());
        for from_top in 0..image.layers.len() {
            let located: Result<_, _> = paths.iter().map(|path| overlay.locate(path)).collect();
            if let Ok(located) = located {
                return Ok(located);
            }
            overlay.push(self.layer(image, from_top, purpose).await?);
        }
        let located: Result<_, _> = paths.iter().map(|path| overlay.locate(path)).collect();
        located.map_err(|_more| {
            let message = format!(
                "internal error: every layer of {} was read and another one is needed",
                image.reference
            );
            Finding::new(Code::Internal, message)
        })
    }

    async fn whole_files(
        &self,
        image: &OpenImage,
        from_top: usize,
        paths: BTreeSet<String>,
        purpose: Purpose,
    ) -> Result<BTreeMap<String, FileBytes>, Fault> {
        let (place, layer) = (&image.place, &image.layers[from_top]);
        let read = self.layers.read(place, layer, purpose, paths);
        let mut read = read.await?;
        if !read.links.is_empty() {
            let targets = read.links.values().cloned().collect();
            let more = self.layers.read(place, layer, purpose, targets).await?;
            for (path, target) in &read.links {
                if let Some(file) = more.files.get(target) {
                    read.files.insert(path.clone(), file.clone());
                }
            }
        }
        Ok(read.files)
    }
}
