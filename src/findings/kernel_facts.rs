//! Facts about a kernel that are missing, or those of another one.

use kernel_loader::arch::Arch;
use kernel_loader::kernel::facts::{FactsFault, FileTree, KernelFacts, Missing};

use crate::findings::finding::{Code, Effect, Finding};

/// Gathers the facts about a kernel from a tree, and says in findings what is missing.
///
/// # Errors
/// The tree describes another kernel or architecture, or no kernel at all.
pub(crate) fn gather(
    kernel: &str,
    arch: Arch,
    tree: &dyn FileTree,
) -> Result<(KernelFacts, Vec<Finding>), Finding> {
    let facts = KernelFacts::gather(kernel, arch, tree).map_err(|why| fault(kernel, arch, why))?;
    let findings = missing(&facts);
    Ok((facts, findings))
}

/// What is missing of facts about a kernel.
pub(crate) fn missing(facts: &KernelFacts) -> Vec<Finding> {
    let missing = facts.missing().into_iter();
    missing
        .map(|fact| unchecked(&facts.kernel_version, fact))
        .collect()
}

fn fault(kernel: &str, arch: Arch, fault: FactsFault) -> Finding {
    match fault {
        FactsFault::Absent { others } if others.is_empty() => Finding::new(
            Code::KernelFactsMissing,
            "no facts about any kernel were found".to_owned(),
        )
        .hint(
            "Facts are a root folder with usr/src/kernels/K and lib/modules/K, a \
            /lib/modules/K, or a headers tree.",
        ),
        FactsFault::Absent { others } => {
            let others = others.join(", ");
            Finding::new(
                Code::KernelFactsMismatch,
                format!("no facts about kernel {kernel} were found, but facts about {others}"),
            )
            .with_effect(Effect::Blocks)
            .hint(format!(
                "Pass facts about {kernel}, or check with --kernel-version {others}."
            ))
        }
        FactsFault::OtherKernel { release } => Finding::new(
            Code::KernelFactsMismatch,
            format!("the kernel facts are for {release}, not for {kernel}"),
        )
        .hint(format!(
            "Pass facts about {kernel}, or check with --kernel-version {release}."
        )),
        FactsFault::OtherArch { machine } => Finding::new(
            Code::KernelFactsMismatch,
            format!(
                "the in-tree modules of {kernel} are for ELF machine {machine}, not for {arch}"
            ),
        )
        .hint("Pass the facts, or the driver-toolkit image, of the right architecture."),
        FactsFault::Symbols { path } => Finding::new(
            Code::KernelFactsMissing,
            format!("{path} cannot be read: it is truncated, or not a list of symbols"),
        )
        .with_effect(Effect::Blocks)
        .hint("Copy the file again, or remove it: symbols are not checked then."),
    }
}

fn unchecked(kernel: &str, fact: Missing) -> Finding {
    let (what, unchecked, hint) = match fact {
        Missing::Symbols => (
            "Module.symvers",
            "symbols and their versions were not checked",
            "Add the kernel's Module.symvers (kernel-devel) or symvers.gz (kernel-core).",
        ),
        Missing::Config => (
            "the configuration",
            "forced loading and signature enforcement were not checked",
            "Add the kernel's .config (kernel-devel) or config (kernel-core).",
        ),
        Missing::Vermagic => (
            "the version magic",
            "the version magic of modules was only checked in part",
            "Add an in-tree module or the kernel's .config.",
        ),
    };
    Finding::new(
        Code::KernelFactsMissing,
        format!("{what} of {kernel} is missing from the kernel facts: {unchecked}"),
    )
    .hint(hint)
    .as_warning()
}

/// Nobody said where the facts about the kernel are.
pub(crate) fn no_facts(kernel: &str) -> Finding {
    Finding::new(
        Code::KernelFactsMissing,
        format!(
            "No kernel facts for {kernel}: symbols, symbol versions, version magic and \
             signatures were not checked."
        ),
    )
    .hint("Pass --release-image, --dtk-image or --kernel-dir.")
}
