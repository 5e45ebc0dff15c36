//! What is odd about a module's ELF file, and which kernels, configurations or architectures
//! may refuse.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::arch::{Arch, aarch64, ppc64le, s390x, x86_64};
use crate::module::elf::{
    Elf, NameAt, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH,
    SHT_NOBITS, SHT_NULL, SHT_STRTAB, SHT_SYMTAB, Section, Symbol,
};

mod livepatch;
mod protection;
pub(crate) mod relocations;
#[cfg(test)]
mod tests;

/// Something in a module's ELF file that not every kernel takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants say what their fields are")]
pub enum Defect {
    /// A section without memory has its name outside of the table of names
    /// (`elf_validity_cache_secstrings`, Linux ≥6.12; before, only sections with memory count).
    SectionName { index: u32, kind: u32 },
    /// The same, and the name is behind the file: kernels before 6.12 read it where there may be
    /// no memory (`module_finalize` of the architecture, `find_any_sec`), later ones only that
    /// of a null section.
    SectionNameNowhere { index: u32, kind: u32 },
    /// A table of names is no `SHT_STRTAB` (`elf_validity_cache_secstrings`,
    /// `elf_validity_cache_index_str`, Linux ≥6.12).
    NameTable { kind: u32 },
    /// `.modinfo` stands more than once (`elf_validity_cache_index_info`, Linux ≥6.4).
    ModinfoTwice,
    /// The last entry of `.modinfo`, one of this tag, has no end in the file, and the kernel
    /// compares it with all that follows in memory (`get_next_modinfo`).
    ModinfoOpen { tag: Box<str> },
    /// More than one symbol table (`elf_validity_cache_index_sym`, Linux ≥6.4).
    SymbolTableTwice,
    /// More than one `.gnu.linkonce.this_module` (Linux ≥6.4).
    ThisModuleTwice,
    /// `.gnu.linkonce.this_module` has no content or is not allocated (Linux ≥6.4).
    ThisModuleKind,
    /// The symbols' string table is out of bounds (`elf_validity_cache_strtab`, Linux ≥6.13).
    SymbolNames(SymbolNames),
    /// More extended CRCs than names (`elf_validity_cache_index_versions`, Linux ≥6.14).
    ExtendedVersionsCount,
    /// One of the two sections of extended versions without the other (the same).
    ExtendedVersionsAlone,
    /// A section is both writable and executable (`module_enforce_rwx_sections`, with
    /// `CONFIG_STRICT_MODULE_RWX`, Linux ≥5.8).
    WritableText { section: Box<str> },
    /// A common symbol (`simplify_symbols`, every kernel).
    CommonSymbol { symbol: Box<str> },
    /// A symbol in a section that does not exist (`simplify_symbols`, Linux ≥5.14 and stable).
    SymbolSection {
        symbol: Box<str>,
        section: u16,
        last: u16,
    },
    /// Two loaded sections of one name (`add_sect_attrs`, Linux ≥6.12, with `CONFIG_KALLSYMS`),
    /// which the module does not fail for: modprobe takes it for loaded already.
    TwinSections { section: Box<str> },
    /// A table that the kernel follows when the module is loaded, and whose entries no
    /// relocation fills in.
    TableContent { section: Box<str> },
    /// Both sections of constructors (`find_module_sections`, with `CONFIG_CONSTRUCTORS`).
    ConstructorsTwice,
    /// `struct module` or the init function is where a kernel with `CONFIG_STRICT_MODULE_RWX`
    /// cannot write to it, or run it (`layout_sections`, `module_enable_ro`, `module_enable_nx`).
    WrongProtection {
        section: Box<str>,
        cannot: Protection,
    },
    /// The same of code or data that may never be run or written to.
    OddProtection {
        section: Box<str>,
        cannot: Protection,
    },
    /// Relocations without addends, which no 64-bit kernel applies (`apply_relocate` of
    /// `kernel/module/main.c`).
    RelRelocations,
    /// A relocation names a symbol, or changes a byte, that is not there: the loader does not
    /// look, and what becomes of the module depends on what lies there.
    RelocationOutside { section: Box<str> },
    /// A relocation of a kind that the architecture's loader does not have
    /// (`apply_relocate_add`).
    RelocationUnknown { kind: u32 },
    /// A relocation that only kernels with `CONFIG_PPC_KERNEL_PCREL` have (64-bit POWER,
    /// `apply_relocate_add`, Linux ≥6.4).
    RelocationPcRelative { kind: u32 },
    /// A call out of the module with no `nop` behind it (64-bit POWER, `restore_r2`).
    CallWithoutNop { symbol: Box<str> },
    /// A relocation over a value that is not zero (x86-64, `apply_relocate_add`).
    RelocationTarget { kind: u32, section: Box<str> },
    /// A relocation to an address that never fits (`apply_relocate_add`).
    RelocationOverflow { kind: u32, section: Box<str> },
    /// The same to an address of the kernel or another module, which fits where those are low (IBM Z
    /// before Linux 6.10).
    RelocationToExport { kind: u32, section: Box<str> },
    /// A relocation into a section that is not loaded, and so into the copy of the file, which is out
    /// of its reach where the kernel and its modules are at a random address (arm64).
    RelocationToCopy { kind: u32, section: Box<str> },
    /// Relocations that live patching applies, and may refuse (`klp_apply_section_relocs`,
    /// Linux ≥5.8).
    LivepatchRelocations { section: Box<str>, is_certain: bool },
    /// Code or data that is used when the module is loaded points into a section that is not
    /// (`rewrite_section_headers` gives that an address in the copy of the file, which is freed).
    NotLoaded { from: Box<str>, to: Box<str> },
    /// Code that may never run does the same.
    CodeNotLoaded { from: Box<str>, to: Box<str> },
}

/// What is wrong with the symbols' string table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SymbolNames {
    /// It does not start with a NUL.
    Start,
    /// It does not end with one.
    End,
    /// A name is not in it.
    Outside,
    /// A name is behind the file: kernels before 6.13 read it where there may be no memory
    /// (`layout_symtab`, `simplify_symbols`).
    Nowhere,
}

/// What a section's flags do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// Code cannot be run.
    Run,
    /// Data cannot be written to.
    Write,
}

/// The section with `struct module`.
pub(crate) const THIS_MODULE: &str = ".gnu.linkonce.this_module";
/// The module's exit function (`module_exit`), which `delete_module` calls.
pub(crate) const EXIT: &str = "cleanup_module";
/// The two sections that constructors may be in, as the compiler has it.
pub(crate) const CONSTRUCTORS: [&str; 2] = [".ctors", ".init_array"];
/// The most defects that are kept of one module.
const MOST_DEFECTS: usize = 1000;

/// The defects of a module, in the order in which a kernel would meet them.
pub(crate) fn of(elf: &Elf<'_>, symbols: &[Symbol<'_>]) -> Vec<Defect> {
    let mut defects = Vec::new();
    let mut add = |defect: Defect| {
        if defects.len() < MOST_DEFECTS {
            defects.push(defect);
        }
    };
    let applied = relocations::applied(elf);
    section_names(elf, &mut add);
    section_counts(elf, &mut add);
    symbol_names(elf, symbols, &mut add);
    extended_versions(elf, &mut add);
    relocations::tables(elf, symbols, &applied, &mut add);
    livepatch::relocations(elf, symbols, &mut add);
    twin_sections(elf, &mut add);
    if CONSTRUCTORS.iter().all(|name| elf.find(name).is_some()) {
        add(Defect::ConstructorsTwice);
    }
    protection::protection(elf, symbols, &applied, &mut add);
    for section in &elf.sections {
        if section.flags & (SHF_WRITE | SHF_EXECINSTR) == (SHF_WRITE | SHF_EXECINSTR) {
            let section = section.name.into();
            add(Defect::WritableText { section });
        }
    }
    symbol_sections(elf, symbols, &mut add);
    let relocation = match Arch::of_elf_machine(elf.machine) {
        Some(Arch::Amd64) => x86_64::relocations(elf, symbols, &applied),
        Some(Arch::Arm64) => aarch64::relocations(elf, symbols, &applied),
        Some(Arch::Ppc64le) => ppc64le::relocations(elf, symbols, &applied),
        Some(Arch::S390x) => s390x::relocations(elf, symbols, &applied),
        None => None,
    };
    relocation.into_iter().for_each(add);
    defects
}

/// What an entry of `.modinfo` without an end comes to, where it is one that counts.
pub(crate) fn open_information(modinfo: &[(Box<str>, Box<str>)]) -> Option<Defect> {
    let (tag, _) = modinfo.last()?;
    let counts = matches!(&**tag, "vermagic" | "license" | "import_ns");
    counts.then(|| Defect::ModinfoOpen { tag: tag.clone() })
}

fn section_names(elf: &Elf<'_>, add: &mut impl FnMut(Defect)) {
    let [_, (symbol_names, _)] = elf.symbol_tables();
    for table in [elf.shstrtab, symbol_names] {
        if let Some(section) = elf.sections.get(table)
            && section.kind != SHT_STRTAB
        {
            let kind = section.kind;
            add(Defect::NameTable { kind });
        }
    }
    let first = |wanted: fn(&Section<'_>) -> bool| {
        let mut sections = (0..).zip(&elf.sections);
        let found = sections.find(|(_, section)| wanted(section));
        found.map(|(index, section)| (index, section.kind))
    };
    if let Some((index, kind)) = first(|section| section.name_at == NameAt::Nowhere) {
        add(Defect::SectionNameNowhere { index, kind });
    } else if let Some((index, kind)) =
        first(|section| section.name_at == NameAt::File && section.kind != SHT_NULL)
    {
        add(Defect::SectionName { index, kind });
    }
}

fn symbol_names(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(Defect)) {
    let names = elf.symbol_names();
    if names.first() != Some(&0) {
        add(Defect::SymbolNames(SymbolNames::Start));
    } else if names.last() != Some(&0) {
        add(Defect::SymbolNames(SymbolNames::End));
    } else if symbols.iter().any(|it| it.name_at == NameAt::Nowhere) {
        add(Defect::SymbolNames(SymbolNames::Nowhere));
    } else if symbols.iter().any(|it| it.name_at == NameAt::File) {
        add(Defect::SymbolNames(SymbolNames::Outside));
    }
}

fn section_counts(elf: &Elf<'_>, add: &mut impl FnMut(Defect)) {
    let named = |name: &'static str| {
        let sections = elf.sections.iter().skip(1);
        sections.filter(move |section| section.name == name)
    };
    if named(".modinfo").count() > 1 {
        add(Defect::ModinfoTwice);
    }
    let is_table = |section: &&crate::module::elf::Section<'_>| section.kind == SHT_SYMTAB;
    if elf.sections.iter().filter(is_table).count() > 1 {
        add(Defect::SymbolTableTwice);
    }
    if named(THIS_MODULE).count() > 1 {
        add(Defect::ThisModuleTwice);
    }
    if named(THIS_MODULE)
        .any(|section| section.kind == SHT_NOBITS || section.flags & SHF_ALLOC == 0)
    {
        add(Defect::ThisModuleKind);
    }
}

/// Sections that have a file below `/sys/module/<name>/sections` (`sect_empty`), the tables of
/// symbols and of their names among them (`layout_symtab`).
fn twin_sections(elf: &Elf<'_>, add: &mut impl FnMut(Defect)) {
    let tables = elf.symbol_tables().map(|(index, _)| index);
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    let mut names = HashSet::new();
    let twin = elf.sections.iter().enumerate().find(|(index, section)| {
        let has_memory = loaded.contains(index) || tables.contains(index);
        has_memory && section.size > 0 && !names.insert(section.name)
    });
    if let Some((_, twin)) = twin {
        let section = twin.name.into();
        add(Defect::TwinSections { section });
    }
}

fn extended_versions(elf: &Elf<'_>, add: &mut impl FnMut(Defect)) {
    let crcs = elf.find("__version_ext_crcs");
    let names = elf.find("__version_ext_names");
    match (crcs, names) {
        (None, None) => {}
        (Some((_, crcs)), Some((_, names))) => {
            let ends = elf.content(names).iter().filter(|byte| **byte == 0).count() as u64;
            if crcs.size / 4 > ends {
                add(Defect::ExtendedVersionsCount);
            }
        }
        _ => add(Defect::ExtendedVersionsAlone),
    }
}

fn symbol_sections(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(Defect)) {
    let last = u16::try_from(elf.sections.len() - 1).unwrap_or(u16::MAX);
    for symbol in symbols.iter().skip(1) {
        let section = symbol.section;
        let symbol: Box<str> = match section {
            SHN_COMMON if symbol.name.starts_with("__gnu_lto") => continue,
            SHN_ABS | SHN_LIVEPATCH => continue,
            SHN_COMMON => symbol.name.into(),
            section if section <= last => continue,
            _ => symbol.name.into(),
        };
        add(if section == SHN_COMMON {
            Defect::CommonSymbol { symbol }
        } else {
            Defect::SymbolSection {
                symbol,
                section,
                last,
            }
        });
    }
}
