//! What differs by architecture.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) mod aarch64;
pub(crate) mod memory;
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

    /// Whether programs of that machine run on the architecture; `None` where the kernel's
    /// configuration decides (`CONFIG_IA32_EMULATION`, `CONFIG_COMPAT`).
    pub fn runs(self, program: ElfMachine) -> Option<bool> {
        let little_endian = self != Self::S390x;
        match (self, program.number) {
            (_, number) if number == self.elf_machine() => {
                Some(program.little_endian == little_endian)
            }
            // EM_386, EM_ARM.
            (Self::Amd64, 3) | (Self::Arm64, 40) => None,
            _ => Some(false),
        }
    }

    /// The architecture that a kernel release ends with (`5.14.0-70.el9.x86_64`,
    /// `…+rt`, Debian's `-amd64`), where it does.
    pub fn of_kernel_release(release: &str) -> Option<Self> {
        release
            .split(['.', '-', '+', '_'])
            .rev()
            .find_map(|word| match word {
                "aarch64" | "arm64" => Some(Self::Arm64),
                "ppc64le" | "powerpc64le" | "ppc64el" => Some(Self::Ppc64le),
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
            "amd64" | "x86_64" | "x86-64" => Ok(Self::Amd64),
            "arm64" | "aarch64" => Ok(Self::Arm64),
            "ppc64le" | "powerpc64le" | "ppc64el" => Ok(Self::Ppc64le),
            "s390x" => Ok(Self::S390x),
            _ => Err(UnknownArch(s.to_owned())),
        }
    }
}

/// The machine that an ELF program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfMachine {
    /// `e_machine`, in the byte order that the file declares.
    pub number: u16,
    /// True for `ELFDATA2LSB`.
    pub little_endian: bool,
}

impl ElfMachine {
    /// Reads it from the first bytes of a file; `None` where that is not an ELF file.
    pub fn of(start: &[u8]) -> Option<Self> {
        if !start.starts_with(b"\x7fELF") {
            return None;
        }
        let number = [*start.get(18)?, *start.get(19)?];
        let (number, little_endian) = match start[5] {
            1 => (u16::from_le_bytes(number), true),
            2 => (u16::from_be_bytes(number), false),
            _ => return None,
        };
        Some(Self {
            number,
            little_endian,
        })
    }
}

impl fmt::Display for ElfMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Arch::ALL.into_iter();
        match known
            .into_iter()
            .find(|arch| arch.runs(*self) == Some(true))
        {
            Some(arch) => arch.fmt(f),
            None => write!(f, "ELF machine {}", self.number),
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
    fn names_of_other_tools_are_read_as_the_same() {
        for (name, arch) in [
            ("x86_64", Arch::Amd64),
            ("x86-64", Arch::Amd64),
            ("aarch64", Arch::Arm64),
            ("powerpc64le", Arch::Ppc64le),
            ("s390x", Arch::S390x),
        ] {
            assert_eq!(name.parse(), Ok(arch));
        }
        assert!("ppc64".parse::<Arch>().is_err());
    }

    #[test]
    fn a_program_runs_on_its_own_machine() {
        let program = |number: u16, little_endian: bool| {
            let mut start = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\0\0";
            if !little_endian {
                start[5] = 2;
            }
            let number = match little_endian {
                true => number.to_le_bytes(),
                false => number.to_be_bytes(),
            };
            start[18..].copy_from_slice(&number);
            ElfMachine::of(&start).expect("an ELF program")
        };
        for (arch, number, little_endian, runs) in [
            (Arch::Amd64, 62, true, Some(true)),
            (Arch::Amd64, 183, true, Some(false)),
            (Arch::Amd64, 3, true, None),
            (Arch::Arm64, 183, true, Some(true)),
            (Arch::Arm64, 40, true, None),
            (Arch::Ppc64le, 21, true, Some(true)),
            (Arch::Ppc64le, 21, false, Some(false)),
            (Arch::S390x, 22, false, Some(true)),
        ] {
            let seen = arch.runs(program(number, little_endian));
            assert_eq!(seen, runs, "{arch} and {number}");
        }
        assert_eq!(ElfMachine::of(b"#!/bin/sh\nexec busybox"), None);
        assert_eq!(ElfMachine::of(b"\x7fELF\x02\x01"), None);
    }

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
            ("6.1.0-56-powerpc64le", Some(Arch::Ppc64le)),
            ("6.1.0", None),
        ] {
            assert_eq!(Arch::of_kernel_release(release), arch, "{release}");
        }
    }
}
