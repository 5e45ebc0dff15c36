//! Which kernels to check against.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::model::target::{Arch, KernelType};

/// Flags that name the target kernels and where their facts are.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Kernel to check against, as `uname -r` prints it (repeatable)
    #[arg(long, value_name = "KERNEL", value_parser = parse_kernel_version)]
    pub kernel_version: Vec<String>,
    /// OpenShift release to check (repeatable with --local)
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["kernel_version", "dtk_image"])]
    pub release_image: Vec<String>,
    /// Update of the cluster, or `all` (repeatable with --local)
    #[arg(long, value_name = "X.Y.Z", conflicts_with_all = ["kernel_version", "dtk_image"])]
    pub to: Vec<String>,
    /// Check the nodes' current kernels as well
    #[arg(long)]
    pub current: bool,
    /// Driver-toolkit image of the kernel
    #[arg(long, value_name = "IMAGE")]
    pub dtk_image: Option<String>,
    /// Machine-os image of the kernel, such as rhel-coreos
    #[arg(long, value_name = "IMAGE")]
    pub os_image: Option<String>,
    /// Kernel type: default, realtime or 64k-pages (repeatable) [default: the pools' types]
    #[arg(long, value_name = "TYPE", value_parser = kernel_type_parser())]
    kernel_type: Vec<KernelType>,
    /// Short for --kernel-type realtime
    #[arg(long)]
    rt: bool,
    /// Operating system stream of the release, such as rhel-9 (repeatable) [default: the pools'
    /// streams; without a cluster all of them]
    #[arg(long, value_name = "NAME")]
    pub os_stream: Vec<String>,
    /// Only the nodes of this MachineConfigPool (repeatable)
    #[arg(long, value_name = "NAME")]
    pub pool: Vec<String>,
    /// Read the kernels from the cluster's MachineConfigPools, or take the release's standard
    /// kernels [default: auto]
    #[arg(long, value_enum, value_name = "WHEN")]
    pub pools: Option<PoolsMode>,
    /// Architecture to check for (repeatable)
    #[arg(long, value_name = "ARCH")]
    pub arch: Vec<Arch>,
    /// Kernel facts from disk: a root with /usr/src/kernels/K and /lib/modules/K, a
    /// /lib/modules/K, or an unpacked headers tree
    #[arg(long, value_name = "DIR")]
    pub kernel_dir: Option<PathBuf>,
    /// Certificate of a key that the kernel trusts, PEM or DER (repeatable)
    #[arg(long, value_name = "FILE")]
    pub signing_cert: Vec<PathBuf>,
    /// The nodes use Secure Boot: the kernel enforces signatures, whatever its configuration
    #[arg(long)]
    pub secure_boot: bool,
}

/// `--pools`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PoolsMode {
    /// If the cluster has pools and they can be read
    Auto,
    /// Do not read them
    Off,
}

impl TargetArgs {
    /// The kinds of kernels that `--kernel-type` and `--rt` choose, each once; none where
    /// neither was given.
    pub fn kernel_types(&self) -> Vec<KernelType> {
        let mut kinds: Vec<KernelType> = Vec::new();
        let given = self.kernel_type.iter().copied();
        for kind in given.chain(self.rt.then_some(KernelType::Realtime)) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// True where a flag says which kernels to check.
    pub fn names_a_kernel(&self) -> bool {
        !self.kernel_version.is_empty()
            || !self.release_image.is_empty()
            || !self.to.is_empty()
            || self.dtk_image.is_some()
            || self.os_image.is_some()
            || self.current
    }

    /// True where a flag is about the cluster's own updates, pools or nodes.
    pub fn asks_the_cluster(&self) -> bool {
        !self.to.is_empty()
            || self.current
            || !self.pool.is_empty()
            || self.pools == Some(PoolsMode::Auto)
    }
}

fn kernel_type_parser() -> impl TypedValueParser<Value = KernelType> {
    PossibleValuesParser::new(KernelType::ALL.map(KernelType::as_str))
        .try_map(|word| word.parse::<KernelType>())
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
