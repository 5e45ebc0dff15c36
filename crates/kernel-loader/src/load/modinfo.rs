//! `check_modinfo` and what comes after it (`kernel/module/main.c`): version magic, livepatches,
//! exports without versions, and names that are taken.

use crate::answer::{Refusal, Remark, Weight};
use crate::kernel::facts::KernelFacts;
use crate::kernel::version::Kernel;
use crate::load::machine::Handing;
use crate::load::symbols::FOR_MODULES;
use crate::module::ElfFacts;

/// `check_modinfo` and `same_magic`: with symbol versions in the module, everything up to the
/// first blank is skipped.
pub(super) fn version_magic(
    elf: &ElfFacts,
    handing: &Handing,
    kernel: &Kernel<'_>,
    facts: Option<&KernelFacts>,
    release: &str,
) -> Option<Remark> {
    let is_forced = handing.force_vermagic;
    let Some(magic) = elf.modinfo("vermagic").filter(|_| !is_forced) else {
        let weight = Weight::unless(kernel.force_load())?;
        return Some(Refusal::NoVersionMagic { is_forced }.weighs(weight));
    };
    let has_versions = elf.versions.is_some() && !handing.force_modversions;
    let wanted = facts.and_then(|facts| facts.vermagic.as_deref());
    let fits = match wanted {
        Some(wanted) => {
            let skip = has_versions && kernel.modversions() == Some(true);
            after_release(magic, skip) == after_release(wanted, skip)
        }
        // Without symbol versions the release counts, whatever the kernel's configuration is.
        None => has_versions || magic.split(' ').next() == Some(release),
    };
    (!fits).then(|| {
        Refusal::VersionMagic {
            magic: magic.into(),
            wanted: wanted.map(Into::into),
        }
        .weighs(Weight::Refuses)
    })
}

fn after_release(magic: &str, skip: bool) -> &str {
    if skip {
        magic.find(' ').map_or("", |at| &magic[at..])
    } else {
        magic
    }
}

/// `check_modinfo_livepatch`.
pub(super) fn livepatch(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<Remark> {
    elf.modinfo("livepatch")?;
    let weight = Weight::unless(kernel.enabled("LIVEPATCH"))?;
    Some(Refusal::Livepatch.weighs(weight))
}

/// `check_module_license_and_versions`: exports without versions.
pub(super) fn unversioned_exports(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<Remark> {
    let table = elf.unversioned.as_deref()?;
    if kernel.modversions() != Some(true) {
        return None;
    }
    let weight = Weight::unless(kernel.force_load())?;
    let table = table.into();
    Some(Refusal::UnversionedExports { table }.weighs(weight))
}

/// `check_export_symbol_sections`: exports without flags (7.1). A kernel that takes this over
/// builds its own modules so, and modules for it.
pub(super) fn unflagged_exports(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<Remark> {
    let is_refused = elf.unflagged && kernel.loader_since(7, 1) == Some(true);
    is_refused.then(|| Refusal::UnflaggedExports.weighs(Weight::Refuses))
}

/// `setup_modinfo`: namespaces that name the modules that may use them cannot be imported
/// (6.16).
pub(super) fn imports(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<Remark> {
    let mut imports = elf.modinfo_all("import_ns");
    let namespace = imports.find(|namespace| namespace.starts_with(FOR_MODULES))?;
    let refusal = Refusal::Import {
        namespace: namespace.into(),
    };
    Some(refusal.weighs(Weight::since(kernel.loader_since(6, 16))?))
}

/// `mod_sysfs_init`: a module's folder below `/sys/module` needs a name.
pub(super) fn no_name(elf: &ElfFacts) -> Option<Remark> {
    let is_empty = elf.this_module_name.is_empty();
    is_empty.then(|| Refusal::NoName.weighs(Weight::Refuses))
}

/// `mod_sysfs_init`: the module's folder below `/sys/module` may be that of built-in code.
pub(super) fn taken_folder(name: &str, facts: Option<&KernelFacts>) -> Option<Remark> {
    let facts = facts?;
    let folders = facts.built_in_folders.as_ref();
    if folders.is_some_and(|folders| folders.contains(name)) {
        return Some(Refusal::FolderTaken.weighs(Weight::Refuses));
    }
    let built_in = facts.built_in.as_ref()?;
    let has_it = built_in.iter().any(|other| **other == *name);
    has_it.then(|| Refusal::BuiltIn.weighs(Weight::Passes))
}
