//! What binutils make of a module: stripped, linked again, sections and symbols edited.
//!
//! The words of each call are what is said of the mutant. A call that the tool refuses, or that
//! changes nothing, is none.

use std::fs;
use std::process::Command;

use super::super::elf::{Elf, header};
use super::random::Random;
use super::sections;

/// Sections that code does not point into, beginnings of their names.
const FREE: [&str; 24] = [
    ".modinfo",
    "__versions",
    ".gnu.linkonce.this_module",
    "__ksymtab",
    "__kcrctab",
    "__param",
    ".note",
    ".comment",
    ".BTF",
    ".debug",
    ".orc",
    ".codetag",
    ".return_sites",
    ".retpoline_sites",
    ".ibt_endbr_seal",
    ".call_sites",
    ".altinstructions",
    ".smp_locks",
    ".printk_index",
    "__mcount_loc",
    "__patchable_function_entries",
    "__jump_table",
    ".static_call_sites",
    ".discard",
];

/// Names that a section is given: the loader looks for most of them.
const NAMES: [&str; 32] = [
    ".kmm",
    ".comment",
    ".note.kmm",
    ".modinfo",
    "__versions",
    "__param",
    "__ksymtab",
    "__ksymtab_gpl",
    "__ksymtab_strings",
    "__kcrctab",
    ".init.kmm",
    ".exit.kmm",
    ".debug_kmm",
    ".BTF",
    ".data..ro_after_init",
    "__version_ext_crcs",
    ".data..percpu",
    ".gnu.linkonce.this_module",
    "__obsparm",
    "__dyndbg",
    "__ex_table",
    "__bug_table",
    "__jump_table",
    "__mcount_loc",
    "__tracepoints",
    "__tracepoints_ptrs",
    "_ftrace_events",
    "_error_injection_whitelist",
    ".init_array",
    ".ctors",
    ".smp_locks",
    ".orc_unwind",
];

/// Flags as `objcopy` spells them.
const FLAGS: [&str; 11] = [
    "alloc",
    "alloc,readonly",
    "alloc,readonly,data",
    "alloc,load,data",
    "alloc,contents",
    "readonly",
    "contents,readonly",
    "noload",
    "alloc,load,readonly,code",
    "debug",
    "exclude",
];

const STRIP: [&str; 8] = [
    "-g",
    "--strip-unneeded",
    "-s",
    "-x",
    "-X",
    "-g -x",
    "--strip-unneeded -R .comment -R .note",
    "--only-keep-debug",
];

const OBJCOPY: [&str; 17] = [
    "",
    "--weaken",
    "--compress-debug-sections=zlib",
    "--compress-debug-sections=zlib-gnu",
    "--compress-debug-sections=zstd",
    "--decompress-debug-sections",
    "--only-keep-debug",
    "--strip-dwo",
    "--merge-notes",
    "--elf-stt-common=yes",
    "--add-gnu-debuglink=extra",
    "--set-section-alignment .data=4096",
    "--set-section-alignment .modinfo=4096",
    "--remove-relocations=.gnu.linkonce.this_module",
    "--prefix-alloc-sections=.kmm",
    "-O elf32-x86-64",
    "-O binary",
];

const LD: [&str; 15] = [
    "ld -r",
    "ld -r -S",
    "ld -r -x",
    "ld -r -X",
    "ld -r -s",
    "ld -r -d",
    "ld -r --build-id",
    "ld -r --unique",
    "ld -r --no-gc-sections -x -S",
    "ld -q --unresolved-symbols=ignore-all -e 0",
    "ld.gold -r",
    "ld.gold -r -S",
    "ld -r more.o",
    "ld.gold -r more.o",
    "ld -r -z muldefs module.ko",
];

/// The machine of a module for arm64, for which binutils have other names.
const ARM64: u16 = 183;

/// A second object, with what a compiler for programs adds to it.
const MORE: &str = "int kmm_more = 1;\nint kmm_most(int x) { return x + kmm_more; }\n";

#[derive(Clone, Copy)]
enum Tool {
    Strip,
    Objcopy,
    Link,
    RemoveSection,
    RenameSection,
    SetFlags,
    AddSection,
    PerCpu,
    Symbol,
    RedefineSymbol,
}

/// Runs one tool; the file it made, and its words.
pub(super) fn edit(random: &mut Random, module: &Elf) -> Option<(Vec<u8>, String)> {
    let tool = random.weighted(&[
        (6, Tool::Strip),
        (5, Tool::Objcopy),
        (6, Tool::Link),
        (5, Tool::RemoveSection),
        (4, Tool::RenameSection),
        (5, Tool::SetFlags),
        (4, Tool::AddSection),
        (2, Tool::PerCpu),
        (5, Tool::Symbol),
        (3, Tool::RedefineSymbol),
    ]);
    let words = match tool {
        Tool::Strip => format!("strip {}", random.pick(&STRIP)),
        Tool::Objcopy => format!("objcopy {}", random.pick(&OBJCOPY)),
        Tool::Link => format!("{} -o result.ko", random.pick(&LD)),
        Tool::RemoveSection => {
            let program = random.pick(&["strip -g", "objcopy"]);
            format!("{program} -R {}", free_section(random, module)?)
        }
        Tool::RenameSection => {
            let old = free_section(random, module)?;
            let flags = match random.below(3) {
                0 => format!(",{}", random.pick(&FLAGS)),
                _ => String::new(),
            };
            format!(
                "objcopy --rename-section {old}={}{flags}",
                random.pick(&NAMES)
            )
        }
        Tool::SetFlags => {
            let section = any_section(random, module)?;
            let flags = random.pick(&FLAGS);
            format!("objcopy --set-section-flags {section}={flags}")
        }
        Tool::AddSection => {
            let name = random.pick(&NAMES);
            match random.below(2) {
                0 => format!("objcopy --add-section {name}=extra"),
                _ => format!(
                    "objcopy --add-section {name}=extra --set-section-flags {name}={}",
                    random.pick(&FLAGS)
                ),
            }
        }
        Tool::PerCpu => {
            let align = random.pick(&[1, 8, 64, 4096, 8192]);
            let from = *random.pick(&["extra", "more.c", "module.ko"]);
            format!(
                "objcopy --add-section .data..percpu={from} --set-section-flags \
                 .data..percpu=alloc,data --set-section-alignment .data..percpu={align}"
            )
        }
        Tool::Symbol => {
            let option = *random.pick(&[
                "--strip-symbol",
                "--strip-unneeded-symbol",
                "--weaken-symbol",
                "--globalize-symbol",
                "--localize-symbol",
                "--keep-global-symbol",
                "--strip-unneeded --keep-symbol",
                "--prefix-symbols",
            ]);
            format!("objcopy {option}={}", symbol(random, module)?)
        }
        Tool::RedefineSymbol => {
            let old = symbol(random, module)?;
            // Code that calls nothing, because it may, is code of another kind.
            if is_weak(module, &old) {
                return None;
            }
            let new = match random.below(4) {
                0 => format!("{old}_kmm"),
                1 => format!("{old}@KMM_1"),
                2 => old.to_uppercase(),
                _ => "kmm_other".to_owned(),
            };
            format!("objcopy --redefine-sym {old}={new}")
        }
    };
    let bytes = run(&words, &module.bytes)?;
    (bytes != module.bytes).then_some((bytes, words))
}

/// Runs a tool in a folder of its own; `None` where it refuses.
pub(super) fn run(words: &str, module: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder for binutils");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("module.ko"), module).expect("the module");
    fs::write(path("extra"), "kmm=extra\0".repeat(6)).expect("bytes of a section");
    let call = |program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(words).current_dir(folder.path()).output();
        output.unwrap_or_else(|error| panic!("{program}: {error}"))
    };
    let words: Vec<&str> = words.split_whitespace().collect();
    fs::write(path("more.c"), MORE).expect("a source file");
    let (prefix, compiler, model) = match Elf::new(module).u16(header::MACHINE) {
        ARM64 => (
            "aarch64-linux-gnu-",
            "aarch64-linux-gnu-gcc-12",
            "-mgeneral-regs-only",
        ),
        _ => ("", "gcc", "-mcmodel=kernel"),
    };
    if words.contains(&"more.o") {
        let output = call(compiler, &["-O1", model, "-fno-pic", "-c", "more.c"]);
        assert!(output.status.success(), "{output:?}");
    }
    let program = format!("{prefix}{}", words[0]);
    let output = call(&program, &[&words[1..], &["module.ko"]].concat());
    if !output.status.success() {
        return None;
    }
    let result = path("result.ko");
    let file = if result.exists() {
        result
    } else {
        path("module.ko")
    };
    Some(fs::read(file).expect("the edited module"))
}

fn free_section(random: &mut Random, module: &Elf) -> Option<String> {
    pick_section(random, module, |name| {
        FREE.iter().any(|start| name.starts_with(start))
    })
}

fn any_section(random: &mut Random, module: &Elf) -> Option<String> {
    pick_section(random, module, |name| !name.is_empty())
}

fn pick_section(
    random: &mut Random,
    module: &Elf,
    wanted: impl Fn(&str) -> bool,
) -> Option<String> {
    let names: Vec<String> = (1..module.sections())
        .filter(|&index| !sections::is_code(module, index))
        .map(|index| module.section_name(index))
        .filter(|name| !name.starts_with(".rela") && wanted(name))
        .collect();
    (!names.is_empty()).then(|| random.pick(&names).clone())
}

/// Name of a symbol that has one.
fn symbol(random: &mut Random, module: &Elf) -> Option<String> {
    let names: Vec<String> = sections::symbols(module)
        .map(|at| module.symbol_name(at))
        .filter(|name| !name.is_empty())
        .collect();
    (!names.is_empty()).then(|| random.pick(&names).clone())
}

fn is_weak(module: &Elf, name: &str) -> bool {
    const WEAK: u8 = 2;
    sections::symbols(module)
        .any(|at| module.bytes[at + 4] >> 4 == WEAK && module.symbol_name(at) == name)
}
