//! What kernels make of a defect of a module's ELF file (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use crate::arch::sections::ArchSection;
use crate::arch::{self, Arch};
use crate::kernel::version::Kernel;
use crate::module::defects::{CONSTRUCTORS, Defect, SymbolNames};
use crate::module::{ElfFacts, PerCpu};

/// What a kernel makes of a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It takes the module.
    Taken,
    /// It refuses the module.
    Refused,
    /// Whether it refuses the module cannot be told.
    MayRefuse,
    /// It does not look, and does not survive.
    Crashes,
    /// It does not look, and may not survive.
    MayCrash,
}

/// True for a module that this kernel does not survive. Sections that are writable and
/// executable are refused before that is met (`layout_and_allocate`).
pub fn is_fatal(elf: &ElfFacts, kernel: &Kernel<'_>) -> bool {
    let crashes = |defect: &Defect| outcome(defect, kernel) == Outcome::Crashes;
    let writable_text = |defect: &Defect| {
        matches!(defect, Defect::WritableText { .. }) && outcome(defect, kernel) == Outcome::Refused
    };
    elf.defects.iter().any(crashes) && !elf.defects.iter().any(writable_text)
}

/// What this kernel makes of a defect.
pub fn outcome(defect: &Defect, kernel: &Kernel<'_>) -> Outcome {
    let since = |major, minor| match kernel.loader_since(major, minor) {
        Some(true) => Outcome::Refused,
        Some(false) => Outcome::Taken,
        None => Outcome::MayRefuse,
    };
    let strict = kernel.enabled("STRICT_MODULE_RWX");
    match defect {
        Defect::ModinfoTwice
        | Defect::SymbolTableTwice
        | Defect::ThisModuleTwice
        | Defect::ThisModuleKind => since(6, 4),
        Defect::SectionName { .. } | Defect::NameTable { .. } => since(6, 12),
        Defect::SectionNameNowhere { kind, .. }
            if *kind != 0 && kernel.loader_since(6, 12) == Some(true) =>
        {
            Outcome::Refused
        }
        Defect::SectionNameNowhere { .. } => Outcome::MayCrash,
        Defect::SymbolNames(SymbolNames::Nowhere) if kernel.loader_since(6, 13) != Some(true) => {
            Outcome::MayCrash
        }
        Defect::SymbolNames(_) => since(6, 13),
        Defect::ExtendedVersionsCount | Defect::ExtendedVersionsAlone => since(6, 14),
        Defect::WritableText { .. } => match strict {
            Some(true) => since(5, 8),
            Some(false) => Outcome::Taken,
            None if kernel.loader_since(5, 8) == Some(false) => Outcome::Taken,
            None => Outcome::MayRefuse,
        },
        Defect::WrongProtection { .. } => match strict {
            Some(true) => Outcome::Crashes,
            Some(false) => Outcome::Taken,
            None => Outcome::MayCrash,
        },
        Defect::OddProtection { .. } if strict == Some(false) => Outcome::Taken,
        Defect::TableContent { section }
            if CONSTRUCTORS.contains(&&**section)
                && kernel.enabled("CONSTRUCTORS") == Some(false) =>
        {
            Outcome::Taken
        }
        Defect::ConstructorsTwice => match kernel.enabled("CONSTRUCTORS") {
            Some(true) => Outcome::Refused,
            Some(false) => Outcome::Taken,
            None => Outcome::MayRefuse,
        },
        Defect::OddProtection { .. }
        | Defect::TableContent { .. }
        | Defect::RelocationOutside { .. }
        | Defect::CodeNotLoaded { .. } => Outcome::MayCrash,
        Defect::NotLoaded { .. } => Outcome::Crashes,
        Defect::ModinfoOpen { .. } => Outcome::MayRefuse,
        Defect::LivepatchRelocations { is_certain, .. } => match kernel.enabled("LIVEPATCH") {
            // Nobody applies them.
            Some(false) => Outcome::MayCrash,
            Some(true) if *is_certain && kernel.since(5, 8) == Some(true) => Outcome::Refused,
            _ => Outcome::MayRefuse,
        },
        Defect::RelocationPcRelative { .. } if kernel.since(6, 4) == Some(false) => {
            Outcome::Refused
        }
        Defect::RelocationPcRelative { .. } => match kernel.enabled("PPC_KERNEL_PCREL") {
            Some(true) => Outcome::Taken,
            Some(false) => Outcome::Refused,
            None => Outcome::MayRefuse,
        },
        // Before, the loader read what lies behind the section headers.
        Defect::SymbolSection { .. } if kernel.loader_since(5, 14) != Some(true) => {
            Outcome::MayRefuse
        }
        Defect::SymbolSection { .. }
        | Defect::CommonSymbol { .. }
        | Defect::RelRelocations
        | Defect::RelocationUnknown { .. }
        | Defect::RelocationTarget { .. }
        | Defect::CallWithoutNop { .. }
        | Defect::RelocationOverflow { .. } => Outcome::Refused,
        Defect::RelocationToExport { .. } => match kernel.is_mapped_high() {
            Some(true) => Outcome::Refused,
            // It may be anywhere in the node's memory (`get_random_base`).
            Some(false) if kernel.enabled("RANDOMIZE_BASE") == Some(false) => Outcome::Taken,
            Some(false) | None => Outcome::MayRefuse,
        },
        // Else the copy is behind the kernel (`module_init_limits` of arm64, `VMALLOC_START`).
        Defect::RelocationToCopy { .. } => match kernel.enabled("RANDOMIZE_BASE") {
            Some(true) => Outcome::Refused,
            Some(false) => Outcome::MayCrash,
            None => Outcome::MayRefuse,
        },
        // See `twin_sections`.
        Defect::TwinSections { .. } => match twins_end_the_load(kernel) {
            Some(_) => Outcome::Taken,
            None => Outcome::MayRefuse,
        },
    }
}

/// A section that the architecture's loader looks for. A kernel's own modules are linked with
/// the same `module.lds`: what they lack as well it does not look for.
pub fn section_absent(section: ArchSection, kernel: &Kernel<'_>) -> Outcome {
    let own_modules_have_it = kernel.own_modules_have(section);
    if own_modules_have_it == Some(false) {
        return Outcome::Taken;
    }
    let when_all = |conditions: &[Option<bool>]| {
        if conditions.contains(&Some(false)) {
            Outcome::Taken
        } else if conditions.contains(&None) {
            Outcome::MayRefuse
        } else {
            Outcome::Refused
        }
    };
    // An option until 6.5, which every distribution sets that puts kernels at random addresses.
    let has_plts = match (kernel.since(6, 5), kernel.enabled("ARM64_MODULE_PLTS")) {
        _ if own_modules_have_it == Some(true) => Some(true),
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), set) => set,
        // It is not set, or there is no such option any more.
        (None, _) => None,
    };
    let traces = kernel.enabled("DYNAMIC_FTRACE");
    match section {
        ArchSection::Stubs => Outcome::Refused,
        // `module_frob_arch_sections`
        ArchSection::Plt | ArchSection::InitPlt => when_all(&[has_plts]),
        // `module_init_ftrace_plt`
        ArchSection::FtraceTrampoline => when_all(&[has_plts, traces]),
        // The same since 6.18, and in stable kernels and distributions since 6.5.
        ArchSection::InitFtraceTrampoline => {
            let looks = match (kernel.since(6, 18), kernel.since(6, 5)) {
                _ if own_modules_have_it == Some(true) => Some(true),
                (Some(true), _) => Some(true),
                (_, Some(false)) => Some(false),
                _ => None,
            };
            when_all(&[looks, traces])
        }
    }
}

/// Room that a module's sections take and a kernel may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes.
    pub bytes: u64,
    /// No node has as much.
    pub is_certain: bool,
}

/// Room for the module's sections (`module_alloc`).
pub fn memory(elf: &ElfFacts) -> Option<NoRoom> {
    /// A node may not have as much left.
    const MUCH: u32 = 512 << 20;
    let room = Arch::of_elf_machine(elf.machine).and_then(arch::memory::module_addresses);
    let bytes = u64::from(elf.memory);
    (elf.memory >= MUCH).then(|| NoRoom {
        bytes,
        is_certain: room.is_some_and(|room| bytes >= room),
    })
}

/// Room for per-CPU data, of which there is little (`percpu_modalloc`, `pcpu_alloc` of
/// `mm/percpu.c`).
pub fn per_cpu(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<NoRoom> {
    /// `PCPU_MIN_UNIT_SIZE`, in whole pages.
    const UNIT: u64 = 32 << 10;
    /// What modules of a node have taken of the reserve; theirs are some hundred bytes each.
    const TAKEN: u64 = 2 << 10;
    let PerCpu { size, align } = elf.per_cpu.filter(|data| data.size > 0)?;
    let arch = Arch::of_elf_machine(elf.machine)?;
    // Profiled memory has more (`CONFIG_MEM_ALLOC_PROFILING`).
    let has_more =
        kernel.since(6, 10) != Some(false) && kernel.enabled("MEM_ALLOC_PROFILING") != Some(false);
    let refused = |page: u64| {
        let align = align.min(page);
        if size > UNIT.next_multiple_of(page) || align > 4 && !align.is_power_of_two() {
            return Some(true);
        }
        let reserve = arch::memory::per_cpu_reserve(arch)?;
        (size > reserve - TAKEN).then_some(size > reserve && !has_more)
    };
    let pages = arch::memory::page_sizes(arch, kernel);
    let answers: Vec<Option<bool>> = pages.into_iter().map(refused).collect();
    answers.iter().any(Option::is_some).then(|| NoRoom {
        bytes: size,
        is_certain: answers.iter().all(|answer| *answer == Some(true)),
    })
}

/// Two sections of one name, for which there is but one file below `/sys/module`: since 6.12 the
/// load ends with `-EEXIST` there (`add_sect_attrs`, with `CONFIG_KALLSYMS`).
pub fn twin_sections<'e>(elf: &'e ElfFacts, kernel: &Kernel<'_>) -> Option<&'e Defect> {
    let twins = |defect: &&Defect| matches!(defect, Defect::TwinSections { .. });
    let ends = twins_end_the_load(kernel) == Some(true);
    elf.defects.iter().find(twins).filter(|_| ends)
}

fn twins_end_the_load(kernel: &Kernel<'_>) -> Option<bool> {
    match kernel.enabled("KALLSYMS") {
        Some(false) => Some(false),
        _ => kernel.loader_since(6, 12),
    }
}

#[cfg(test)]
mod tests;
