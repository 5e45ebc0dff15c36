//! Sections that the loaders of some architectures look for in every module.

use serde::{Deserialize, Serialize};

use super::{Arch, aarch64, ppc64le};

/// A section that an architecture's `module.lds` puts into every module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchSection {
    /// `.plt` (arm64): veneers of calls that lead too far.
    Plt,
    /// `.init.plt` (arm64): those of init code.
    InitPlt,
    /// `.text.ftrace_trampoline` (arm64): the veneer of the function tracer.
    FtraceTrampoline,
    /// `.init.text.ftrace_trampoline` (arm64): that of init code.
    InitFtraceTrampoline,
    /// `.stubs` (64-bit POWER): stubs of calls that leave the module.
    Stubs,
}

impl ArchSection {
    /// Those of an architecture.
    pub(crate) fn of(arch: Option<Arch>) -> &'static [Self] {
        match arch {
            Some(Arch::Arm64) => &aarch64::SECTIONS,
            Some(Arch::Ppc64le) => &ppc64le::SECTIONS,
            Some(Arch::Amd64 | Arch::S390x) | None => &[],
        }
    }

    /// Its name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plt => ".plt",
            Self::InitPlt => ".init.plt",
            Self::FtraceTrampoline => ".text.ftrace_trampoline",
            Self::InitFtraceTrampoline => ".init.text.ftrace_trampoline",
            Self::Stubs => ".stubs",
        }
    }
}
