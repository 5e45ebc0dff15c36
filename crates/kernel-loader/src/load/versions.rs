//! Symbol versions (`kernel/module/version.c`).

use std::collections::HashMap;

use crate::answer::{Refusal, Remark, SymbolRefusal, Weight};
use crate::load::symbols::Resolver;
use crate::module::{ElfFacts, SymbolVersion};

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
                map.entry(resolver.looked_up(&entry.name))
                    .or_insert(entry.crc);
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
                .filter(|_| used && resolver.kernel.loader_since(6, 14) == Some(true))
                .map(map),
        }
    }
}

impl Resolver<'_> {
    /// `check_modstruct_version`: the layout of the kernel's structures, before all else.
    pub(super) fn module_layout(&self, elf: &ElfFacts) -> Option<Remark> {
        let symbol = self.facts?.symbols.as_ref()?.get("module_layout")?;
        self.version("module_layout", symbol.crc, &Versions::new(elf, self))
    }

    /// `check_version`.
    pub(super) fn version(
        &self,
        name: &str,
        crc: Option<u32>,
        versions: &Versions<'_>,
    ) -> Option<Remark> {
        let kernel = crc.filter(|_| self.kernel.modversions() == Some(true))?;
        let (known, is_extended) = match (&versions.extended, &versions.plain) {
            (Some(extended), _) => (extended.get(name), true),
            (None, Some(plain)) => (plain.get(name), false),
            (None, None) => {
                let weight = Weight::unless(self.kernel.force_load())?;
                let symbol = name.into();
                return Some(Refusal::Symbol(SymbolRefusal::NoVersions { symbol }).weighs(weight));
            }
        };
        let symbol = name.into();
        let refusal = match known {
            Some(known) if *known == u64::from(kernel) => return None,
            Some(known) => SymbolRefusal::Version {
                symbol,
                module: *known,
                kernel,
            },
            // Debian's patch "module: Disable matching missing version CRC".
            None if self.kernel.debian && !is_extended => {
                SymbolRefusal::VersionMissing { symbol, kernel }
            }
            None => return None,
        };
        Some(Refusal::Symbol(refusal).weighs(Weight::Refuses))
    }
}
