//! How much of a layer is read.

use kernel_loader::module::LARGEST_MODULE;

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
    /// Folders that all paths lead through, those of links each time anew.
    pub steps: usize,
    /// Bytes of the tar archive.
    pub unpacked: u64,
    /// Bytes of one module file; a larger one stays [`Content::TooLarge`].
    pub module: u64,
    /// The same of a compressed one, as it is stored.
    pub packed_module: u64,
    /// Bytes of one other file that is kept.
    pub file: u64,
    /// Bytes of memory for all names, links' targets, facts about modules, and files that are
    /// kept.
    pub kept: usize,
    /// Bytes of all files whose whole content is wanted.
    pub wanted: usize,
}

/// Bytes that layers may take in memory, of all images that a run looks at side by side.
pub(crate) const KEPT_BY_ALL: usize = 160 << 20;
/// The same for the one image at a time for which that was not enough.
pub(crate) const KEPT_BY_ONE: usize = 128 << 20;
/// Bytes that a layer or archive may always have when it is unpacked.
pub(crate) const UNPACKED_AT_LEAST: u64 = 2 << 30;
/// How many times its own size it may have beyond that.
pub(crate) const UNPACKED_RATIO: u64 = 100;

impl LayerLimits {
    /// The same for a layer of so many bytes: a small one may not unpack to any size.
    #[must_use]
    pub fn of_size(self, size: u64) -> Self {
        Self {
            unpacked: self.unpacked.min(unpacked(size)),
            ..self
        }
    }
}

/// What a stream of so many bytes may unpack to.
pub(crate) fn unpacked(size: u64) -> u64 {
    UNPACKED_AT_LEAST.saturating_add(size.saturating_mul(UNPACKED_RATIO))
}

impl Default for LayerLimits {
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            path: 4096,
            depth: 256,
            steps: 16 << 20,
            unpacked: 32 << 30,
            module: LARGEST_MODULE,
            packed_module: 32 << 20,
            file: 16 << 20,
            kept: 96 << 20,
            wanted: 256 << 20,
        }
    }
}
