//! Which kernels to check against.

use std::path::PathBuf;

use clap::Args;

use crate::model::target::Arch;

/// Flags that name the target kernels and where their facts are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// The kernel to check against, as `uname -r` prints it (repeatable)
    #[arg(long, value_name = "KERNEL", value_parser = parse_kernel_version)]
    pub kernel_version: Vec<String>,
    /// The OpenShift release to check against: its driver-toolkit image tells the kernel
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["kernel_version", "dtk_image"])]
    pub release_image: Option<String>,
    /// The driver-toolkit image with the facts about the kernel
    #[arg(long, value_name = "IMAGE")]
    pub dtk_image: Option<String>,
    /// Check against the release's real-time kernel
    #[arg(long)]
    pub rt: bool,
    /// The architecture to check for (repeatable); without it the one that the kernel
    /// version ends with
    #[arg(long, value_name = "ARCH")]
    pub arch: Vec<Arch>,
    /// Kernel facts from disk: a root with /usr/src/kernels/K and /lib/modules/K, a
    /// /lib/modules/K, or an unpacked headers tree
    #[arg(long, value_name = "DIR")]
    pub kernel_dir: Option<PathBuf>,
    /// A key that the kernel trusts, as a PEM or DER certificate (repeatable)
    #[arg(long, value_name = "FILE")]
    pub signing_cert: Vec<PathBuf>,
    /// The nodes boot with Secure Boot: the kernel enforces signatures, whatever its
    /// configuration says
    #[arg(long)]
    pub secure_boot: bool,
}

/// A kernel version as a flag: the name of a folder below `/lib/modules`. An unset variable
/// in a script must not become a kernel that no Module is for.
fn parse_kernel_version(text: &str) -> Result<String, String> {
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if text.is_empty() || text.contains(odd) {
        return Err("a kernel version is what `uname -r` prints on a node".to_owned());
    }
    Ok(text.to_owned())
}
