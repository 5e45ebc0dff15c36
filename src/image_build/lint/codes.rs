//! The sub-codes of `dockerfile-lint`.

use std::fmt;

/// A known weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubCode {
    DoesNotParse,
    DepmodMissing,
    DepmodKernelMissing,
    ArgUndeclared,
    ArgNeverSet,
    KernelHardCoded,
    KernelOfBuildNode,
    DtkHardCoded,
    DtkAutoUpstream,
    ModuleElsewhere,
    NoShell,
    BaseFloating,
    ModName,
}

impl SubCode {
    /// What to write instead.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::DoesNotParse => "Correct that line.",
            Self::DepmodMissing => {
                "Add RUN depmod -b <dirName> ${KERNEL_VERSION} after the modules are in place."
            }
            Self::DepmodKernelMissing => "Write depmod -b <dirName> ${KERNEL_VERSION}.",
            Self::ArgUndeclared => {
                "Declare it with ARG in each stage that uses it; for FROM, before the first FROM."
            }
            Self::ArgNeverSet => "Add a default, or a value in the build section's buildArgs.",
            Self::KernelHardCoded | Self::KernelOfBuildNode => "Use ${KERNEL_VERSION}.",
            Self::DtkHardCoded => "Use ARG DTK_AUTO and FROM ${DTK_AUTO}.",
            Self::DtkAutoUpstream => "Use a base image with the kernel's headers.",
            Self::ModuleElsewhere => "Copy it below <dirName>/lib/modules/${KERNEL_VERSION}.",
            Self::NoShell => "Use a final stage with /bin/sh, mkdir and cp.",
            Self::BaseFloating => "Use a tag or, better, a digest.",
            Self::ModName => "Write out the module's name.",
        }
    }
}

/// Its stable name, the first word of a finding's message.
impl fmt::Display for SubCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoesNotParse => "does-not-parse",
            Self::DepmodMissing => "depmod-missing",
            Self::DepmodKernelMissing => "depmod-kernel-missing",
            Self::ArgUndeclared => "arg-undeclared",
            Self::ArgNeverSet => "arg-never-set",
            Self::KernelHardCoded => "kernel-hard-coded",
            Self::KernelOfBuildNode => "kernel-of-build-node",
            Self::DtkHardCoded => "dtk-hard-coded",
            Self::DtkAutoUpstream => "dtk-auto-upstream",
            Self::ModuleElsewhere => "module-elsewhere",
            Self::NoShell => "no-shell",
            Self::BaseFloating => "base-floating",
            Self::ModName => "mod-name",
        })
    }
}
