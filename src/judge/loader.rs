//! The kernel's `load_module` (`kernel/module/main.c`), over the facts of module files.

use std::collections::HashMap;
use std::sync::Arc;

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::kernel::symvers::KernelSymbol;
use kernel_loader::kernel::version::Kernel;
use kernel_loader::load::exports::{self, Export};
use kernel_loader::load::parameters::{self, ParameterFault};
use kernel_loader::module::compression::Compression;
use kernel_loader::module::names;
use kernel_loader::module::{ElfFacts, ModuleFile};

use crate::findings::finding::{Code, Effect, Finding, Severity};
use crate::judge::facts_needed::{self, Loading};
use crate::judge::signature::{self, Delivery};
use crate::judge::symbols::{self, Exporters, Loaded, Resolver};
use crate::judge::versions::built_for;
use crate::judge::{Trust, elf};
use crate::model::target::Target;

/// The target's kernel with what was loaded so far: nothing at first.
pub(super) struct Machine<'a> {
    target: &'a Target,
    facts: Option<&'a KernelFacts>,
    kernel: Kernel<'a>,
    trust: &'a Trust,
    exporters: &'a dyn Exporters,
    loaded: Vec<Loaded>,
    /// The symbols of in-tree modules by the name of the module, once one is loaded.
    in_tree: Option<HashMap<String, Vec<KernelSymbol<'a>>>>,
}

/// How a module is handed to the kernel.
#[derive(Debug, Clone, Default)]
pub(super) struct Handing {
    /// `--force-vermagic`.
    pub(super) force_vermagic: bool,
    /// `--force-modversion`.
    pub(super) force_modversions: bool,
    /// The parameters.
    pub(super) parameters: String,
}

/// What `finit_module` or `init_module` answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// The module is loaded; remarks about it.
    Loaded(Vec<Finding>),
    /// `-EEXIST`, and why.
    Exists(String),
    /// It is refused, or whether it is cannot be told.
    Refused(Vec<Finding>),
    /// The kernel does not survive it.
    Crashes(Vec<Finding>),
}

impl<'a> Machine<'a> {
    /// A kernel without any module.
    pub(super) fn new(
        target: &'a Target,
        facts: Option<&'a KernelFacts>,
        trust: &'a Trust,
        exporters: &'a dyn Exporters,
    ) -> Self {
        Self {
            target,
            facts,
            kernel: Kernel::new(&target.kernel_version, facts),
            trust,
            exporters,
            loaded: Vec::new(),
            in_tree: None,
        }
    }

    /// True when a module of that name is loaded (`/sys/module/<name>/initstate`).
    pub(super) fn has(&self, name: &str) -> bool {
        self.loaded.iter().any(|module| module.name == name)
    }

    /// Loads an in-tree module of the target kernel. Its file was made for that kernel and
    /// signed with its key, so it loads.
    pub(super) fn load_in_tree(&mut self, path: &str, file: Option<&Arc<ModuleFile>>) {
        let name = names::of_path(path);
        let elf = file.and_then(|file| file.elf.as_ref().ok());
        let exports = match self.facts.and_then(|facts| facts.symbols.as_ref()) {
            Some(symbols) => {
                let in_tree = self.in_tree.get_or_insert_with(|| {
                    let mut by_owner: HashMap<String, Vec<KernelSymbol<'_>>> = HashMap::new();
                    for symbol in symbols.iter().filter(|symbol| symbol.owner != "vmlinux") {
                        let owner = names::of_path(symbol.owner);
                        by_owner.entry(owner).or_default().push(symbol);
                    }
                    by_owner
                });
                let own = in_tree.get(&name).into_iter().flatten();
                own.map(|symbol| (symbol.name.into(), Export::from(*symbol)))
                    .collect()
            }
            None => elf.map(exports::found).unwrap_or_default(),
        };
        self.loaded.push(Loaded {
            name,
            proprietary: elf.is_some_and(|elf| !symbols::is_gpl_compatible(elf.modinfo("license"))),
            exports,
        });
    }

    /// Loads a module file of the image.
    pub(super) fn load(&mut self, path: &str, file: &ModuleFile, handing: &Handing) -> Answer {
        if self.kernel.enabled("MODULES") == Some(false) {
            return Answer::Refused(vec![Finding::new(
                Code::ModuleUnreadable,
                "Function not implemented: the kernel does not support loadable modules \
                 (CONFIG_MODULES)",
            )]);
        }
        let shown = path.rsplit('/').next().unwrap_or(path);
        let elf = match &file.elf {
            Ok(elf) => elf,
            Err(fault) => return Answer::Refused(vec![elf::fault(shown, fault)]),
        };
        let without;
        // `find_sec` of older kernels passes over sections without memory.
        let elf = if elf.modinfo_without_memory && !self.kernel.at_least(6, 4) {
            without = ElfFacts {
                modinfo: Vec::new(),
                ..elf.clone()
            };
            &without
        } else {
            elf
        };
        let name = elf.this_module_name.to_string();
        let forced = handing.force_vermagic || handing.force_modversions;
        let delivery = match file.compression {
            _ if !forced => Delivery::Whole,
            Compression::None => Delivery::Flagged,
            _ => Delivery::Mangled,
        };
        let mut findings = Vec::new();
        findings.extend(signature::check(
            shown,
            &file.signature,
            delivery,
            &self.kernel,
            self.trust,
        ));
        if let Some(finding) = elf::architecture(shown, elf, self.target.arch) {
            findings.push(finding);
            return Answer::Refused(findings);
        }
        let faults = elf::faults(shown, elf, &self.kernel);
        let faults_that_fail = failing(&faults);
        findings.extend(faults);
        findings.extend(elf::this_module(
            shown,
            elf,
            self.facts.and_then(|facts| facts.this_module_size),
            &self.kernel,
        ));
        let resolver = Resolver {
            kernel: self.kernel,
            facts: self.facts,
            loaded: &self.loaded,
            exporters: self.exporters,
            arch: self.target.arch,
            versions_ignored: handing.force_modversions,
        };
        findings.extend(resolver.module_layout(shown, elf));
        findings.extend(self.vermagic(shown, elf, handing));
        findings.extend(self.livepatch(shown, elf));
        if !stops(&findings) && self.has(&name) {
            return Answer::Exists(format!("a module named `{name}` is already loaded"));
        }
        findings.extend(self.unversioned_exports(shown, elf));
        let resolved = resolver.resolve(shown, elf);
        findings.extend(resolved.findings);
        let loading = Loading {
            elf,
            kernel: self.kernel,
            unchecked: resolved.unchecked,
            is_signed: signature::is_by_a_named_key(
                &file.signature,
                delivery,
                &self.kernel,
                self.trust,
            ),
        };
        let release = &self.target.kernel_version;
        findings.extend(facts_needed::doubt(&loading, self.facts, release));
        findings.extend(symbols::duplicates(shown, elf, self.facts, &self.loaded));
        findings.extend(parameter_findings(shown, elf, &handing.parameters));
        findings.extend(nameless(shown, elf));
        findings.extend(elf::type_information(
            shown,
            elf,
            &self.kernel,
            &self.target.kernel_version,
        ));
        findings.extend(self.taken_folder(shown, &name));
        if stops(&findings) {
            findings.sort_by_key(|finding| finding.severity != Severity::Error);
            let nothing_else = failing(&findings) == faults_that_fail;
            return if nothing_else && kernel_loader::load::elf::is_fatal(elf, &self.kernel) {
                Answer::Crashes(findings)
            } else {
                Answer::Refused(findings)
            };
        }
        if let Some(why) = elf::twin_sections(elf, &self.kernel) {
            return Answer::Exists(why);
        }
        self.loaded.push(Loaded {
            name,
            proprietary: resolved.proprietary,
            exports: exports::found(elf),
        });
        Answer::Loaded(findings)
    }

    /// `check_modinfo` and `same_magic`: with symbol versions in the module, everything up
    /// to the first blank is skipped.
    fn vermagic(&self, module: &str, elf: &ElfFacts, handing: &Handing) -> Option<Finding> {
        let magic = elf.modinfo("vermagic").filter(|_| !handing.force_vermagic);
        let Some(magic) = magic else {
            let finding = Finding::new(
                Code::VermagicMismatch,
                format!(
                    "{module}: Exec format error: {}, and the kernel does not load such modules",
                    if handing.force_vermagic {
                        "bad vermagic: its version magic is ignored by --force"
                    } else {
                        "bad vermagic: the module has no version magic"
                    }
                ),
            )
            .hint("Build the module for the target kernel, and load it without --force.");
            return match self.kernel.force_load() {
                Some(true) => None,
                Some(false) => Some(finding),
                None => Some(finding.with_effect(Effect::Doubts)),
            };
        };
        let has_versions = elf.versions.is_some() && !handing.force_modversions;
        let wanted = self.facts.and_then(|facts| facts.vermagic.as_deref());
        let target = self.target.kernel_version.as_str();
        match wanted {
            Some(wanted) => {
                let skip = has_versions && self.kernel.modversions() == Some(true);
                (after_release(magic, skip) != after_release(wanted, skip)).then(|| {
                    Finding::new(
                        Code::VermagicMismatch,
                        format!(
                            "{module}: version magic '{magic}' should be '{wanted}': Exec format \
                             error{}",
                            built_for(elf, self.facts)
                        ),
                    )
                    .hint(format!("Build the module for kernel {target}."))
                })
            }
            // Without symbol versions the release counts, whatever the kernel's
            // configuration is.
            None if !has_versions && magic.split(' ').next() != Some(target) => Some(
                Finding::new(
                    Code::VermagicMismatch,
                    format!(
                        "{module}: version magic '{magic}' is not that of kernel {target}: Exec \
                         format error"
                    ),
                )
                .hint(format!("Build the module for kernel {target}.")),
            ),
            None => None,
        }
    }

    /// `check_modinfo_livepatch`.
    fn livepatch(&self, module: &str, elf: &ElfFacts) -> Option<Finding> {
        elf.modinfo("livepatch")?;
        let finding = Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: module is marked as livepatch module, but livepatch support is \
                 disabled: Exec format error"
            ),
        );
        match self.kernel.enabled("LIVEPATCH") {
            Some(true) => None,
            Some(false) => Some(finding),
            None => Some(finding.with_effect(Effect::Doubts)),
        }
    }

    /// `mod_sysfs_init`: the module's folder below `/sys/module` may be that of built-in code.
    fn taken_folder(&self, module: &str, name: &str) -> Option<Finding> {
        let facts = self.facts?;
        if facts
            .built_in_folders
            .as_ref()
            .is_some_and(|folders| folders.contains(name))
        {
            return Some(
                Finding::new(
                    Code::ModuleNameClash,
                    format!(
                        "{module}: {name}: module is already loaded: Invalid argument: the kernel \
                         has built-in code of that name"
                    ),
                )
                .hint("Rename the module, or remove it: the kernel has it built in."),
            );
        }
        let built_in = facts.built_in.as_ref()?;
        built_in.iter().any(|other| **other == *name).then(|| {
            Finding::new(
                Code::ModuleBuiltIn,
                format!(
                    "{module}: `{name}` is built into kernel {}",
                    facts.kernel_version
                ),
            )
            .hint("Remove the module, unless it must replace the kernel's own.")
        })
    }

    /// `check_module_license_and_versions`: exports without versions.
    fn unversioned_exports(&self, module: &str, elf: &ElfFacts) -> Option<Finding> {
        let table = elf.unversioned.as_deref()?;
        if self.kernel.modversions() != Some(true) {
            return None;
        }
        let finding = Finding::new(
            Code::SymbolVersionMismatch,
            format!(
                "{module}: Exec format error: no versions for exported symbols, those of {table}"
            ),
        )
        .hint("Build the module with CONFIG_MODVERSIONS.");
        match self.kernel.force_load() {
            Some(true) => None,
            Some(false) => Some(finding),
            None => Some(finding.with_effect(Effect::Doubts)),
        }
    }
}

fn after_release(magic: &str, skip: bool) -> &str {
    if skip {
        magic.find(' ').map_or("", |at| &magic[at..])
    } else {
        magic
    }
}

fn stops(findings: &[Finding]) -> bool {
    failing(findings) > 0
}

fn failing(findings: &[Finding]) -> usize {
    let fails = |finding: &&Finding| finding.effect == Effect::Fails;
    findings.iter().filter(fails).count()
}

/// `mod_sysfs_init`: a module's folder below `/sys/module` needs a name.
fn nameless(module: &str, elf: &ElfFacts) -> Option<Finding> {
    elf.this_module_name.is_empty().then(|| {
        Finding::new(
            Code::ElfInvalid,
            format!(
                "{module}: attempted to be registered with empty name: Invalid argument: struct \
                 module carries no name"
            ),
        )
        .hint("Build the module again; its .gnu.linkonce.this_module section is corrupt.")
    })
}

fn parameter_findings(module: &str, elf: &ElfFacts, parameters: &str) -> Vec<Finding> {
    let faults = parameters::check(elf, parameters).into_iter();
    faults
        .map(|fault| match fault {
            ParameterFault::Unknown { name } => Finding::new(
                Code::ModprobeArgsInvalid,
                format!("{module}: unknown parameter '{name}' ignored"),
            )
            .hint("`modinfo -p FILE` lists the module's parameters.")
            .as_warning(),
            ParameterFault::Value { name, value } => Finding::new(
                Code::ModprobeArgsInvalid,
                format!(
                    "{module}: `{}' invalid for parameter `{name}': Invalid argument",
                    value.unwrap_or_default()
                ),
            )
            .hint("Correct `parameters` in the Module."),
        })
        .collect()
}
