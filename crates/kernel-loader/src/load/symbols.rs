//! Symbols: resolution, licences, namespaces and duplicates (`kernel/module/main.c`).

use std::collections::{HashMap, HashSet};

use crate::answer::{Refusal, Remark, SymbolRefusal, Weight};
use crate::arch::Arch;
use crate::kernel::facts::KernelFacts;
use crate::kernel::version::Kernel;
use crate::load::exports::Export;
use crate::load::versions::Versions;
use crate::module::{ElfFacts, UndefinedSymbol};

/// A module that is loaded in the simulated kernel.
#[derive(Debug, Clone, Default)]
pub(super) struct Loaded {
    /// Its name in `struct module`.
    pub(super) name: String,
    /// It is tainted as proprietary.
    pub(super) proprietary: bool,
    /// Its exports.
    pub(super) exports: HashMap<Box<str>, Export>,
}

/// What the symbols of one module are resolved against.
pub(super) struct Resolver<'a> {
    pub(super) kernel: Kernel<'a>,
    pub(super) facts: Option<&'a KernelFacts>,
    pub(super) loaded: &'a [Loaded],
    pub(super) arch: Arch,
    /// `MODULE_INIT_IGNORE_MODVERSIONS`, or versions that kmod cut out.
    pub(super) versions_ignored: bool,
}

/// What resolving a module's symbols came to.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) remarks: Vec<Remark>,
    /// The module ends up tainted as proprietary.
    pub(super) proprietary: bool,
    /// Symbols that could not be looked at because no symbols of the kernel are known.
    pub(super) unchecked: usize,
}

/// One lookup's answer.
enum Found {
    Export {
        export: Export,
        owner: Option<usize>,
    },
    /// There, and only for modules with a compatible licence.
    GplOnly,
    Unknown,
    No,
}

/// `license_is_gpl_compatible` (`include/linux/license.h`); a module without a licence is
/// proprietary (`set_license`).
pub(super) fn is_gpl_compatible(license: Option<&str>) -> bool {
    matches!(
        license,
        Some(
            "GPL"
                | "GPL v2"
                | "GPL and additional rights"
                | "Dual BSD/GPL"
                | "Dual MIT/GPL"
                | "Dual MPL/GPL"
        )
    )
}

/// Modules that are proprietary whatever their licence says (`module_license_offenders`).
const OFFENDERS: [&str; 2] = ["driverloader", "lve"];

impl Resolver<'_> {
    /// `simplify_symbols`: every undefined symbol, in the order of the symbol table.
    pub(super) fn resolve(&self, elf: &ElfFacts) -> Resolved {
        let versions = Versions::new(elf, self);
        let imported: HashSet<&str> = elf.modinfo_all("import_ns").collect();
        let mut using_gpl_only = false;
        let mut remarks = Vec::new();
        let mut resolved = Resolved {
            proprietary: !is_gpl_compatible(elf.modinfo("license"))
                || OFFENDERS.contains(&&*elf.this_module_name),
            ..Resolved::default()
        };
        for symbol in &elf.undefined {
            let name = self.looked_up(&symbol.name);
            let (export, owner) = match self.find(name, resolved.proprietary) {
                Found::Export { export, owner } => (export, owner),
                Found::Unknown => {
                    resolved.unchecked += 1;
                    continue;
                }
                Found::GplOnly | Found::No if symbol.weak || self.is_ignored(&symbol.name) => {
                    remarks.extend(stray(symbol));
                    continue;
                }
                Found::GplOnly => {
                    let symbol = name.into();
                    remarks.push(refused(SymbolRefusal::GplOnly { symbol }));
                    continue;
                }
                Found::No => {
                    remarks.push(refused(self.missing(name)));
                    continue;
                }
            };
            using_gpl_only |= export.gpl;
            let owner = owner.map(|at| &self.loaded[at]);
            // `inherit_taint` (5.9); el8 has no such thing.
            if let Some(owner) = owner.filter(|owner| owner.proprietary)
                && self.kernel.loader_since(5, 9) == Some(true)
            {
                if using_gpl_only {
                    if !symbol.weak {
                        remarks.push(refused(SymbolRefusal::OfProprietary {
                            symbol: name.into(),
                            owner: owner.name.as_str().into(),
                        }));
                    }
                    continue;
                }
                resolved.proprietary = true;
            }
            match self.version(name, export.crc, &versions) {
                Some(remark) => remarks.push(remark),
                None => remarks.extend(self.namespace(elf, name, &export, &imported)),
            }
        }
        resolved.remarks = remarks;
        resolved
    }

    /// `find_symbol`: the kernel's own symbols, then those of the modules, last one first.
    fn find(&self, name: &str, proprietary: bool) -> Found {
        let mut gpl_only = false;
        let symbols = self.facts.and_then(|facts| facts.symbols.as_ref());
        let of_kernel = symbols
            .and_then(|symbols| symbols.get(name))
            .filter(|symbol| symbol.owner == "vmlinux")
            .map(Export::from);
        let of_modules = self
            .loaded
            .iter()
            .enumerate()
            .rev()
            .filter_map(|(at, module)| Some((module.exports.get(name)?.clone(), Some(at))));
        for (export, owner) in of_kernel
            .into_iter()
            .map(|export| (export, None))
            .chain(of_modules)
        {
            if export.gpl && proprietary {
                gpl_only = true;
                continue;
            }
            return Found::Export { export, owner };
        }
        match symbols {
            _ if gpl_only => Found::GplOnly,
            None => Found::Unknown,
            Some(_) => Found::No,
        }
    }

    /// The name by which a symbol is looked up: on 64-bit POWER without the dot that marked
    /// functions once (`dedotify`, `dedotify_versions`).
    pub(super) fn looked_up<'n>(&self, name: &'n str) -> &'n str {
        let without = name.strip_prefix('.');
        without
            .filter(|_| self.arch == Arch::Ppc64le)
            .unwrap_or(name)
    }

    /// `ignore_undef_symbol`, and what the architectures take out before
    /// (`module_frob_arch_sections`).
    fn is_ignored(&self, name: &str) -> bool {
        match self.arch {
            Arch::Amd64 | Arch::S390x => name == "_GLOBAL_OFFSET_TABLE_",
            Arch::Ppc64le => name == ".TOC.",
            Arch::Arm64 => false,
        }
    }

    /// `verify_namespace_is_imported` (5.4).
    fn namespace(
        &self,
        elf: &ElfFacts,
        name: &str,
        export: &Export,
        imported: &HashSet<&str>,
    ) -> Option<Remark> {
        let namespace = export
            .namespace
            .as_deref()
            .filter(|name| !name.is_empty())?;
        let weight = Weight::since(self.kernel.loader_since(5, 4))?;
        if imported.contains(namespace) {
            return None;
        }
        let names = namespace.strip_prefix(FOR_MODULES);
        if names.is_some_and(|names| may_use(names, &elf.this_module_name)) {
            return None;
        }
        let weight = match self
            .kernel
            .enabled("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS")
        {
            Some(true) => Weight::Passes,
            Some(false) => weight,
            None => Weight::MayRefuse,
        };
        let refusal = SymbolRefusal::Namespace {
            symbol: name.into(),
            namespace: namespace.into(),
        };
        Some(Refusal::Symbol(refusal).weighs(weight))
    }

    /// A symbol that nothing loaded exports, and the in-tree module that would.
    fn missing(&self, name: &str) -> SymbolRefusal {
        let symbols = self.facts.and_then(|facts| facts.symbols.as_ref());
        let in_tree = symbols.and_then(|symbols| symbols.get(name));
        SymbolRefusal::Missing {
            symbol: name.into(),
            in_tree: in_tree.map(|symbol| symbol.owner.into()),
        }
    }
}

/// Namespaces that name the modules that may use their symbols (6.16).
pub(super) const FOR_MODULES: &str = "module:";

/// `verify_module_namespace`: `a,b*` names modules, as Kbuild names them (`mod_strncmp`): with
/// `_` for every `-`.
fn may_use(names: &str, module: &str) -> bool {
    let (names, module) = (names.replace('-', "_"), module.replace('-', "_"));
    names.split(',').any(|name| match name.strip_suffix('*') {
        Some(start) => module.starts_with(start),
        None => module == name,
    })
}

fn refused(refusal: SymbolRefusal) -> Remark {
    Refusal::Symbol(refusal).weighs(Weight::Refuses)
}

/// A symbol that may stay unresolved, and then leads to whatever the module's file says.
fn stray(symbol: &UndefinedSymbol) -> Option<Remark> {
    let refusal = SymbolRefusal::Stray {
        symbol: symbol.name.clone(),
    };
    symbol
        .has_value
        .then(|| Refusal::Symbol(refusal).weighs(Weight::MayRefuse))
}

/// `verify_exported_symbols`: a module may export nothing that is exported already.
pub(super) fn duplicates<'a>(
    elf: &'a ElfFacts,
    facts: Option<&'a KernelFacts>,
    loaded: &'a [Loaded],
) -> impl Iterator<Item = Remark> + 'a {
    let symbols = facts.and_then(|facts| facts.symbols.as_ref());
    elf.exports.iter().filter_map(move |export| {
        let of_kernel = symbols
            .and_then(|symbols| symbols.get(&export.name))
            .filter(|symbol| symbol.owner == "vmlinux")
            .map(|_| None);
        let owner = of_kernel.or_else(|| {
            let exports_it = |other: &&Loaded| other.exports.contains_key(&export.name);
            let other = loaded.iter().rev().find(exports_it)?;
            Some(Some(other.name.as_str().into()))
        })?;
        Some(refused(SymbolRefusal::Duplicate {
            symbol: export.name.clone(),
            owner,
        }))
    })
}
