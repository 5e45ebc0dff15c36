//! Symbols: resolution, licences, namespaces and duplicates (`kernel/module/main.c`).

use std::collections::{HashMap, HashSet};

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::kernel::version::Kernel;
use kernel_loader::load::exports::Export;
use kernel_loader::module::ElfFacts;

use crate::findings::finding::{Code, Effect, Finding, Subject};
use crate::findings::gathered::Gathered;
use crate::judge::versions::Versions;
use crate::model::target::Arch;

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

/// Where a symbol that nothing loaded exports comes from.
pub(super) trait Exporters {
    /// A module of the image that exports the symbol, in words for a message.
    fn of_image(&self, symbol: &str) -> Option<String>;

    /// True when the folder of modules has the link `host` to the kernel's own modules.
    fn has_host_link(&self) -> bool;
}

/// What the symbols of one module are resolved against.
pub(super) struct Resolver<'a> {
    pub(super) kernel: Kernel<'a>,
    pub(super) facts: Option<&'a KernelFacts>,
    pub(super) loaded: &'a [Loaded],
    pub(super) exporters: &'a dyn Exporters,
    pub(super) arch: Arch,
    /// `MODULE_INIT_IGNORE_MODVERSIONS`, or versions that kmod cut out.
    pub(super) versions_ignored: bool,
}

/// What resolving a module's symbols came to.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) findings: Vec<Finding>,
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

impl Resolver<'_> {
    /// `simplify_symbols`: every undefined symbol, in the order of the symbol table.
    pub(super) fn resolve(&self, module: &str, elf: &ElfFacts) -> Resolved {
        let license = elf.modinfo("license");
        let versions = Versions::new(elf, self);
        let imported: HashSet<&str> = elf.modinfo_all("import_ns").collect();
        let mut using_gpl_only = false;
        let mut findings = Gathered::default();
        let mut resolved = Resolved {
            proprietary: !is_gpl_compatible(license),
            ..Resolved::default()
        };
        for symbol in &elf.undefined {
            let name = &*symbol.name;
            let (export, owner) = match self.find(name, resolved.proprietary) {
                Found::Export { export, owner } => (export, owner),
                Found::Unknown => {
                    resolved.unchecked += 1;
                    continue;
                }
                Found::GplOnly | Found::No if symbol.weak || self.is_ignored(name) => {
                    if symbol.has_value {
                        findings.push(stray(module, name));
                    }
                    continue;
                }
                Found::GplOnly => {
                    findings.push(gpl_only(module, name, license));
                    continue;
                }
                Found::No => {
                    findings.push(self.missing(module, name));
                    continue;
                }
            };
            using_gpl_only |= export.gpl;
            let owner = owner.map(|at| &self.loaded[at]);
            // `inherit_taint` (5.9)
            if let Some(owner) = owner.filter(|owner| owner.proprietary)
                && self.kernel.at_least(5, 9)
            {
                if using_gpl_only {
                    if !symbol.weak {
                        findings.push(
                            Finding::new(
                                Code::SymbolGplOnly,
                                format!(
                                    "{module}: Unknown symbol {name} (err -2): module using \
                                     GPL-only symbols uses symbols {name} from proprietary \
                                     module {}",
                                    owner.name
                                ),
                            )
                            .hint("Give both modules a GPL-compatible licence."),
                        );
                    }
                    continue;
                }
                resolved.proprietary = true;
            }
            if let Err(finding) = self.version(module, name, export.crc, &versions, elf) {
                findings.push(*finding);
                continue;
            }
            findings.extend(self.namespace(module, name, &export, &imported));
        }
        resolved.findings = findings.into_findings();
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

    /// `ignore_undef_symbol`, and what the architectures take out before
    /// (`module_frob_arch_sections`).
    fn is_ignored(&self, name: &str) -> bool {
        match self.arch {
            Arch::Amd64 | Arch::S390x => name == "_GLOBAL_OFFSET_TABLE_",
            Arch::Ppc64le => name == ".TOC." || name == "TOC.",
            Arch::Arm64 => false,
        }
    }

    /// `verify_namespace_is_imported` (5.4).
    fn namespace(
        &self,
        module: &str,
        name: &str,
        export: &Export,
        imported: &HashSet<&str>,
    ) -> Option<Finding> {
        let namespace = export
            .namespace
            .as_deref()
            .filter(|name| !name.is_empty())?;
        if !self.kernel.at_least(5, 4) || imported.contains(namespace) {
            return None;
        }
        // `verify_module_namespace` (6.16): `module:a,b*` names the modules that may use it.
        if let Some(names) = namespace.strip_prefix("module:") {
            let allowed = names.split(',').any(|pattern| {
                pattern
                    .strip_suffix('*')
                    .map_or(pattern == module, |start| module.starts_with(start))
            });
            if allowed {
                return None;
            }
        }
        let finding = Finding::new(
            Code::SymbolNamespaceMissing,
            format!(
                "{module}: module uses symbol ({name}) from namespace {namespace}, but does not \
                 import it"
            ),
        )
        .hint(format!("Add MODULE_IMPORT_NS({namespace}) to the module."));
        Some(
            match self
                .kernel
                .enabled("MODULE_ALLOW_MISSING_NAMESPACE_IMPORTS")
            {
                Some(true) => finding.as_warning(),
                Some(false) => finding,
                None => finding.with_effect(Effect::Doubts),
            },
        )
    }

    /// A symbol that nothing loaded exports, and who would.
    fn missing(&self, module: &str, name: &str) -> Finding {
        let known = self
            .facts
            .and_then(|facts| facts.symbols.as_ref())
            .and_then(|symbols| symbols.get(name));
        if let Some(symbol) = known {
            return Finding::new(
                Code::DependencyMissing,
                format!(
                    "{module}: Unknown symbol {name} (err -2): provided by in-tree module {}, \
                     which modprobe will not load",
                    symbol.owner
                ),
            )
            .hint(match self.exporters.has_host_link() {
                true => {
                    "Copy the kernel's own modules to /lib/modules/$KERNEL_VERSION in the image \
                     before running depmod: modules.dep lists none of them."
                }
                false => {
                    "Link the kernel's modules into the folder before running depmod: `ln -s \
                     /lib/modules/$KERNEL_VERSION <dirName>/lib/modules/$KERNEL_VERSION/host`."
                }
            })
            .about(Subject::InTreeModule(symbol.owner.to_string()));
        }
        if let Some(exporter) = self.exporters.of_image(name) {
            return Finding::new(
                Code::DependencyMissing,
                format!(
                    "{module}: Unknown symbol {name} (err -2): provided by {exporter}, which \
                     modprobe will not load"
                ),
            )
            .hint(
                "Run `depmod -b <dirName> <kernel>` in the image after the last module is copied.",
            );
        }
        Finding::new(
            Code::SymbolMissing,
            format!("{module}: Unknown symbol {name} (err -2)"),
        )
        .hint("Use a release of the module for the target kernel.")
        .about(Subject::Symbol {
            name: name.to_owned(),
            built_for: None,
        })
    }
}

/// A symbol that may stay unresolved, and then leads to whatever the module's file says.
fn stray(module: &str, name: &str) -> Finding {
    Finding::new(
        Code::ElfInvalid,
        format!("{module}: the kernel may crash: {name} is neither resolved nor zero"),
    )
    .hint("Build the module again with the target kernel's build tree.")
    .with_effect(Effect::Doubts)
}

fn gpl_only(module: &str, name: &str, license: Option<&str>) -> Finding {
    let license = match license {
        Some(license) => format!("the module's licence is '{license}'"),
        None => "the module has no MODULE_LICENSE".to_owned(),
    };
    Finding::new(
        Code::SymbolGplOnly,
        format!(
            "{module}: Unknown symbol {name} (err -2): it is only available to GPL-compatible \
             modules, and {license}"
        ),
    )
    .hint("Use symbols without EXPORT_SYMBOL_GPL, or a GPL-compatible licence.")
}

/// `verify_exported_symbols`: a module may export nothing that is exported already.
pub(super) fn duplicates(
    module: &str,
    elf: &ElfFacts,
    facts: Option<&KernelFacts>,
    loaded: &[Loaded],
) -> Vec<Finding> {
    let symbols = facts.and_then(|facts| facts.symbols.as_ref());
    let mut findings = Gathered::default();
    findings.extend(elf.exports.iter().filter_map(|export| {
        let of_kernel = symbols
            .and_then(|symbols| symbols.get(&export.name))
            .filter(|symbol| symbol.owner == "vmlinux")
            .map(|_| "kernel");
        let owner = of_kernel.or_else(|| {
            loaded
                .iter()
                .rev()
                .find(|other| other.exports.contains_key(&export.name))
                .map(|other| other.name.as_str())
        })?;
        Some(
            Finding::new(
                Code::SymbolDuplicate,
                format!(
                    "{module}: exports duplicate symbol {} (owned by {owner}): Exec format \
                         error",
                    export.name
                ),
            )
            .hint(format!(
                "Rename the symbol, or do not load {owner} together with this module."
            )),
        )
    }));
    findings.into_findings()
}
