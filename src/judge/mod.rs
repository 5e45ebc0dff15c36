//! Would this kernel take this module? The rules of KMM's worker, of `modprobe` and of the
//! kernel's loader, over facts that others read (pure).

use crate::image::open::ImageConfig;
use crate::image::overlay::{NeedLayer, Overlay};
use crate::kernel::facts::KernelFacts;
use crate::model::finding::Finding;
use crate::model::plan::{KmmRelease, Work};
use crate::model::target::Target;

/// What is to be loaded, and on which kernel.
#[derive(Debug, Clone, Copy)]
pub struct LoadCase<'a> {
    /// The Module's sections in force.
    pub work: &'a Work,
    /// The kernel.
    pub target: &'a Target,
    /// The KMM release whose worker loads the modules.
    pub release: KmmRelease,
}

/// The keys that the target kernels are said to trust.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Certificates (DER).
    pub certificates: Vec<Vec<u8>>,
}

/// Judges one load.
///
/// # Errors
/// The answer hangs on a layer that was not read yet.
pub fn judge(
    _case: &LoadCase<'_>,
    _overlay: &Overlay,
    _config: &ImageConfig,
    _facts: Option<&KernelFacts>,
    _trust: &Trust,
) -> Result<Vec<Finding>, NeedLayer> {
    Err(NeedLayer)
}
