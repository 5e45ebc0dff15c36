//! The ELF file as the kernel's loader wants it (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use kernel_loader::kernel::version::Kernel;
use kernel_loader::load::elf::{self as rules, Outcome};
use kernel_loader::module::{ElfFacts, ElfFault};

use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::kernel_words;
use crate::model::target::Arch;

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
    let why = kernel_words::fault(fault);
    match fault {
        ElfFault::Compression(_) => Finding::new(
            Code::ModuleUnreadable,
            format!("{module}: modprobe cannot decompress the file: {why}"),
        )
        .hint("Build the image again; the file is corrupt or truncated."),
        ElfFault::Invalid(_) => Finding::new(
            Code::ElfInvalid,
            format!("{module}: Exec format error: {why}"),
        )
        .hint(
            "Build the image again; the file is not a kernel module, or is corrupt or \
            truncated.",
        ),
        ElfFault::Limit(_) => Finding::new(
            Code::ModuleUnreadable,
            format!("{module} could not be checked: {why}"),
        )
        .with_effect(Effect::Blocks),
    }
}

/// A module for another architecture.
pub(super) fn architecture(module: &str, elf: &ElfFacts, arch: Arch) -> Option<Finding> {
    let big_endian = arch == Arch::S390x;
    let fits = elf.machine == arch.elf_machine() && elf.is_64 && elf.little_endian != big_endian;
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
        .hint(format!("Build the module for {arch}."))
    })
}

/// Defects that this kernel minds.
pub(super) fn faults(module: &str, elf: &ElfFacts, kernel: &Kernel<'_>) -> Vec<Finding> {
    let arch = Arch::of_elf_machine(elf.machine);
    let sections = elf.absent_sections.iter().map(|section| {
        let words = format!("the module has no section {}", section.name());
        (rules::section_absent(*section, kernel), words)
    });
    let defects = elf.defects.iter();
    let defects = defects.map(|defect| {
        (
            rules::outcome(defect, kernel),
            kernel_words::defect(defect, arch),
        )
    });
    sections
        .chain(defects)
        .filter_map(|(outcome, words)| {
            let (answer, is_certain) = match outcome {
                Outcome::Taken => return None,
                Outcome::Refused => ("Exec format error", true),
                Outcome::MayRefuse => ("Exec format error", false),
                Outcome::Crashes => ("the kernel would crash", true),
                Outcome::MayCrash => ("the kernel may crash", false),
            };
            Some(defective(module, answer, &words, is_certain))
        })
        .chain(rules::memory(elf).map(|room| {
            let words = format!(
                "Cannot allocate memory: its sections take {} bytes, or more",
                room.bytes
            );
            defective(module, "no memory", &words, room.is_certain)
        }))
        .chain(rules::per_cpu(elf, kernel).map(|room| {
            let words = format!(
                "Could not allocate {} bytes percpu data: Cannot allocate memory",
                room.bytes
            );
            defective(module, "no memory", &words, room.is_certain)
        }))
        .collect()
}

fn defective(module: &str, answer: &str, words: &str, is_certain: bool) -> Finding {
    let finding = Finding::new(Code::ElfInvalid, format!("{module}: {answer}: {words}"))
        .hint("Build the module again with the target kernel's build tree.");
    if is_certain {
        finding
    } else {
        finding.with_effect(Effect::Doubts)
    }
}

/// Two sections of one name, for which there is but one file below `/sys/module`.
pub(super) fn twin_sections(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<String> {
    let twins = rules::twin_sections(elf, kernel)?;
    let words = kernel_words::defect(twins, Arch::of_elf_machine(elf.machine));
    Some(format!("cannot create duplicate filename: {words}"))
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
        Err(fault) => {
            let why = kernel_words::btf(*fault);
            Finding::new(
                Code::ElfInvalid,
                format!("{module}: failed to validate module BTF: {why}: Invalid argument"),
            )
        }
        Ok(()) if built_for == release => return None,
        Ok(()) => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: its BTF was built for {built_for}, and whether the kernel accepts it \
                 is not known"
            ),
        )
        .with_effect(Effect::Doubts),
    };
    let finding = finding
        .hint("Build the module for the target kernel, or remove its .BTF section (`strip -g`).");
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
        .hint("Build the module with the target kernel's configuration.")
    })
}
