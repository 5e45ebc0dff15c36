//! Symbol versions (`kernel/module/version.c`).

use std::collections::HashMap;

use kernel_loader::kernel::facts::KernelFacts;
use kernel_loader::module::{ElfFacts, SymbolVersion};

use crate::findings::finding::{Code, Effect, Finding, Subject};
use crate::judge::symbols::Resolver;

/// The versions that a module brings, by symbol; of several the first counts.
pub(super) struct Versions<'m> {
    plain: Option<HashMap<&'m str, u64>>,
    extended: Option<HashMap<&'m str, u64>>,
}

impl<'m> Versions<'m> {
    pub(super) fn new(elf: &'m ElfFacts, resolver: &Resolver<'_>) -> Self {
        let map = |list: &'m Vec<SymbolVersion>| {
            let mut map = HashMap::with_capacity(list.len());
            for entry in list {
                map.entry(&*entry.name).or_insert(entry.crc);
            }
            map
        };
        let used = !resolver.versions_ignored;
        Self {
            plain: elf.versions.as_ref().filter(|_| used).map(map),
            // Read since 6.14.
            extended: elf
                .extended_versions
                .as_ref()
                .filter(|_| used && resolver.kernel.at_least(6, 14))
                .map(map),
        }
    }
}

impl Resolver<'_> {
    /// `check_modstruct_version`: the layout of the kernel's structures, before all else.
    pub(super) fn module_layout(&self, module: &str, elf: &ElfFacts) -> Option<Finding> {
        let symbol = self.facts?.symbols.as_ref()?.get("module_layout")?;
        self.version(
            module,
            "module_layout",
            symbol.crc,
            &Versions::new(elf, self),
            elf,
        )
        .err()
        .map(|finding| *finding)
    }

    /// `check_version`.
    pub(super) fn version(
        &self,
        module: &str,
        name: &str,
        crc: Option<u32>,
        versions: &Versions<'_>,
        elf: &ElfFacts,
    ) -> Result<(), Box<Finding>> {
        let Some(crc) = crc.filter(|_| self.kernel.modversions() == Some(true)) else {
            return Ok(());
        };
        let (known, is_extended) = match (&versions.extended, &versions.plain) {
            (Some(extended), _) => (extended.get(name), true),
            (None, Some(plain)) => (plain.get(name), false),
            (None, None) => return self.without_versions(module, name),
        };
        match known {
            Some(known) if *known == u64::from(crc) => Ok(()),
            Some(known) => Err(Box::new(
                Finding::new(
                    Code::SymbolVersionMismatch,
                    format!(
                        "{module}: disagrees about version of symbol {name}: 0x{known:08x} in the \
                         module, 0x{crc:08x} in the kernel{}",
                        built_for(elf, self.facts)
                    ),
                )
                .hint("Build the module against the target kernel's headers.")
                .about(Subject::Symbol {
                    name: name.to_owned(),
                    built_for: other_release(elf, self.facts).map(str::to_owned),
                }),
            )),
            // Debian's patch "module: Disable matching missing version CRC".
            None if self.kernel.debian && !is_extended => Err(Box::new(
                Finding::new(
                    Code::SymbolVersionMismatch,
                    format!("{module}: no symbol version for {name}; 0x{crc:08x} in the kernel"),
                )
                .hint("Build the module with the target kernel's Module.symvers."),
            )),
            None => Ok(()),
        }
    }

    /// A module without versions in a kernel that has them.
    fn without_versions(&self, module: &str, name: &str) -> Result<(), Box<Finding>> {
        let finding = Finding::new(
            Code::SymbolVersionMismatch,
            format!(
                "{module}: Exec format error: the module has no symbol versions, and the kernel \
                 requires one for {name}"
            ),
        )
        .hint("Build the module with CONFIG_MODVERSIONS and the kernel's Module.symvers.");
        match self.kernel.force_load() {
            Some(true) => Ok(()),
            Some(false) => Err(Box::new(finding)),
            None => Err(Box::new(finding.with_effect(Effect::Doubts))),
        }
    }
}

/// In words, the kernel that a module was built for, where it is another one.
pub(super) fn built_for(elf: &ElfFacts, facts: Option<&KernelFacts>) -> String {
    other_release(elf, facts)
        .map(|release| format!(" (the module was built for {release})"))
        .unwrap_or_default()
}

/// The kernel that a module was built for, where it is another one.
fn other_release<'a>(elf: &'a ElfFacts, facts: Option<&KernelFacts>) -> Option<&'a str> {
    let release = elf.modinfo("vermagic")?.split(' ').next()?;
    (release != facts?.kernel_version).then_some(release)
}
