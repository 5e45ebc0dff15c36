//! What differs by architecture.

use std::fmt;
use std::str::FromStr;

pub(crate) mod aarch64;
pub(crate) mod ppc64le;
pub(crate) mod s390x;
pub mod sections;
pub(crate) mod x86_64;

/// A CPU architecture in the words of OCI image indexes (`GOARCH`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64
    Amd64,
    /// AArch64
    Arm64,
    /// 64-bit little-endian POWER
    Ppc64le,
    /// IBM Z
    S390x,
}

impl Arch {
    /// Every architecture that OpenShift runs on.
    pub const ALL: [Self; 4] = [Self::Amd64, Self::Arm64, Self::Ppc64le, Self::S390x];

    /// OCI's word, as in `platform.architecture`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
        }
    }

    /// `e_machine` of the architecture's modules (`elf_check_arch`).
    pub fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
            Self::Ppc64le => 21,
            Self::S390x => 22,
        }
    }

    /// The architecture of modules with this `e_machine`.
    pub fn of_elf_machine(machine: u16) -> Option<Self> {
        let is_its = |arch: &Self| arch.elf_machine() == machine;
        Self::ALL.into_iter().find(is_its)
    }

    /// The architecture that a kernel release ends with (`5.14.0-70.el9.x86_64`,
    /// `…+rt`, Debian's `-amd64`), where it does.
    pub fn of_kernel_release(release: &str) -> Option<Self> {
        release
            .split(['.', '-', '+', '_'])
            .rev()
            .find_map(|word| match word {
                "aarch64" | "arm64" => Some(Self::Arm64),
                "ppc64le" => Some(Self::Ppc64le),
                "s390x" => Some(Self::S390x),
                "amd64" | "64" if release.contains("x86_64") || release.contains("amd64") => {
                    Some(Self::Amd64)
                }
                _ => None,
            })
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "amd64" | "x86_64" => Ok(Self::Amd64),
            "arm64" | "aarch64" => Ok(Self::Arm64),
            "ppc64le" => Ok(Self::Ppc64le),
            "s390x" => Ok(Self::S390x),
            _ => Err(UnknownArch(s.to_owned())),
        }
    }
}

/// None of the architectures of [`Arch`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture `{0}`; use amd64, arm64, ppc64le or s390x")]
pub struct UnknownArch(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_release_tells_its_architecture() {
        for (release, arch) in [
            ("5.14.0-70.58.1.el9_0.x86_64", Some(Arch::Amd64)),
            ("5.14.0-284.el9.x86_64+rt", Some(Arch::Amd64)),
            ("5.14.0-284.el9.aarch64", Some(Arch::Arm64)),
            ("5.14.0-284.el9.aarch64+64k", Some(Arch::Arm64)),
            ("6.1.0-47-amd64", Some(Arch::Amd64)),
            ("6.1.0-47-rt-amd64", Some(Arch::Amd64)),
            ("6.12.107+deb12-cloud-arm64", Some(Arch::Arm64)),
            ("5.14.0-284.el9.s390x", Some(Arch::S390x)),
            ("5.14.0-284.el9.ppc64le", Some(Arch::Ppc64le)),
            ("6.1.0", None),
        ] {
            assert_eq!(Arch::of_kernel_release(release), arch, "{release}");
        }
    }
}
