//! `load_module` (`kernel/module/main.c`), over the facts of module files.

use std::collections::HashMap;

use super::facts_needed::{self, Loading};
use super::signature::{self, Delivery};
use super::symbols::{self, Loaded, Resolver};
use super::{elf, exports, modinfo, outcome, parameters};
use crate::answer::{Answer, Existing, Refusal, Remark, Weight};
use crate::arch::Arch;
use crate::kernel::facts::KernelFacts;
use crate::kernel::symvers::KernelSymbol;
use crate::kernel::version::Kernel;
use crate::load::exports::Export;
use crate::load::parameters::{NotTaken, ParameterFault};
use crate::module::compression::Compression;
use crate::module::{ElfFacts, ElfFault, ModuleFile, names};
use crate::signature::verification::Trust;

/// A kernel with what was loaded so far: nothing at first.
#[derive(Debug)]
pub struct Machine<'a> {
    release: &'a str,
    arch: Arch,
    facts: Option<&'a KernelFacts>,
    kernel: Kernel<'a>,
    trust: &'a Trust,
    loaded: Vec<Loaded>,
    /// The symbols of in-tree modules by the name of the module, once one is loaded.
    in_tree: Option<HashMap<String, Vec<KernelSymbol<'a>>>>,
}

/// How a module is handed to the kernel.
#[derive(Debug, Clone, Default)]
pub struct Handing {
    /// `--force-vermagic`.
    pub force_vermagic: bool,
    /// `--force-modversion`.
    pub force_modversions: bool,
    /// The parameters.
    pub parameters: String,
}

impl Handing {
    fn delivery(&self, compression: Compression) -> Delivery {
        match compression {
            _ if !self.force_vermagic && !self.force_modversions => Delivery::Whole,
            Compression::None => Delivery::Flagged,
            _ => Delivery::Mangled,
        }
    }
}

impl<'a> Machine<'a> {
    /// A kernel of that release and architecture without any module.
    pub fn new(
        release: &'a str,
        arch: Arch,
        facts: Option<&'a KernelFacts>,
        trust: &'a Trust,
    ) -> Self {
        Self {
            release,
            arch,
            facts,
            kernel: Kernel::new(release, facts),
            trust,
            loaded: Vec::new(),
            in_tree: None,
        }
    }

    /// True when a module of that name is loaded (`/sys/module/<name>/initstate`).
    pub fn has(&self, name: &str) -> bool {
        self.loaded.iter().any(|module| module.name == name)
    }

    /// Loads an in-tree module of the kernel. Its file was made for that kernel and signed with
    /// its key, so it loads.
    pub fn load_in_tree(&mut self, path: &str, file: Option<&ModuleFile>) {
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

    /// Loads another module file.
    pub fn load(&mut self, file: &ModuleFile, handing: &Handing) -> Answer {
        if self.kernel.enabled("MODULES") == Some(false) {
            return Answer::Refused(vec![Refusal::NoModules.weighs(Weight::Refuses)]);
        }
        let elf = match &file.elf {
            Ok(elf) => elf,
            Err(fault) => {
                let weight = match fault {
                    ElfFault::Limit(_) => Weight::NotRead,
                    ElfFault::Compression(_) | ElfFault::Invalid(_) => Weight::Refuses,
                };
                return Answer::Refused(vec![Refusal::File(fault.clone()).weighs(weight)]);
            }
        };
        let without;
        // `find_sec` of older kernels passes over sections without memory.
        let elf = if elf.modinfo_without_memory && self.kernel.loader_since(6, 4) != Some(true) {
            without = ElfFacts {
                modinfo: Vec::new(),
                ..elf.clone()
            };
            &without
        } else {
            elf
        };
        let delivery = handing.delivery(file.compression);
        let (kernel, facts) = (self.kernel, self.facts);
        let mut remarks = Vec::new();
        remarks.extend(signature::check(
            &file.signature,
            delivery,
            &kernel,
            self.trust,
        ));
        if let Some(remark) = elf::machine(elf, self.arch, &kernel) {
            remarks.push(remark);
            return Answer::Refused(remarks);
        }
        let defects = elf::defects(elf, &kernel);
        let defects_that_refuse = refusing(&defects);
        remarks.extend(defects);
        let wanted = facts.and_then(|facts| facts.this_module_size);
        remarks.extend(elf::struct_module(elf, wanted, &kernel));
        let resolver = Resolver {
            kernel,
            facts,
            loaded: &self.loaded,
            arch: self.arch,
            versions_ignored: handing.force_modversions,
        };
        remarks.extend(resolver.module_layout(elf));
        remarks.extend(modinfo::version_magic(
            elf,
            handing,
            &kernel,
            facts,
            self.release,
        ));
        remarks.extend(modinfo::livepatch(elf, &kernel));
        let name = &elf.this_module_name;
        if refusing(&remarks) == 0 && self.has(name) {
            return Answer::Exists(Existing::Module(name.clone()));
        }
        remarks.extend(modinfo::unflagged_exports(elf, &kernel));
        remarks.extend(modinfo::unversioned_exports(elf, &kernel));
        remarks.extend(modinfo::imports(elf, &kernel));
        let resolved = resolver.resolve(elf);
        remarks.extend(resolved.remarks);
        let loading = Loading {
            elf,
            kernel,
            unchecked: resolved.unchecked,
            is_signed: signature::is_by_a_named_key(&file.signature, delivery, &kernel, self.trust),
        };
        remarks.extend(facts_needed::doubt(&loading, facts));
        remarks.extend(symbols::duplicates(elf, facts, &self.loaded));
        remarks.extend(self.parameters(elf, &handing.parameters));
        remarks.extend(modinfo::no_name(elf));
        remarks.extend(elf::type_information(elf, &kernel, self.release));
        remarks.extend(modinfo::taken_folder(name, facts));
        let refusing = refusing(&remarks);
        if refusing > 0 {
            remarks.sort_by_key(|remark| remark.weight != Weight::Refuses);
            let nothing_else = refusing == defects_that_refuse;
            return match nothing_else && outcome::is_fatal(elf, &kernel) {
                true => Answer::Crashes(remarks),
                false => Answer::Refused(remarks),
            };
        }
        if let Some(twins) = outcome::twin_sections(elf, &kernel) {
            return Answer::Exists(Existing::Sections(twins.clone()));
        }
        self.loaded.push(Loaded {
            name: name.to_string(),
            proprietary: resolved.proprietary,
            exports: exports::found(elf),
        });
        Answer::Loaded(remarks)
    }

    /// `parse_args`.
    fn parameters(&self, elf: &ElfFacts, words: &str) -> impl Iterator<Item = Remark> + use<> {
        let lockdown = signature::lockdown(&self.kernel, self.trust);
        let faults = parameters::check(elf, words, lockdown.is_some()).into_iter();
        faults.map(move |fault| {
            let weight = match (&fault, lockdown) {
                (ParameterFault::Unknown { .. }, _) => Weight::Passes,
                (ParameterFault::Value { why, .. }, Some(weight))
                    if *why == NotTaken::LockedDown =>
                {
                    weight
                }
                (ParameterFault::Value { .. }, _) => Weight::Refuses,
            };
            Refusal::Parameter(fault).weighs(weight)
        })
    }
}

fn refusing(remarks: &[Remark]) -> usize {
    let refuses = |remark: &&Remark| remark.weight == Weight::Refuses;
    remarks.iter().filter(refuses).count()
}
