//! Faults of a module's ELF file that only some kernels, configurations or architectures
//! refuse. Each has a stable rule name, on which the judge acts.

use crate::kmod::elf::{
    Elf, Relocation, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHN_ABS, SHN_COMMON, SHN_LORESERVE,
    SHN_UNDEF, SHT_NOBITS, SHT_NULL, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, Section, Symbol,
};
use crate::kmod::module_file::ElfDefect;

/// `.modinfo` stands more than once (`elf_validity_cache_index_info`, Linux ≥6.4).
pub const MODINFO_COUNT: &str = "modinfo-count";
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
/// The name of a symbol that the module defines lies as far outside. Only what looks addresses
/// up by their names reads it (`find_kallsyms_symbol`, for ftrace's own records).
pub const SYMBOL_NAME_FAR: &str = "symbol-name-far";
/// Relocations of a loaded section that the loader does not apply (`apply_relocations`), or
/// applies to another one, so that the module's code runs as the compiler left it.
pub const NOT_RELOCATED: &str = "not-relocated";

const EM_X86_64: u16 = 62;
/// Further than this from its table, nothing of the module is mapped: its memory and the copy
/// of its file end with unmapped pages, and are a few pages for most.
const FAR: u64 = 1 << 20;
const PAGE: u64 = 4096;
const SHT_REL: u32 = 9;
/// The most defects that are told of one module.
const MOST_DEFECTS: usize = 1000;

/// The defects of a module, in the order in which a kernel would meet them.
pub(crate) fn of(elf: &Elf<'_>, symbols: &[Symbol<'_>]) -> Vec<ElfDefect> {
    let mut defects = Vec::new();
    let mut add = |rule: &str, message: String| {
        if defects.len() < MOST_DEFECTS {
            defects.push(ElfDefect {
                rule: rule.into(),
                message: message.into(),
            });
        }
    };
    section_names(elf, &mut add);
    section_counts(elf, &mut add);
    symbol_names(elf, symbols, &mut add);
    extended_versions(elf, &mut add);
    far_names(elf, symbols, &mut add);
    relocation_tables(elf, symbols, &mut add);
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
        } else if symbol.section < SHN_LORESERVE
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
        x86_relocations(elf, symbols, &mut add);
    }
    defects
}

fn section_names(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    for table in [elf.shstrtab, elf.sections[elf.symtab].link as usize] {
        if let Some(section) = elf.sections.get(table)
            && section.kind != SHT_STRTAB
        {
            add(
                NAME_TABLES,
                format!("Invalid ELF section name table type: {}", section.kind),
            );
        }
    }
    let outside = elf
        .sections
        .iter()
        .position(|section| section.name_out_of_bounds && section.kind != SHT_NULL);
    if let Some(index) = outside {
        add(
            SECTION_NAMES,
            format!(
                "Invalid ELF section name in module (section {index} type {})",
                elf.sections[index].kind
            ),
        );
    }
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
    if named(".gnu.linkonce.this_module").count() > 1 {
        add(
            THIS_MODULE_COUNT,
            "Only one .gnu.linkonce.this_module section must exist".into(),
        );
    }
    if named(".gnu.linkonce.this_module")
        .any(|section| section.kind == SHT_NOBITS || section.flags & SHF_ALLOC == 0)
    {
        add(
            THIS_MODULE_KIND,
            ".gnu.linkonce.this_module section must have content and memory".into(),
        );
    }
}

fn symbol_names(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(&str, String)) {
    let names = elf.symbol_names();
    if names.first() != Some(&0) {
        add(
            SYMBOL_NAMES,
            "ELF Spec violation: symbol strtab doesn't start with NUL".into(),
        );
    } else if names.last() != Some(&0) {
        add(
            SYMBOL_NAMES,
            "ELF Spec violation: symbol strtab isn't NUL terminated".into(),
        );
    } else if symbols.iter().any(|symbol| symbol.name_out_of_bounds) {
        add(
            SYMBOL_NAMES,
            "symbol name out of bounds of the string table".into(),
        );
    }
}

fn far_names(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(&str, String)) {
    let end = elf.len().next_multiple_of(PAGE);
    let far = |section: &Section<'_>| {
        elf.sections[elf.shstrtab].offset + u64::from(section.name_at) >= end
    };
    if let Some(index) = elf.sections.iter().skip(1).position(far) {
        add(
            BEYOND_MEMORY,
            format!("the name of section {} lies outside of the file", index + 1),
        );
    }
    let bound = elf.symbol_names().len() as u64 + FAR;
    for (rule, is_undefined) in [(BEYOND_MEMORY, true), (SYMBOL_NAME_FAR, false)] {
        let far = symbols.iter().position(|symbol| {
            symbol.name_at > bound && (symbol.section == SHN_UNDEF) == is_undefined
        });
        if let Some(index) = far {
            add(
                rule,
                format!("the name of symbol {index} lies outside of the string table"),
            );
        }
    }
}

fn relocation_tables(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(&str, String)) {
    for section in elf.sections.iter().skip(1) {
        let changed = elf.sections.get(section.info as usize);
        if section.kind == SHT_REL
            && elf.is_64()
            && changed.is_some_and(|changed| changed.flags & SHF_ALLOC != 0)
        {
            add(REL_RELOCATIONS, "REL relocation unsupported".into());
        }
        let named = section.name.strip_prefix(".rela");
        let meant = named.and_then(|name| elf.find(name));
        if let Some((_, meant)) = meant
            && section.kind == SHT_RELA
            && section.size > 0
            && changed.is_none_or(|changed| changed.name != meant.name)
        {
            add(
                NOT_RELOCATED,
                format!("the relocations of {} are not applied to it", meant.name),
            );
        }
    }
    for (section, changed, relocations) in applied_relocations(elf) {
        for relocation in relocations.iter().filter(|relocation| relocation.kind != 0) {
            let what = if relocation.symbol as usize >= symbols.len() {
                format!("names symbol {} of {}", relocation.symbol, symbols.len())
            } else if relocation.offset > changed.size.saturating_add(FAR) {
                format!("changes byte {} of {}", relocation.offset, changed.size)
            } else {
                continue;
            };
            add(
                BEYOND_MEMORY,
                format!("a relocation in {} {what}", section.name),
            );
            return;
        }
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

/// Relocations that the loader applies: those of sections that are loaded
/// (`apply_relocations`). Yields the relocation section, the section it changes, and its
/// relocations.
pub(crate) fn applied_relocations<'e, 'a>(
    elf: &'e Elf<'a>,
) -> impl Iterator<Item = (&'e Section<'a>, &'e Section<'a>, Vec<Relocation>)> {
    elf.sections.iter().skip(1).filter_map(move |section| {
        let changed = elf.sections.get(section.info as usize)?;
        (section.kind == SHT_RELA && changed.flags & SHF_ALLOC != 0)
            .then(|| (section, changed, elf.relocations(section)))
    })
}

/// `apply_relocate_add` of x86-64 (`arch/x86/kernel/module.c`).
fn x86_relocations(elf: &Elf<'_>, symbols: &[Symbol<'_>], add: &mut impl FnMut(&str, String)) {
    for (_, changed, relocations) in applied_relocations(elf) {
        let content = elf.content(changed);
        for relocation in relocations {
            let kind = relocation.kind;
            let width = match kind {
                0 => continue,
                1 | 24 => 8,
                2 | 4 | 10 | 11 => 4,
                _ => {
                    add(
                        RELOCATION_UNKNOWN,
                        format!("Unknown rela relocation: {kind}"),
                    );
                    return;
                }
            };
            let value = if width == 8 {
                elf.native(content, relocation.offset)
            } else {
                elf.word(content, relocation.offset).map(u64::from)
            };
            // Beyond the content lies memory that the loader zeroed, or somebody else's.
            if value.unwrap_or(0) != 0 {
                add(
                    RELOCATION_TARGET,
                    format!(
                        "Skipping invalid relocation target, existing value is nonzero for type {kind} in section {}",
                        changed.name
                    ),
                );
                return;
            }
            if kind == 10 && never_fits_32_bits(elf, symbols, &relocation) {
                add(
                    RELOCATION_OVERFLOW,
                    format!(
                        "overflow in relocation type {kind} in section {}: likely not compiled with -mcmodel=kernel",
                        changed.name
                    ),
                );
                return;
            }
        }
    }
}

/// True where the symbol stands in the module's memory, in the kernel's upper half, whose
/// addresses no unsigned 32-bit value holds.
fn never_fits_32_bits(elf: &Elf<'_>, symbols: &[Symbol<'_>], relocation: &Relocation) -> bool {
    symbols
        .get(relocation.symbol as usize)
        .is_some_and(|symbol| {
            !matches!(symbol.section, SHN_UNDEF | SHN_ABS | SHN_COMMON)
                && elf
                    .sections
                    .get(usize::from(symbol.section))
                    .is_some_and(|section| section.flags & SHF_ALLOC != 0)
        })
}
