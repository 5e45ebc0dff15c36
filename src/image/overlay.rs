//! The file system of an image, as far down as its layers were read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::layer::{LayerIndex, Node};

/// The answer hangs on a layer that was not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeedLayer;

/// A path as the layers leave it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'a> {
    /// What stands there; never a symlink or hard link after [`Overlay::lookup`].
    pub node: &'a Node,
    /// The layer it comes from, counted from the top.
    pub from_top: usize,
}

/// The upper layers of an image.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    layers: Vec<Arc<LayerIndex>>,
    total: usize,
}

impl Overlay {
    /// The file system of an image with `total` layers, none of which is read yet.
    pub fn new(total: usize) -> Self {
        Self {
            layers: Vec::with_capacity(total),
            total,
        }
    }

    /// Adds the next lower layer.
    pub fn push(&mut self, layer: Arc<LayerIndex>) {
        self.layers.push(layer);
    }

    /// True when every layer was read.
    pub fn is_complete(&self) -> bool {
        self.layers.len() >= self.total
    }

    /// What a path names, with symlinks (also of directories) followed inside the image
    /// root, and hard links resolved. `None`: there is no such file, or the links loop.
    /// `path` is relative to the image root, with or without a leading `/`.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn lookup(&self, _path: &str) -> Result<Option<Found<'_>>, NeedLayer> {
        Err(NeedLayer)
    }

    /// The same without following a symlink in the last component.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn lookup_link(&self, _path: &str) -> Result<Option<Found<'_>>, NeedLayer> {
        Err(NeedLayer)
    }

    /// The names in a directory, merged over the layers, sorted; `None` where there is no
    /// such directory.
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn list(&self, _dir: &str) -> Result<Option<Vec<String>>, NeedLayer> {
        Err(NeedLayer)
    }

    /// Every file below a directory by its path relative to it, links inside it unresolved
    /// (what `cp -R` would copy).
    ///
    /// # Errors
    /// A layer further down decides.
    pub fn walk(&self, _dir: &str) -> Result<BTreeMap<String, Found<'_>>, NeedLayer> {
        Err(NeedLayer)
    }
}
