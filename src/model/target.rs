//! Targets: the kernels that modules are checked against.

pub use kernel_loader::arch::Arch;

/// One kernel to check against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// `uname -r` of the kernel, as given.
    pub kernel_version: String,
    /// The architecture of its nodes.
    pub arch: Arch,
    /// The driver-toolkit image that describes it, where known.
    pub dtk_image: Option<String>,
}
