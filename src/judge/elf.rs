//! The ELF file as the kernel's loader wants it (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use crate::judge::release::Kernel;
use crate::kmod::defects;
use crate::kmod::module_file::{ElfFacts, ElfFault, ElfFaultKind};
use crate::model::finding::{Code, Effect, Finding};
use crate::model::target::Arch;

/// `EM_…` of an architecture (`elf_check_arch`).
fn machine(arch: Arch) -> u16 {
    match arch {
        Arch::Amd64 => 62,
        Arch::Arm64 => 183,
        Arch::Ppc64le => 21,
        Arch::S390x => 22,
    }
}

fn machine_name(machine: u16, is_64: bool) -> String {
    match machine {
        3 => "x86 (32 bits)".to_owned(),
        62 if is_64 => "amd64".to_owned(),
        62 => "x32".to_owned(),
        40 => "arm (32 bits)".to_owned(),
        183 => "arm64".to_owned(),
        20 => "ppc (32 bits)".to_owned(),
        21 => "ppc64".to_owned(),
        22 if is_64 => "s390x".to_owned(),
        22 => "s390 (31 bits)".to_owned(),
        243 => "riscv".to_owned(),
        other => format!("ELF machine {other}"),
    }
}

/// A file that is no module at all.
pub(super) fn fault(module: &str, fault: &ElfFault) -> Finding {
    match fault.kind {
        ElfFaultKind::Compression => Finding::new(
            Code::ModuleUnreadable,
            format!(
                "{module}: modprobe cannot decompress the file: {}",
                fault.message
            ),
        )
        .hint("build the image again; the file was damaged or cut off"),
        ElfFaultKind::Invalid => Finding::new(
            Code::ElfInvalid,
            format!("{module}: Exec format error: {}", fault.message),
        )
        .hint("build the image again; the file is no kernel module, or was damaged or cut off"),
        ElfFaultKind::Limit => Finding::new(
            Code::ModuleUnreadable,
            format!("{module}: could not look: {}", fault.message),
        )
        .with_effect(Effect::Blocks),
    }
}

/// A module for another architecture.
pub(super) fn architecture(module: &str, elf: &ElfFacts, arch: Arch) -> Option<Finding> {
    let big_endian = arch == Arch::S390x;
    let fits = elf.machine == machine(arch) && elf.is_64 && elf.little_endian != big_endian;
    (!fits).then(|| {
        Finding::new(
            Code::ElfArchMismatch,
            format!(
                "{module}: Exec format error: invalid architecture in ELF header: {}; it is for \
                 {}, and the nodes are {arch}",
                elf.machine,
                machine_name(elf.machine, elf.is_64),
            ),
        )
        .hint(format!("build the module for {arch}"))
    })
}

/// Faults that this kernel refuses.
pub(super) fn faults(module: &str, elf: &ElfFacts, kernel: &Kernel<'_>) -> Vec<Finding> {
    elf.defects
        .iter()
        .filter_map(|defect| {
            let refused = refuses(&defect.rule, elf.machine, kernel)?;
            let answer = match &*defect.rule {
                defects::BEYOND_MEMORY | defects::SYMBOL_NAME_FAR | defects::NOT_RELOCATED => {
                    "the kernel would crash"
                }
                _ => "Exec format error",
            };
            let finding = Finding::new(
                Code::ElfInvalid,
                format!("{module}: {answer}: {}", defect.message),
            )
            .hint("build the module again with the target kernel's own build tree");
            Some(if refused {
                finding
            } else {
                finding.with_effect(Effect::Doubts)
            })
        })
        .collect()
}

/// Whether this kernel refuses a defect: `None` where it does not, `Some(false)` where that
/// cannot be told.
fn refuses(rule: &str, machine: u16, kernel: &Kernel<'_>) -> Option<bool> {
    match rule {
        defects::SYMBOL_NAME_FAR if kernel.enabled("DYNAMIC_FTRACE") == Some(false) => None,
        // A plain `ret` after a call to the next instruction happens to come back.
        defects::NOT_RELOCATED
            if machine == 62
                && kernel.enabled("RETHUNK") == Some(false)
                && kernel.enabled("MITIGATION_RETHUNK") == Some(false) =>
        {
            None
        }
        defects::MODINFO_COUNT
        | defects::SYMTAB_COUNT
        | defects::THIS_MODULE_COUNT
        | defects::THIS_MODULE_KIND => kernel.at_least(6, 4).then_some(true),
        defects::SECTION_NAMES | defects::NAME_TABLES => kernel.at_least(6, 12).then_some(true),
        defects::SYMBOL_NAMES => kernel.at_least(6, 13).then_some(true),
        defects::EXTENDED_VERSIONS => kernel.at_least(6, 14).then_some(true),
        defects::WRITABLE_TEXT if !kernel.at_least(5, 8) => None,
        defects::WRITABLE_TEXT => match kernel.enabled("STRICT_MODULE_RWX") {
            Some(strict) => strict.then_some(true),
            None => Some(false),
        },
        // Before, the loader read what lies behind the section headers.
        defects::SYMBOL_SECTION => Some(kernel.at_least(5, 14)),
        _ => Some(true),
    }
}

/// The size of `struct module` (`elf_validity_check` since 6.4): another configuration.
pub(super) fn this_module(
    module: &str,
    elf: &ElfFacts,
    wanted: Option<u64>,
    kernel: &Kernel<'_>,
) -> Option<Finding> {
    let wanted = wanted?;
    (kernel.at_least(6, 4) && elf.this_module_size != wanted).then(|| {
        Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: Exec format error: .gnu.linkonce.this_module section size must match \
                 the kernel's built struct module size at run time ({} bytes, not {wanted})",
                elf.this_module_size
            ),
        )
        .hint("build the module with the target kernel's configuration")
    })
}
