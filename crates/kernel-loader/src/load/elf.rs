//! The ELF file as the kernel's loader wants it (`elf_validity_check`, `setup_load_info`,
//! `layout_and_allocate` of `kernel/module/main.c`, `apply_relocate_add` of `arch/`).

use crate::kernel::version::Kernel;
use crate::module::defects::Defect;
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
    let since = |major, minor| {
        if kernel.at_least(major, minor) {
            Outcome::Refused
        } else {
            Outcome::Taken
        }
    };
    let strict = kernel.enabled("STRICT_MODULE_RWX");
    match defect {
        Defect::ModinfoTwice
        | Defect::SymbolTableTwice
        | Defect::ThisModuleTwice
        | Defect::ThisModuleKind => since(6, 4),
        Defect::SectionName { .. } | Defect::NameTable { .. } => since(6, 12),
        Defect::SymbolNames(_) => since(6, 13),
        Defect::ExtendedVersionsCount | Defect::ExtendedVersionsAlone => since(6, 14),
        Defect::WritableText { .. } if !kernel.at_least(5, 8) => Outcome::Taken,
        Defect::WritableText { .. } => match strict {
            Some(true) => Outcome::Refused,
            Some(false) => Outcome::Taken,
            None => Outcome::MayRefuse,
        },
        Defect::WrongProtection { .. } => match strict {
            Some(true) => Outcome::Crashes,
            Some(false) => Outcome::Taken,
            None => Outcome::MayCrash,
        },
        Defect::OddProtection { .. } if strict == Some(false) => Outcome::Taken,
        Defect::OddProtection { .. }
        | Defect::TableContent { .. }
        | Defect::RelocationOutside { .. }
        | Defect::CodeNotLoaded { .. } => Outcome::MayCrash,
        Defect::NotLoaded { .. } => Outcome::Crashes,
        Defect::ModinfoOpen { .. } => Outcome::MayRefuse,
        // Before, the loader read what lies behind the section headers.
        Defect::SymbolSection { .. } if !kernel.at_least(5, 14) => Outcome::MayRefuse,
        Defect::SymbolSection { .. }
        | Defect::CommonSymbol { .. }
        | Defect::RelRelocations
        | Defect::RelocationUnknown { .. }
        | Defect::RelocationTarget { .. }
        | Defect::RelocationOverflow { .. } => Outcome::Refused,
        // See `twin_sections`.
        Defect::TwinSections { .. } => Outcome::Taken,
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
    /// What x86 has for modules at most (`MODULES_LEN`); others have no more.
    const ROOM: u32 = 1520 << 20;
    /// A node may not have as much left.
    const MUCH: u32 = 512 << 20;
    (elf.memory >= MUCH).then(|| NoRoom {
        bytes: elf.memory.into(),
        is_certain: elf.memory >= ROOM,
    })
}

/// Room for per-CPU data, of which there is little (`percpu_modalloc`, `pcpu_alloc` of
/// `mm/percpu.c`).
pub fn per_cpu(elf: &ElfFacts, kernel: &Kernel<'_>) -> Option<NoRoom> {
    const PAGE: u64 = 4096;
    /// `PCPU_MIN_UNIT_SIZE`
    const UNIT: u64 = 32 << 10;
    /// `PERCPU_MODULE_RESERVE`, which all modules of a node share.
    const RESERVE: u64 = 8 << 10;
    /// What the modules of a node may have left of it; theirs are some hundred bytes each.
    const FREE: u64 = 6 << 10;
    let PerCpu { size, align } = elf.per_cpu?;
    let align = align.min(PAGE);
    let is_odd = align > 4 && !align.is_power_of_two();
    let is_certain = if size > UNIT || size > 0 && is_odd {
        true
    } else if size > RESERVE {
        // Profiled memory has more (`CONFIG_MEM_ALLOC_PROFILING`).
        !kernel.at_least(6, 10) || kernel.enabled("MEM_ALLOC_PROFILING") == Some(false)
    } else if size > FREE {
        false
    } else {
        return None;
    };
    Some(NoRoom {
        bytes: size,
        is_certain,
    })
}

/// Two sections of one name, for which there is but one file below `/sys/module`: since 6.12 the
/// load ends with `-EEXIST` there (`add_sect_attrs`, with `CONFIG_KALLSYMS`).
pub fn twin_sections<'e>(elf: &'e ElfFacts, kernel: &Kernel<'_>) -> Option<&'e Defect> {
    let ends = kernel.at_least(6, 12) && kernel.enabled("KALLSYMS") != Some(false);
    let twins = |defect: &&Defect| matches!(defect, Defect::TwinSections { .. });
    elf.defects.iter().find(twins).filter(|_| ends)
}
