//! Kernel facts from disk (`--kernel-dir`).

use std::path::Path;

use crate::kernel::facts::KernelFacts;
use crate::model::finding::{Code, Effect, Finding};
use crate::model::target::Arch;

/// Gathers the facts about a kernel from a folder: a root with `/usr/src/kernels/K` and
/// `/lib/modules/K`, a `/lib/modules/K`, or an unpacked headers tree.
///
/// # Errors
/// The folder is none of these, or describes another kernel.
pub fn from_dir(
    dir: &Path,
    _kernel_version: &str,
    _arch: Arch,
) -> Result<(KernelFacts, Vec<Finding>), Finding> {
    Err(Finding::new(
        Code::KernelFactsMissing,
        format!("{} holds no facts about a kernel", dir.display()),
    )
    .with_effect(Effect::Blocks))
}
