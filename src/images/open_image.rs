//! An image whose manifest was read, and the layers that it names.

use crate::findings::finding::Finding;
use crate::images::image_source::ImageSource;
use crate::images::registry::image_config::ImageConfig;
use crate::images::registry::manifest::Descriptor;

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRef {
    /// `sha256:…`
    pub digest: String,
    /// Media type as the manifest writes it.
    pub media_type: String,
    /// Size in bytes as the manifest writes it.
    pub size: u64,
    /// The descriptor's annotations, which may point to a table of contents.
    pub annotations: Vec<(String, String)>,
}

/// An image whose manifest was read.
#[derive(Debug, Clone)]
pub struct OpenImage {
    /// The reference as it was asked for.
    pub reference: String,
    /// The digest of the manifest for the architecture.
    pub digest: String,
    /// What its configuration says.
    pub config: ImageConfig,
    /// Its layers, the top one first.
    pub layers: Vec<LayerRef>,
    /// Remarks, such as the mirror that answered.
    pub notes: Vec<Finding>,
    /// The digest of its configuration.
    pub(super) config_digest: String,
    /// Where its content is.
    pub(crate) place: ImageSource,
}

impl OpenImage {
    /// What builders know the image by: its configuration's digest without the algorithm.
    pub(crate) fn id(&self) -> &str {
        let digest = self.config_digest.split_once(':');
        digest.map_or(&self.config_digest, |(_, id)| id)
    }
}

impl From<Descriptor> for LayerRef {
    fn from(descriptor: Descriptor) -> Self {
        Self {
            digest: descriptor.digest.into(),
            media_type: descriptor.media_type,
            size: descriptor.size,
            annotations: descriptor.annotations.into_iter().collect(),
        }
    }
}
