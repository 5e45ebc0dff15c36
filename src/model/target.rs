//! Targets: the kernels that modules are checked against.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use kernel_loader::arch::Arch;

/// A kind of kernel, in the words of MachineConfig's `kernelType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KernelType {
    /// The standard kernel.
    #[default]
    Default,
    /// The real-time kernel.
    Realtime,
    /// The kernel with pages of 64 KiB, for arm64 only.
    Pages64k,
}

impl KernelType {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Default, Self::Realtime, Self::Pages64k];

    /// MachineConfig's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Realtime => "realtime",
            Self::Pages64k => "64k-pages",
        }
    }

    /// The kind of a RHEL kernel by its release: `…+rt` and RHEL 8's `….rt7.…`, `…+64k`, and
    /// `…-debug` of each.
    pub fn of_kernel_release(release: &str) -> Self {
        let is_rt = |word: &str| {
            word.strip_prefix("rt")
                .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()))
        };
        let kind = release.strip_suffix("-debug").unwrap_or(release);
        if kind.ends_with("+64k") {
            Self::Pages64k
        } else if release.split(['.', '+', '-']).any(is_rt) {
            Self::Realtime
        } else {
            Self::Default
        }
    }
}

impl fmt::Display for KernelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KernelType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                format!("unknown kernel type `{text}`; use default, realtime or 64k-pages")
            })
    }
}

/// Where a target comes from, and which nodes it is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The releases that have this kernel, by version.
    pub releases: Vec<String>,
    /// The operating system stream, such as `rhel-9`.
    pub os_stream: Option<String>,
    /// The kind of kernel, where it was chosen or is known.
    pub kernel_type: Option<KernelType>,
    /// The MachineConfigPools whose nodes run it, or will run it.
    pub pools: Vec<String>,
    /// The names of these nodes; `None` where no cluster was asked for them.
    pub nodes: Option<BTreeSet<String>>,
    /// True for a kernel that nodes run now (`--current`).
    pub is_current: bool,
    /// True for a kernel to come.
    pub is_new: bool,
}

impl Scope {
    /// The versions of the releases, as one text.
    pub fn release(&self) -> Option<String> {
        (!self.releases.is_empty()).then(|| self.releases.join(", "))
    }
}

/// One kernel to check against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `uname -r` of the kernel, as given.
    pub kernel_version: String,
    /// The architecture of its nodes.
    pub arch: Arch,
    /// The driver-toolkit image that describes it, where known.
    pub dtk_image: Option<String>,
    /// The machine-os image that has it, where that is the source of the kernel's facts.
    pub os_image: Option<String>,
    /// The machine-os image of its nodes, where the driver-toolkit image has the same kernel: it
    /// is read only where what nodes have decides.
    pub nodes_image: Option<String>,
    /// Where it comes from.
    pub scope: Arc<Scope>,
}

impl Target {
    /// A kernel of which nothing else is known.
    pub fn new(kernel_version: impl Into<String>, arch: Arch) -> Self {
        Self {
            kernel_version: kernel_version.into(),
            arch,
            dtk_image: None,
            os_image: None,
            nodes_image: None,
            scope: Arc::default(),
        }
    }

    /// The same with the image that describes the kernel.
    #[must_use]
    pub fn with_toolkit(mut self, dtk_image: Option<String>) -> Self {
        self.dtk_image = dtk_image;
        self
    }

    /// The machine-os image that has it, where known.
    pub fn machine_os(&self) -> Option<&str> {
        self.os_image.as_deref().or(self.nodes_image.as_deref())
    }
}

/// Targets that are equal have the same kernel; the rest need not be read for a hash.
impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel_version.hash(state);
        self.arch.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_release_tells_its_kind() {
        for (release, kind) in [
            ("5.14.0-427.el9.x86_64", KernelType::Default),
            ("5.14.0-427.el9.x86_64+rt", KernelType::Realtime),
            ("4.18.0-372.9.1.rt7.166.el8.x86_64", KernelType::Realtime),
            ("5.14.0-427.el9.aarch64+64k", KernelType::Pages64k),
            ("5.14.0-427.el9.aarch64+64k-debug", KernelType::Pages64k),
            ("5.14.0-427.el9.x86_64+rt-debug", KernelType::Realtime),
            ("6.1.0-47-rt-amd64", KernelType::Realtime),
            ("6.1.0-47-art-amd64", KernelType::Default),
        ] {
            assert_eq!(KernelType::of_kernel_release(release), kind, "{release}");
        }
    }

    #[test]
    fn a_kernel_type_is_read_by_its_own_word() {
        for kind in KernelType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert!("rt".parse::<KernelType>().is_err());
    }
}
