//! Finds images in layouts and registries, and gives their layers, each read once a run.

use std::path::Path;
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

/// A regular file of an image with its whole content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBytes {
    /// Its path, as it was asked for.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Content.
    pub bytes: Vec<u8>,
}

/// The JSON documents of an image, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The manifest for the architecture.
    pub manifest: Vec<u8>,
    /// The configuration.
    pub config: Vec<u8>,
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

    /// Reads the manifest of an image in a layout on disk that this run has made.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub async fn open_layout(
        &self,
        _layout: &Path,
        reference: &str,
        _arch: Arch,
    ) -> Result<OpenImage, Finding> {
        Err(Finding::new(Code::ImageUnreachable, reference))
    }

    /// Reads the manifest of the one image in a layout whose own blobs are the manifest, the
    /// configuration and the top layer; the layers below are read from where `base` has them.
    ///
    /// # Errors
    /// Why it could not be looked at.
    pub async fn open_on_top(
        &self,
        base: &OpenImage,
        _layout: &Path,
        _arch: Arch,
    ) -> Result<OpenImage, Finding> {
        Err(Finding::new(Code::ImageUnreachable, &*base.reference))
    }

    /// The manifest and the configuration of an image.
    ///
    /// # Errors
    /// Why they could not be read.
    pub async fn documents(&self, image: &OpenImage) -> Result<Documents, Finding> {
        Err(Finding::new(Code::ImageUnreachable, &*image.reference))
    }

    /// Regular files with their whole content, links followed, in the order of `paths`
    /// (relative to the image root).
    ///
    /// # Errors
    /// A file is absent, too large, or could not be read.
    pub async fn files(
        &self,
        image: &OpenImage,
        _paths: &[String],
    ) -> Result<Vec<FileBytes>, Finding> {
        Err(Finding::new(Code::ImageUnreachable, &*image.reference))
    }
}
