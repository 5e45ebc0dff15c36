//! The file system of an image as a tree of kernel facts.

use std::borrow::Cow;
use std::sync::Arc;

use futures::{StreamExt, stream};
use kernel_loader::kernel::facts::FileTree;
use kernel_loader::module::ModuleFile;

use crate::findings::finding::Finding;
use crate::images::layers::layer_reader::Purpose;
use crate::images::layers::overlay::Overlay;
use crate::images::open::{Images, OpenImage};
use crate::model::layer::{Content, Node};

/// Layers of an image with kernel facts that are read side by side: all of them count.
const LAYERS_AT_A_TIME: usize = 4;

/// Reads every layer of an image for what it has about kernels.
///
/// # Errors
/// Why a layer could not be read.
pub(crate) async fn read_all(images: &Arc<Images>, image: &OpenImage) -> Result<Overlay, Finding> {
    let mut overlay = Overlay::new(image.layers.len());
    let reads =
        (0..image.layers.len()).map(|from_top| images.layer(image, from_top, Purpose::Kernel));
    let mut layers = stream::iter(reads).buffered(LAYERS_AT_A_TIME);
    while let Some(layer) = layers.next().await {
        overlay.push(layer?);
    }
    drop(layers);
    Ok(overlay)
}

/// An image all of whose layers were read.
#[derive(Debug)]
pub(crate) struct OverlayTree<'a>(pub &'a Overlay);

impl OverlayTree<'_> {
    fn content(&self, path: &str) -> Option<&Content> {
        match self.0.lookup(path).ok()??.node {
            Node::File { content, .. } => Some(content),
            _ => None,
        }
    }
}

impl FileTree for OverlayTree<'_> {
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        match self.content(path)? {
            Content::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Content::Skipped | Content::NoModule(_) | Content::Module(_) | Content::TooLarge(_) => {
                None
            }
        }
    }

    fn list(&self, dir: &str) -> Vec<String> {
        self.0.list(dir).ok().flatten().unwrap_or_default()
    }

    fn is_file(&self, path: &str) -> bool {
        self.content(path).is_some()
    }

    fn module(&self, path: &str) -> Option<Arc<ModuleFile>> {
        match self.content(path)? {
            Content::Module(module) => Some(Arc::clone(module)),
            Content::Skipped | Content::NoModule(_) | Content::Bytes(_) | Content::TooLarge(_) => {
                None
            }
        }
    }
}
