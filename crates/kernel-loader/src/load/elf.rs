//! The ELF file as the kernel's loader wants it (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use super::outcome::{self, Outcome};
use crate::answer::{Refusal, Remark, Weight};
use crate::arch::Arch;
use crate::kernel::version::Kernel;
use crate::module::ElfFacts;

/// A module for another architecture, or on 64-bit POWER one with another calling convention
/// than the kernel's, ELF's second ABI (`module_elf_check_arch`, 6.2).
pub(super) fn machine(elf: &ElfFacts, arch: Arch, kernel: &Kernel<'_>) -> Option<Remark> {
    let big_endian = arch == Arch::S390x;
    let fits = elf.machine == arch.elf_machine() && elf.is_64 && elf.little_endian != big_endian;
    let other_abi = arch == Arch::Ppc64le && elf.flags & 3 != 2;
    let weight = match (fits, other_abi) {
        (false, _) => Weight::Refuses,
        (true, true) => Weight::since(kernel.since(6, 2))?,
        (true, false) => return None,
    };
    let refusal = Refusal::Machine {
        machine: elf.machine,
        is_64: elf.is_64,
        wanted: arch,
    };
    Some(refusal.weighs(weight))
}

/// Sections that are absent, defects, and room that the kernel does not have.
pub(super) fn defects(elf: &ElfFacts, kernel: &Kernel<'_>) -> Vec<Remark> {
    let sections = elf.absent_sections.iter().filter_map(|section| {
        let weight = match outcome::section_absent(*section, kernel) {
            Outcome::Taken => return None,
            Outcome::Refused | Outcome::Crashes => Weight::Refuses,
            Outcome::MayRefuse | Outcome::MayCrash => Weight::MayRefuse,
        };
        Some(Refusal::SectionAbsent(*section).weighs(weight))
    });
    let defects = elf.defects.iter().filter_map(|defect| {
        let (weight, crashes) = match outcome::outcome(defect, kernel) {
            Outcome::Taken => return None,
            Outcome::Refused => (Weight::Refuses, false),
            Outcome::MayRefuse => (Weight::MayRefuse, false),
            Outcome::Crashes => (Weight::Refuses, true),
            Outcome::MayCrash => (Weight::MayRefuse, true),
        };
        let defect = defect.clone();
        Some(Refusal::Defect { defect, crashes }.weighs(weight))
    });
    let memory = outcome::memory(elf)
        .map(|room| Refusal::Memory { bytes: room.bytes }.weighs(Weight::certain(room.is_certain)));
    let per_cpu = outcome::per_cpu(elf, kernel)
        .map(|room| Refusal::PerCpu { bytes: room.bytes }.weighs(Weight::certain(room.is_certain)));
    sections
        .chain(defects)
        .chain(memory)
        .chain(per_cpu)
        .collect()
}

/// The size of `struct module` (`elf_validity_check` since 6.4): another configuration.
pub(super) fn struct_module(
    elf: &ElfFacts,
    wanted: Option<u64>,
    kernel: &Kernel<'_>,
) -> Option<Remark> {
    let wanted = wanted?;
    let size = elf.this_module_size;
    let weight = Weight::since(kernel.loader_since(6, 4))?;
    (size != wanted).then(|| Refusal::StructModule { size, wanted }.weighs(weight))
}

/// The module's type information, which a kernel with `CONFIG_DEBUG_INFO_BTF_MODULES` (5.11)
/// refuses to load a module for, unless `CONFIG_MODULE_ALLOW_BTF_MISMATCH` is set
/// (`btf_module_notify`). Whether its types fit those of the kernel can only be told of a
/// module that was built for this very kernel. Types that it brings for others to refer to are
/// found among the kernel's by their names (`btf_relocate`, 6.11), and made for other kernels.
pub(super) fn type_information(
    elf: &ElfFacts,
    kernel: &Kernel<'_>,
    release: &str,
) -> Option<Remark> {
    let btf = elf.btf.as_ref()?;
    if kernel.enabled("DEBUG_INFO_BTF_MODULES") != Some(true) {
        return None;
    }
    let built_for = elf.modinfo("vermagic")?.split(' ').next()?;
    let weight = Weight::unless(kernel.enabled("MODULE_ALLOW_BTF_MISMATCH"))?;
    let base = elf.btf_base.as_ref();
    let base = base.filter(|_| kernel.since(6, 11) == Some(true));
    let fault = [Some(btf), base]
        .into_iter()
        .flatten()
        .find_map(|it| it.err());
    if let Some(fault) = fault {
        return Some(Refusal::Btf(fault).weighs(weight));
    }
    let release = (built_for != release).then(|| built_for.into())?;
    Some(Refusal::BtfOf { release }.weighs(match base {
        Some(_) => Weight::Passes,
        None => Weight::MayRefuse,
    }))
}
