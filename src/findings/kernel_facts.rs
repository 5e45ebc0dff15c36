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
    let missing = facts.missing();
    let findings = missing.into_iter().map(|fact| unchecked(kernel, fact));
    let findings = findings.collect();
    Ok((facts, findings))
}

fn fault(kernel: &str, arch: Arch, fault: FactsFault) -> Finding {
    match fault {
        FactsFault::Absent { others } if others.is_empty() => Finding::new(
            Code::KernelFactsMissing,
            format!("no facts about kernel {kernel}, or any other, were found"),
        )
        .with_effect(Effect::Blocks)
        .hint("facts are usr/src/kernels/K and lib/modules/K below a root, a /lib/modules/K, or a headers tree"),
        FactsFault::Absent { others } => {
            let others = others.join(", ");
            Finding::new(
                Code::KernelFactsMismatch,
                format!("no facts about kernel {kernel} were found, but facts about {others}"),
            )
            .with_effect(Effect::Blocks)
            .hint(format!(
                "name facts about {kernel}, or check with --kernel-version {others}"
            ))
        }
        FactsFault::OtherKernel { release } => Finding::new(
            Code::KernelFactsMismatch,
            format!("the kernel facts are those of {release}, and {kernel} was asked for"),
        )
        .hint(format!(
            "name facts about {kernel}, or check with --kernel-version {release}"
        )),
        FactsFault::OtherArch { machine } => Finding::new(
            Code::KernelFactsMismatch,
            format!(
                "the in-tree modules of {kernel} are for ELF machine {machine}, and facts for {arch} were asked for"
            ),
        )
        .hint("name the facts, or the driver-toolkit image, of the right architecture"),
        FactsFault::Symbols { path } => Finding::new(
            Code::KernelFactsMissing,
            format!("{path} is there and cannot be read: it is cut off, or no list of symbols"),
        )
        .with_effect(Effect::Blocks)
        .hint("copy the file again, or take it away: the symbols are not checked then"),
    }
}

fn unchecked(kernel: &str, fact: Missing) -> Finding {
    let (what, unchecked, hint) = match fact {
        Missing::Symbols => (
            "Module.symvers",
            "symbols and their versions were not checked",
            "add the kernel's Module.symvers (kernel-devel) or symvers.gz (kernel-core)",
        ),
        Missing::Config => (
            "the configuration",
            "forced loading and signature enforcement were not checked",
            "add the kernel's .config (kernel-devel) or config (kernel-core)",
        ),
        Missing::Vermagic => (
            "the version magic",
            "the modules' version magic was not checked as a whole",
            "add an in-tree module or the kernel's .config",
        ),
    };
    Finding::new(
        Code::KernelFactsMissing,
        format!("{what} of {kernel} is not among the kernel facts: {unchecked}"),
    )
    .hint(hint)
    .as_warning()
}
