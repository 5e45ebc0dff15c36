//! The ELF file as the kernel's loader wants it (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use crate::findings::finding::{Code, Effect, Finding};
use crate::judge::release::Kernel;
use crate::kmod::defects;
use crate::kmod::module_file::{ElfDefect, ElfFacts, ElfFault, ElfFaultKind};
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
                rule if crashes(rule) => "the kernel would crash",
                defects::NAME_OUTSIDE
                | defects::SYMBOL_NAME_OUTSIDE
                | defects::CODE_NAME_OUTSIDE
                | defects::DATA_NAME_OUTSIDE
                | defects::RELOCATION_OUTSIDE
                | defects::THIS_MODULE_CONTENT
                | defects::TABLE_NAME
                | defects::TABLE_CONTENT
                | defects::EXPORTS_FREED
                | defects::ODD_PROTECTION
                | defects::CODE_NOT_LOADED => "the kernel may crash",
                defects::PER_CPU_SIZE
                | defects::PER_CPU_RESERVE
                | defects::PER_CPU_LARGE
                | defects::MEMORY_TOO_LARGE
                | defects::MEMORY_LARGE => "no memory",
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

/// True for a module that this kernel does not survive. Sections that are writable and
/// executable are refused before most of what would end it is met (`layout_and_allocate`).
pub(super) fn is_fatal(elf: &ElfFacts, kernel: &Kernel<'_>) -> bool {
    let meets = |wanted: &dyn Fn(&str) -> bool| {
        elf.defects.iter().any(|defect| {
            wanted(&defect.rule) && refuses(&defect.rule, elf.machine, kernel) == Some(true)
        })
    };
    meets(&|rule| rule == defects::BEYOND_MEMORY)
        || meets(&crashes) && !meets(&|rule| rule == defects::WRITABLE_TEXT)
}

/// True for defects that the kernel does not look for, and does not survive.
fn crashes(rule: &str) -> bool {
    matches!(
        rule,
        defects::BEYOND_MEMORY
            | defects::SYMBOL_NAME_FAR
            | defects::CODE_NAME_FAR
            | defects::DATA_NAME_FAR
            | defects::NOT_LOADED
            | defects::SYMBOLS_RELOCATED
            | defects::OVERLAP_BEFORE_6_4
            | defects::OVERLAP_SINCE_6_4
            | defects::NOT_RELOCATED
            | defects::WRONG_PROTECTION
    )
}

/// Whether this kernel refuses a defect: `None` where it does not, `Some(false)` where that
/// cannot be told.
fn refuses(rule: &str, machine: u16, kernel: &Kernel<'_>) -> Option<bool> {
    let then = |does: bool| does.then_some(true);
    match rule {
        defects::TWIN_SECTIONS => None,
        defects::TABLE_NAME if kernel.enabled("KALLSYMS") == Some(false) => None,
        defects::SYMBOL_NAME_FAR | defects::SYMBOL_NAME_OUTSIDE
            if kernel.enabled("DYNAMIC_FTRACE") == Some(false)
                || kernel.enabled("KALLSYMS") == Some(false) =>
        {
            None
        }
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
        defects::ODD_PROTECTION => {
            let is_strict = kernel.enabled("STRICT_MODULE_RWX") != Some(false);
            is_strict.then_some(false)
        }
        defects::WRITABLE_TEXT if !kernel.at_least(5, 8) => None,
        defects::WRITABLE_TEXT | defects::WRONG_PROTECTION => kernel
            .enabled("STRICT_MODULE_RWX")
            .map_or(Some(false), then),
        defects::CODE_NAME_FAR | defects::SYMBOLS_RELOCATED => {
            kernel.enabled("KALLSYMS").map_or(Some(false), then)
        }
        defects::DATA_NAME_FAR => kernel.enabled("KALLSYMS_ALL").map_or(Some(false), then),
        defects::CODE_NAME_OUTSIDE if kernel.enabled("KALLSYMS") == Some(false) => None,
        defects::DATA_NAME_OUTSIDE if kernel.enabled("KALLSYMS_ALL") == Some(false) => None,
        defects::PER_CPU_RESERVE if kernel.at_least(6, 10) => {
            let profiled = kernel.enabled("MEM_ALLOC_PROFILING");
            Some(profiled == Some(false))
        }
        defects::PER_CPU_LARGE
        | defects::NAME_OUTSIDE
        | defects::SYMBOL_NAME_OUTSIDE
        | defects::CODE_NAME_OUTSIDE
        | defects::DATA_NAME_OUTSIDE
        | defects::RELOCATION_OUTSIDE
        | defects::THIS_MODULE_CONTENT
        | defects::TABLE_NAME
        | defects::MODINFO_OPEN
        | defects::TABLE_CONTENT
        | defects::EXPORTS_FREED
        | defects::MEMORY_LARGE
        | defects::CODE_NOT_LOADED => Some(false),
        defects::OVERLAP_BEFORE_6_4 if kernel.at_least(6, 4) => None,
        defects::OVERLAP_SINCE_6_4 if !kernel.at_least(6, 4) => None,
        // Before, the loader read what lies behind the section headers.
        defects::SYMBOL_SECTION => Some(kernel.at_least(5, 14)),
        _ => Some(true),
    }
}

/// Two sections of one name, for which there is but one file below `/sys/module`: since 6.12 the
/// load ends with `-EEXIST` there (`add_sect_attrs`, with `CONFIG_KALLSYMS`).
pub(super) fn twin_sections(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<String> {
    let ends = kernel.at_least(6, 12) && kernel.enabled("KALLSYMS") != Some(false);
    let twins = |defect: &&ElfDefect| &*defect.rule == defects::TWIN_SECTIONS;
    let defect = elf.defects.iter().find(twins).filter(|_| ends)?;
    Some(format!(
        "cannot create duplicate filename: {}",
        defect.message
    ))
}

/// The module's type information, which a kernel with `CONFIG_DEBUG_INFO_BTF_MODULES` (5.11)
/// refuses to load a module for, unless `CONFIG_MODULE_ALLOW_BTF_MISMATCH` is set
/// (`btf_module_notify`). Whether its types fit those of the kernel can only be told of a
/// module that was built for this very kernel.
pub(super) fn type_information(
    module: &str,
    elf: &ElfFacts,
    kernel: &Kernel<'_>,
    release: &str,
) -> Option<Finding> {
    let btf = elf.btf.as_ref()?;
    if !kernel.at_least(5, 11) || kernel.enabled("DEBUG_INFO_BTF_MODULES") != Some(true) {
        return None;
    }
    let built_for = elf.modinfo("vermagic")?.split(' ').next()?;
    let finding = match btf {
        Err(why) => Finding::new(
            Code::ElfInvalid,
            format!("{module}: failed to validate module BTF: {why}: Invalid argument"),
        ),
        Ok(()) if built_for == release => return None,
        Ok(()) => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: its BTF is that of a build for {built_for}, and whether the kernel \
                 takes it is not known"
            ),
        )
        .with_effect(Effect::Doubts),
    };
    let finding = finding.hint(
        "build the module for the target kernel, or leave its .BTF section out (`strip -g` does)",
    );
    match kernel.enabled("MODULE_ALLOW_BTF_MISMATCH") {
        Some(true) => None,
        Some(false) => Some(finding),
        None => Some(finding.with_effect(Effect::Doubts)),
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
