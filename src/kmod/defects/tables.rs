//! Tables that the loader follows: those that are none, and those that nobody filled in.

use super::relocations::Applied;
use super::{EXPORTS_FREED, TABLE_CONTENT, TABLE_NAME};
use crate::kmod::elf::{Elf, SHF_EXECINSTR, Symbol};

/// Names of the tables of symbols that the loader, or the architecture's part of it, looks for.
pub(super) fn table_names(elf: &Elf<'_>, add: &mut impl FnMut(&str, String)) {
    const WANTED: [&str; 8] = [
        "__",
        ".alt",
        ".call",
        ".ctors",
        ".ibt",
        ".init_array",
        ".orc",
        ".re",
    ];
    for (_, table) in elf.symbol_tables() {
        if WANTED.iter().any(|start| table.name.starts_with(start)) {
            add(
                TABLE_NAME,
                format!("the loader takes a table of symbols for {}", table.name),
            );
        }
    }
}

/// Tables of addresses in which the loader finds what the file has there
/// (`find_module_sections`, `module_finalize` of x86). Those of return thunks and calls are not
/// among them: the kernel looks at the code before it changes it, and only warns.
pub(super) fn table_contents(
    elf: &Elf<'_>,
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(&str, String),
) {
    const FOLLOWED: [&str; 17] = [
        "__ksymtab",
        "__ksymtab_gpl",
        "__param",
        "__jump_table",
        "__tracepoints_ptrs",
        "__trace_printk_fmt",
        "__dyndbg",
        "__verbose",
        "___srcu_struct_ptrs",
        "_ftrace_events",
        "_ftrace_eval_map",
        ".kunit_test_suites",
        ".init_array",
        ".ctors",
        ".static_call_sites",
        ".altinstructions",
        ".parainstructions",
    ];
    for (index, section) in elf.loaded_sections() {
        let is_relocated = || {
            applied
                .iter()
                .any(|(table, ..)| table.info as usize == index)
        };
        if section.size > 0 && FOLLOWED.contains(&section.name) && !is_relocated() {
            add(
                TABLE_CONTENT,
                format!("the addresses in section {} are no addresses", section.name),
            );
        }
    }
}

/// Names of exports that are gone once the module's init function has run.
pub(super) fn exports_freed(
    elf: &Elf<'_>,
    symbols: &[Symbol<'_>],
    applied: &[Applied<'_, '_>],
    add: &mut impl FnMut(&str, String),
) {
    let freed = applied
        .iter()
        .filter(|(_, changed, _)| changed.name.starts_with("__ksymtab"))
        .flat_map(|(.., relocations)| relocations)
        .filter_map(|relocation| symbols.get(relocation.symbol as usize))
        .filter_map(|symbol| elf.sections.get(usize::from(symbol.section)))
        .find(|section| section.name.starts_with(".init") && section.flags & SHF_EXECINSTR == 0);
    if let Some(section) = freed {
        add(
            EXPORTS_FREED,
            format!("its exports lead into {}, which is freed", section.name),
        );
    }
}
