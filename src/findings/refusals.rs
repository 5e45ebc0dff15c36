//! What the kernel's loader minds about a module, as findings.

use kernel_loader::answer::{Existing, Fact, Refusal, Remark, Rule, Weight};
use kernel_loader::arch::Arch;
use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::load::parameters::{NotTaken, ParameterFault};
use kernel_loader::module::{ElfFacts, ElfFault};

use crate::findings::finding::{Code, Effect, Finding};
use crate::findings::gathered::Gathered;
use crate::findings::kernel_facts::no_facts;
use crate::findings::kernel_words;

mod signature;
mod symbols;

pub(crate) use symbols::Exporters;

/// What the remarks are about, for their words.
pub(crate) struct About<'a> {
    /// The module's file name.
    pub(crate) file: &'a str,
    /// What is known of the module; `None` for a file that is none.
    pub(crate) elf: Option<&'a ElfFacts>,
    /// The kernel's release.
    pub(crate) kernel: &'a str,
    /// What is known of the kernel.
    pub(crate) facts: Option<&'a KernelFacts>,
    /// Who else exports symbols.
    pub(crate) exporters: &'a dyn Exporters,
}

impl About<'_> {
    /// The kernel that the module was built for, where it is another one.
    fn built_for(&self) -> Option<&str> {
        let release = self.elf?.modinfo("vermagic")?.split(' ').next()?;
        (release != self.facts?.kernel_version).then_some(release)
    }

    /// The same at the end of a message.
    fn built_for_other(&self) -> String {
        self.built_for()
            .map(|release| format!(" (the module was built for {release})"))
            .unwrap_or_default()
    }

    fn arch(&self) -> Option<Arch> {
        Arch::of_elf_machine(self.elf?.machine)
    }
}

/// The findings for one module, in the order of its remarks.
pub(crate) fn findings(remarks: Vec<Remark>, about: &About<'_>) -> Vec<Finding> {
    let mut findings = Gathered::default();
    findings.extend(remarks.into_iter().map(|remark| {
        let weight = remark.weight;
        weighed(finding(remark, about), weight)
    }));
    findings.into_findings()
}

fn weighed(finding: Finding, weight: Weight) -> Finding {
    match weight {
        Weight::Refuses => finding.with_effect(Effect::Fails),
        Weight::MayRefuse => finding.with_effect(Effect::Doubts),
        Weight::NotRead => finding.with_effect(Effect::Blocks),
        Weight::Passes => finding.as_warning(),
    }
}

/// Why the kernel answers `File exists`.
pub(crate) fn existing(why: &Existing, about: &About<'_>) -> String {
    match why {
        Existing::Module(name) => format!("a module named `{name}` is already loaded"),
        Existing::Sections(twins) => format!(
            "cannot create duplicate filename: {}",
            kernel_words::defect(twins, about.arch())
        ),
    }
}

fn finding(remark: Remark, about: &About<'_>) -> Finding {
    let Remark { refusal, weight } = remark;
    let (module, kernel) = (about.file, about.kernel);
    match refusal {
        Refusal::NoModules => Finding::new(
            Code::ModuleUnreadable,
            "Function not implemented: the kernel does not support loadable modules \
             (CONFIG_MODULES)",
        ),
        Refusal::File(fault) => file(module, &fault),
        Refusal::Signature(refusal) => signature::finding(module, refusal, weight),
        Refusal::Machine {
            machine,
            is_64,
            wanted,
        } => Finding::new(
            Code::ElfArchMismatch,
            format!(
                "{module}: Exec format error: invalid architecture in ELF header: {machine}; it \
                 is for {}, and the nodes are {wanted}",
                machine_name(machine, is_64),
            ),
        )
        .hint(format!("Build the module for {wanted}.")),
        Refusal::SectionAbsent(section) => defective(
            module,
            "Exec format error",
            &format!("the module has no section {}", section.name()),
        ),
        Refusal::Defect { defect, crashes } => {
            let answer = match (crashes, weight) {
                (false, _) => kernel_words::answer(&defect),
                (true, Weight::Refuses) => "the kernel would crash",
                (true, _) => "the kernel may crash",
            };
            defective(module, answer, &kernel_words::defect(&defect, about.arch()))
        }
        Refusal::Memory { bytes } => defective(
            module,
            "no memory",
            &format!("Cannot allocate memory: its sections take {bytes} bytes, or more"),
        ),
        Refusal::PerCpu { bytes } => defective(
            module,
            "no memory",
            &format!("Could not allocate {bytes} bytes percpu data: Cannot allocate memory"),
        ),
        Refusal::StructModule { size, wanted } => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: Exec format error: .gnu.linkonce.this_module section size must match \
                 the kernel's built struct module size at run time ({size} bytes, not {wanted})"
            ),
        )
        .hint("Build the module with the target kernel's configuration."),
        Refusal::NoVersionMagic { is_forced } => Finding::new(
            Code::VermagicMismatch,
            format!(
                "{module}: Exec format error: {}, and the kernel does not load such modules",
                match is_forced {
                    true => "bad vermagic: its version magic is ignored by --force",
                    false => "bad vermagic: the module has no version magic",
                }
            ),
        )
        .hint("Build the module for the target kernel, and load it without --force."),
        Refusal::VersionMagic { magic, wanted } => Finding::new(
            Code::VermagicMismatch,
            match wanted {
                Some(wanted) => format!(
                    "{module}: version magic '{magic}' should be '{wanted}': Exec format error{}",
                    about.built_for_other()
                ),
                None => format!(
                    "{module}: version magic '{magic}' is not that of kernel {kernel}: Exec \
                     format error"
                ),
            },
        )
        .hint(format!("Build the module for kernel {kernel}.")),
        Refusal::Livepatch => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: module is marked as livepatch module, but livepatch support is \
                 disabled: Exec format error"
            ),
        ),
        Refusal::UnversionedExports { table } => Finding::new(
            Code::SymbolVersionMismatch,
            format!(
                "{module}: Exec format error: no versions for exported symbols, those of {table}"
            ),
        )
        .hint("Build the module with CONFIG_MODVERSIONS."),
        Refusal::UnflaggedExports => defective(
            module,
            "Exec format error",
            "no flags for exported symbols: the module has no section __kflagstab",
        ),
        Refusal::Import { namespace } => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: module tries to import module namespace: {namespace}: Operation not \
                 permitted"
            ),
        )
        .hint("Remove the MODULE_IMPORT_NS; the kernel knows which modules may use the symbols."),
        Refusal::Symbol(refusal) => symbols::finding(refusal, about),
        Refusal::Unchecked { no_facts: true, .. } => no_facts(kernel),
        Refusal::Unchecked { rules, .. } => unchecked(&rules, kernel),
        Refusal::Parameter(fault) => parameter(module, fault),
        Refusal::NoName => Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: attempted to be registered with empty name: Invalid argument: struct \
                 module carries no name"
            ),
        )
        .hint("Build the module again; its .gnu.linkonce.this_module section is corrupt."),
        Refusal::Btf(fault) => type_information(format!(
            "{module}: failed to validate module BTF: {}: Invalid argument",
            kernel_words::btf(fault)
        )),
        Refusal::BtfOf { release } => type_information(format!(
            "{module}: its BTF was built for {release}, and whether the kernel accepts it is not \
             known"
        )),
        Refusal::FolderTaken => Finding::new(
            Code::ModuleNameClash,
            format!(
                "{module}: {}: module is already loaded: Invalid argument: the kernel has \
                 built-in code of that name",
                about.elf.map_or("", |elf| &elf.this_module_name)
            ),
        )
        .hint("Rename the module, or remove it: the kernel has it built in."),
        Refusal::BuiltIn => Finding::new(
            Code::ModuleBuiltIn,
            format!(
                "{module}: `{}` is built into kernel {kernel}",
                about.elf.map_or("", |elf| &elf.this_module_name)
            ),
        )
        .hint("Remove the module, unless it must replace the kernel's own."),
    }
}

fn file(module: &str, fault: &ElfFault) -> Finding {
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
        ),
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

fn defective(module: &str, answer: &str, words: &str) -> Finding {
    Finding::new(Code::ElfInvalid, format!("{module}: {answer}: {words}"))
        .hint("Build the module again with the target kernel's build tree.")
}

fn type_information(message: String) -> Finding {
    Finding::new(Code::ElfInvalid, message)
        .hint("Build the module for the target kernel, or remove its .BTF section (`strip -g`).")
}

const CORRECT: &str = "Correct `parameters` in the Module.";

fn parameter(module: &str, fault: ParameterFault) -> Finding {
    match fault {
        ParameterFault::Unknown { name } => Finding::new(
            Code::ModprobeArgsInvalid,
            format!("{module}: unknown parameter '{name}' ignored"),
        )
        .hint("`modinfo -p FILE` lists the module's parameters."),
        ParameterFault::Value { name, value, why } => {
            let (is, answer, hint) = match why {
                NotTaken::Invalid => ("invalid", "Invalid argument", CORRECT),
                NotTaken::OutOfRange => ("invalid", "Numerical result out of range", CORRECT),
                NotTaken::TooLong => ("too large", "No space left on device", CORRECT),
                NotTaken::LockedDown => (
                    "invalid",
                    "Operation not permitted: a locked-down kernel refuses hardware address and \
                     interrupt parameters",
                    "Remove the parameter (the kernel is locked down with Secure Boot).",
                ),
            };
            let value = value.unwrap_or_default();
            let message = format!("{module}: `{value}' {is} for parameter `{name}': {answer}");
            Finding::new(Code::ModprobeArgsInvalid, message).hint(hint)
        }
    }
}

fn unchecked(rules: &[Rule], kernel: &str) -> Finding {
    let what: Vec<&str> = rules.iter().map(|rule| rule_name(*rule)).collect();
    let list = match what.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => what.concat(),
    };
    let mut hints: Vec<&str> = rules.iter().map(|rule| how_to_add(rule.fact())).collect();
    hints.dedup();
    Finding::new(
        Code::KernelFactsMissing,
        format!("incomplete kernel facts for {kernel}: not checked: {list}"),
    )
    .hint(hints.join(" "))
}

fn rule_name(rule: Rule) -> &'static str {
    match rule {
        Rule::Symbols => "symbols",
        Rule::SymbolVersions => "symbol versions",
        Rule::VersionMagic => "version magic",
        Rule::Signature => "signature",
        Rule::StructModule => "size of struct module",
    }
}

fn how_to_add(fact: Fact) -> &'static str {
    match fact {
        Fact::Symbols => {
            "Add the kernel's Module.symvers (kernel-devel) or symvers.gz (kernel-core)."
        }
        Fact::Config => "Add the kernel's .config (kernel-devel) or config (kernel-core).",
        Fact::VersionMagic => "Add an in-tree module or the kernel's .config.",
        Fact::InTreeModule => "Add an in-tree module of the kernel.",
    }
}
