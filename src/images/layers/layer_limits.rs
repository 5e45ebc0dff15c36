//! How much of a layer is read.

#[cfg(doc)]
use crate::model::layer::Content;

/// Beyond these a layer is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerLimits {
    /// Entries.
    pub entries: usize,
    /// Bytes of one path, or of one link's target (`PATH_MAX`).
    pub path: usize,
    /// Folders in one path.
    pub depth: usize,
    /// Bytes of the tar archive.
    pub unpacked: u64,
    /// Bytes of one module file; a larger one stays [`Content::TooLarge`].
    pub module: u64,
    /// Bytes of one other file that is kept.
    pub file: u64,
    /// Bytes of all names, of links' targets, and of all files that are kept.
    pub kept: u64,
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            path: 4096,
            depth: 256,
            unpacked: 32 << 30,
            module: 256 << 20,
            file: 64 << 20,
            kept: 256 << 20,
        }
    }
}
