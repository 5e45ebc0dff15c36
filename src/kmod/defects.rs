//! Faults of a module's ELF file that only some kernels, configurations or architectures
//! refuse. Each has a stable rule name, on which the judge acts.

use std::collections::HashSet;

use crate::kmod::elf::{
    Elf, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHN_ABS, SHN_COMMON, SHN_LIVEPATCH, SHT_NOBITS,
    SHT_SYMTAB, Symbol,
};
use crate::kmod::module_file::ElfDefect;

mod memory;
mod names;
mod per_cpu;
mod protection;
mod relocations;
mod tables;
#[cfg(test)]
mod tests;
mod x86;

pub(crate) use relocations::{Applied, applied_relocations};

/// `.modinfo` stands more than once (`elf_validity_cache_index_info`, Linux ≥6.4).
pub const MODINFO_COUNT: &str = "modinfo-count";
/// The last entry of `.modinfo` has no end in the file, and the kernel compares it with all that
/// follows in memory (`get_next_modinfo`).
pub const MODINFO_OPEN: &str = "modinfo-open";
/// More than one symbol table (`elf_validity_cache_index_sym`, Linux ≥6.4).
pub const SYMTAB_COUNT: &str = "symtab-count";
/// More than one `.gnu.linkonce.this_module` (Linux ≥6.4).
pub const THIS_MODULE_COUNT: &str = "this-module-count";
/// `.gnu.linkonce.this_module` has no content or is not allocated (Linux ≥6.4).
pub const THIS_MODULE_KIND: &str = "this-module-kind";
/// A section without memory has its name outside of the table of names
/// (`elf_validity_cache_secstrings`, Linux ≥6.12; before, only sections with memory count).
pub const SECTION_NAMES: &str = "section-names";
/// A table of names is no `SHT_STRTAB` (`elf_validity_cache_secstrings`,
/// `elf_validity_cache_index_str`, Linux ≥6.12).
pub const NAME_TABLES: &str = "name-tables";
/// The symbols' string table, or a name in it, is out of bounds
/// (`elf_validity_cache_strtab`, Linux ≥6.13).
pub const SYMBOL_NAMES: &str = "symbol-names";
/// The two sections of extended symbol versions do not belong together
/// (`elf_validity_cache_index_versions`, Linux ≥6.14).
pub const EXTENDED_VERSIONS: &str = "extended-versions";
/// A section is both writable and executable (`module_enforce_rwx_sections`, with
/// `CONFIG_STRICT_MODULE_RWX`, Linux ≥5.8).
pub const WRITABLE_TEXT: &str = "writable-text";
/// Common symbols (`simplify_symbols`, every kernel).
pub const COMMON_SYMBOLS: &str = "common-symbols";
/// A symbol in a section that does not exist (`simplify_symbols`, Linux ≥5.14 and stable).
pub const SYMBOL_SECTION: &str = "symbol-section";
/// A relocation of an unknown kind (x86-64, `apply_relocate_add`).
pub const RELOCATION_UNKNOWN: &str = "relocation-unknown";
/// A relocation over a value that is not zero (x86-64, `apply_relocate_add`).
pub const RELOCATION_TARGET: &str = "relocation-target";
/// A 32-bit relocation to an address that never fits (x86-64, `apply_relocate_add`).
pub const RELOCATION_OVERFLOW: &str = "relocation-overflow";

/// Relocations without addends, which no 64-bit kernel applies (`apply_relocate` of
/// `kernel/module/main.c`).
pub const REL_RELOCATIONS: &str = "rel-relocations";
/// A name, symbol or address lies so far outside of its table that the loader, which does not
/// look, reads or writes what is not mapped. Seen to end in a crash.
pub const BEYOND_MEMORY: &str = "beyond-memory";
/// A name lies outside of the file, where the kernel may have something else mapped: whether
/// reading it ends in a crash cannot be told.
pub const NAME_OUTSIDE: &str = "name-outside";
/// The name of a symbol that the module defines lies as far outside. Only what looks addresses
/// up by their names reads it (`find_kallsyms_symbol`, for ftrace's own records).
pub const SYMBOL_NAME_FAR: &str = "symbol-name-far";
/// [`NAME_OUTSIDE`] for such a name.
pub const SYMBOL_NAME_OUTSIDE: &str = "symbol-name-outside";
/// [`BEYOND_MEMORY`] for the name of a function that stays (`layout_symtab`, `add_kallsyms`, with
/// `CONFIG_KALLSYMS`).
pub const CODE_NAME_FAR: &str = "code-name-far";
/// [`NAME_OUTSIDE`] for such a name.
pub const CODE_NAME_OUTSIDE: &str = "code-name-outside";
/// [`BEYOND_MEMORY`] for the name of data that stay (with `CONFIG_KALLSYMS_ALL`).
pub const DATA_NAME_FAR: &str = "data-name-far";
/// [`NAME_OUTSIDE`] for such a name.
pub const DATA_NAME_OUTSIDE: &str = "data-name-outside";
/// A relocation takes a symbol from behind their table: what becomes of the module hangs on what
/// is there (`apply_relocations`).
pub const RELOCATION_OUTSIDE: &str = "relocation-outside";
/// Two loaded sections of one name (`add_sect_attrs`, Linux ≥6.12, with `CONFIG_KALLSYMS`), which
/// the module does not fail for: modprobe takes it for loaded already.
pub const TWIN_SECTIONS: &str = "twin-sections";
/// The table of symbols, or that of their names, is called like a section that the loader looks
/// for, and taken for it (`layout_symtab`, which gives both memory, `find_module_sections`).
pub const TABLE_NAME: &str = "table-name";
/// A table that the kernel follows when the module is loaded, and whose entries no relocation
/// fills in.
pub const TABLE_CONTENT: &str = "table-content";
/// The names of exports lie where memory is freed after the module's init function
/// (`do_init_module`), and are looked up later.
pub const EXPORTS_FREED: &str = "exports-freed";
/// `struct module` holds something where a compiler leaves zeros for the kernel to fill.
pub const THIS_MODULE_CONTENT: &str = "this-module-content";
/// Code that runs when the module is loaded points into a section that is not
/// (`rewrite_section_headers` gives that an address in the copy of the file, which is freed).
pub const NOT_LOADED: &str = "not-loaded";
/// Code that may never run does the same.
pub const CODE_NOT_LOADED: &str = "code-not-loaded";
/// Sections lie upon each other in the memory of a kernel before 6.4 (`layout_sections`).
pub const OVERLAP_BEFORE_6_4: &str = "overlap-before-6.4";
/// The same for later kernels (`__layout_sections`).
pub const OVERLAP_SINCE_6_4: &str = "overlap-since-6.4";
/// The sections take more memory than there is for modules (`module_alloc`).
pub const MEMORY_TOO_LARGE: &str = "memory-too-large";
/// The sections take so much memory that a node may not have it.
pub const MEMORY_LARGE: &str = "memory-large";
/// More per-CPU data than any kernel gives, or in a way that none does (`pcpu_alloc`).
pub const PER_CPU_SIZE: &str = "per-cpu-size";
/// More per-CPU data than is set aside for modules (`PERCPU_MODULE_RESERVE`), unless memory is
/// profiled (`CONFIG_MEM_ALLOC_PROFILING`, Linux ≥6.10).
pub const PER_CPU_RESERVE: &str = "per-cpu-reserve";
/// So much per-CPU data that the other modules of a node may not have left it.
pub const PER_CPU_LARGE: &str = "per-cpu-large";
/// Relocations that change the table of symbols, which is loaded with `CONFIG_KALLSYMS`
/// (`layout_symtab`), while it is in use.
pub const SYMBOLS_RELOCATED: &str = "symbols-relocated";
/// `struct module` or the init function is where a kernel with `CONFIG_STRICT_MODULE_RWX` cannot
/// write to it, or run it (`layout_sections`, `module_enable_ro`, `module_enable_nx`).
pub const WRONG_PROTECTION: &str = "wrong-protection";
/// The same of code or data that may never be run or written to.
pub const ODD_PROTECTION: &str = "odd-protection";
/// Relocations of a loaded section that the loader does not apply (`apply_relocations`), or
/// applies to another one, so that the module's code runs as the compiler left it.
pub const NOT_RELOCATED: &str = "not-relocated";

const EM_X86_64: u16 = 62;
/// The section with `struct module`.
pub(crate) const THIS_MODULE: &str = ".gnu.linkonce.this_module";
/// The most defects that are told of one module.
const MOST_DEFECTS: usize = 1000;

/// The defects of a module, in the order in which a kernel would meet them.
pub(crate) fn of(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
) -> Vec<ElfDefect> {
    let mut defects = Vec::new();
    let mut add = |rule: &str, message: String| {
        if defects.len() < MOST_DEFECTS {
            defects.push(ElfDefect {
                rule: rule.into(),
                message: message.into(),
            });
        }
    };
    names::section_names(elf, &mut add);
    section_counts(elf, &mut add);
    names::symbol_names(elf, symbols, &mut add);
    extended_versions(elf, &mut add);
    let memory = memory::layout(elf, &mut add);
    names::far_names(elf, symbols, &memory.tables, &mut add);
    per_cpu::room(elf, &mut add);
    relocations::relocation_tables(elf, symbols, applied, &memory.tables, &mut add);
    this_module_content(elf, applied, &mut add);
    twin_sections(elf, &mut add);
    tables::table_names(elf, &mut add);
    tables::table_contents(elf, applied, &mut add);
    tables::exports_freed(elf, symbols, applied, &mut add);
    protection::protection(elf, symbols, applied, &mut add);
    for section in &elf.sections {
        if section.flags & (SHF_WRITE | SHF_EXECINSTR) == (SHF_WRITE | SHF_EXECINSTR) {
            add(
                WRITABLE_TEXT,
                format!(
                    "module section {} has invalid WRITE|EXEC flags",
                    section.name
                ),
            );
        }
    }
    for symbol in symbols.iter().skip(1) {
        if symbol.section == SHN_COMMON && !symbol.name.starts_with("__gnu_lto") {
            add(
                COMMON_SYMBOLS,
                format!(
                    "common symbol {}: please compile with -fno-common",
                    symbol.name
                ),
            );
        } else if !matches!(symbol.section, SHN_COMMON | SHN_ABS | SHN_LIVEPATCH)
            && usize::from(symbol.section) >= elf.sections.len()
        {
            add(
                SYMBOL_SECTION,
                format!(
                    "Symbol {} has an invalid section index {} (max {})",
                    symbol.name,
                    symbol.section,
                    elf.sections.len() - 1
                ),
            );
        }
    }
    if elf.machine == EM_X86_64 {
        x86::relocations(elf, symbols, applied, &memory, &mut add);
    }
    defects
}

/// What an entry of `.modinfo` without an end comes to, where it is one that counts.
pub(crate) fn open_information(modinfo: &[(Box<str>, Box<str>)]) -> Option<ElfDefect> {
    let (tag, _) = modinfo.last()?;
    matches!(&**tag, "vermagic" | "license" | "import_ns").then(|| ElfDefect {
        rule: MODINFO_OPEN.into(),
        message: format!("{tag} in .modinfo has no end").into(),
    })
}

fn section_counts(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let named = |name: &'static str| {
        elf.sections
            .iter()
            .skip(1)
            .filter(move |section| section.name == name)
    };
    if named(".modinfo").count() > 1 {
        add(MODINFO_COUNT, "Only one .modinfo section must exist".into());
    }
    let tables = elf
        .sections
        .iter()
        .filter(|section| section.kind == SHT_SYMTAB)
        .count();
    if tables > 1 {
        add(SYMTAB_COUNT, "module has more than one symbol table".into());
    }
    if named(THIS_MODULE).count() > 1 {
        add(
            THIS_MODULE_COUNT,
            "Only one .gnu.linkonce.this_module section must exist".into(),
        );
    }
    if named(THIS_MODULE)
        .any(|section| section.kind == SHT_NOBITS || section.flags & SHF_ALLOC == 0)
    {
        add(
            THIS_MODULE_KIND,
            ".gnu.linkonce.this_module section must have content and memory".into(),
        );
    }
}

/// What stands in `struct module` besides its name, which follows `state` and `list`, and the
/// addresses that relocations write: only `state` and `list` are set before they are read
/// (`add_unformed_module`).
fn this_module_content(
    elf: &Elf<'_>,
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(&str, String),
) {
    let Some((index, section)) = elf.find(THIS_MODULE) else {
        return;
    };
    let named = if elf.is_64() { 80 } else { 72 };
    let mut content = elf.content(section).to_vec();
    let name = content.len().min(named);
    content[..name].fill(0);
    for (_, _, relocations) in applied
        .iter()
        .filter(|(table, _, _)| table.info as usize == index)
    {
        for relocation in relocations {
            let at = usize::try_from(relocation.offset).unwrap_or(usize::MAX);
            let end = at.saturating_add(8).min(content.len());
            if let Some(address) = content.get_mut(at..end) {
                address.fill(0);
            }
        }
    }
    if let Some(at) = content.iter().position(|byte| *byte != 0) {
        add(
            THIS_MODULE_CONTENT,
            format!("byte {at} of struct module is not zero"),
        );
    }
}

/// Sections that have a file below `/sys/module/<name>/sections` (`sect_empty`), the tables of
/// symbols and of their names among them (`layout_symtab`).
fn twin_sections(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let tables = elf.symbol_tables().map(|(index, _)| index);
    let loaded: HashSet<usize> = elf.loaded_sections().map(|(index, _)| index).collect();
    let mut names = HashSet::new();
    let twin = elf.sections.iter().enumerate().find(|(index, section)| {
        let has_memory = loaded.contains(index) || tables.contains(index);
        has_memory && section.size > 0 && !names.insert(section.name)
    });
    if let Some((_, twin)) = twin {
        add(
            TWIN_SECTIONS,
            format!("two sections are named {}", twin.name),
        );
    }
}

fn extended_versions(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    let crcs = elf.find("__version_ext_crcs");
    let names = elf.find("__version_ext_names");
    match (crcs, names) {
        (None, None) => {}
        (Some((_, crcs)), Some((_, names))) => {
            let ends = elf.content(names).iter().filter(|byte| **byte == 0).count() as u64;
            if crcs.size / 4 > ends {
                add(
                    EXTENDED_VERSIONS,
                    "more extended version crcs than names".into(),
                );
            }
        }
        _ => add(
            EXTENDED_VERSIONS,
            "extended version crc+name presence does not match".into(),
        ),
    }
}
