//! Damage to the ELF file, section by section and byte by byte.

use std::fs;
use std::process::Command;

use super::super::case::Case;
use super::super::elf::{Elf, header};
use super::super::forge::Forge;
use super::super::kernel::Kernel;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = headers(forge);
    cases.extend(cuts(forge));
    cases.extend(symbols(forge));
    cases.extend(tools(forge));
    cases.extend(single_bytes(forge));
    cases
}

pub(super) type Edit = fn(Elf) -> Elf;

/// Cases for kmm_good, each with one edit.
pub(super) fn edit_all(forge: &Forge, edits: &[(&str, Edit)]) -> Vec<Case> {
    edits
        .iter()
        .map(|(name, edit)| forge.edited(name, edit(forge.elf("kmm_good")).bytes))
        .collect()
}

fn headers(forge: &Forge) -> Vec<Case> {
    edit_all(
        forge,
        &[
            ("elf-magic", |elf| elf.set(0, &[0x7e])),
            ("elf-class-32", |elf| elf.set(header::CLASS, &[1])),
            ("elf-class-0", |elf| elf.set(header::CLASS, &[0])),
            ("elf-big-endian", |elf| elf.set(header::DATA, &[2])),
            ("elf-os-abi", |elf| elf.set(header::OS_ABI, &[9])),
            ("elf-ident-version", |elf| elf.set(6, &[0])),
            ("elf-type-executable", |elf| elf.set(header::TYPE, &[2])),
            ("elf-type-shared", |elf| elf.set(header::TYPE, &[3])),
            ("elf-machine-riscv", |elf| elf.set(header::MACHINE, &[243])),
            ("elf-machine-386", |elf| elf.set(header::MACHINE, &[3])),
            ("elf-version-0", |elf| elf.set(header::VERSION, &[0])),
            ("elf-section-entry-size", |elf| {
                elf.set(header::SECTION_ENTRY_SIZE, &[40])
            }),
            ("elf-no-sections", |elf| {
                elf.set(header::SECTION_COUNT, &[0, 0])
            }),
            ("elf-one-section", |elf| {
                elf.set(header::SECTION_COUNT, &[1, 0])
            }),
            ("elf-too-many-sections", |elf| {
                elf.set(header::SECTION_COUNT, &[0, 8])
            }),
            ("elf-one-section-less", |elf| {
                let less = elf.u16(header::SECTION_COUNT) - 1;
                elf.set(header::SECTION_COUNT, &less.to_le_bytes())
            }),
            ("elf-names-index-0", |elf| {
                elf.set(header::NAMES_INDEX, &[0, 0])
            }),
            ("elf-names-index-out", |elf| {
                elf.set(header::NAMES_INDEX, &[0xff, 0])
            }),
            ("elf-names-index-other", |elf| {
                let text = u8::try_from(elf.find(".strtab").expect("a string table"));
                elf.set(header::NAMES_INDEX, &[text.expect("few sections"), 0])
            }),
            ("elf-section-offset-out", |elf| {
                let end = elf.bytes.len() as u64;
                elf.set(header::SECTION_OFFSET, &end.to_le_bytes())
            }),
            ("elf-section-offset-huge", |elf| {
                elf.set(header::SECTION_OFFSET, &u64::MAX.to_le_bytes())
            }),
            ("elf-entry-point", |elf| elf.set(24, &[1])),
            ("elf-flags", |elf| elf.set(48, &[1])),
        ],
    )
}

fn cuts(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    [
        ("cut-one-byte", good.len() - 1),
        ("cut-64-bytes", good.len() - 64),
        ("cut-nine-tenths", good.len() / 10 * 9),
        ("cut-half", good.len() / 2),
        ("cut-tenth", good.len() / 10),
        ("cut-header-only", 64),
        ("cut-within-header", 63),
    ]
    .iter()
    .map(|&(name, length)| forge.edited(name, &good[..length]))
    .collect()
}

fn symbols(forge: &Forge) -> Vec<Case> {
    edit_all(
        forge,
        &[
            ("symbol-section-out", |elf| {
                let at = elf.symbol("cleanup_module");
                elf.set(at + 6, &[0xf0, 0])
            }),
            ("symbol-common", |elf| {
                let at = elf.symbol("cleanup_module");
                elf.set(at + 6, &[0xf2, 0xff])
            }),
            ("symbol-absolute", |elf| {
                let at = elf.symbol("cleanup_module");
                elf.set(at + 6, &[0xf1, 0xff])
            }),
            ("symbol-undefined-local", |elf| {
                let at = elf.symbol("_printk");
                elf.set(at + 4, &[0])
            }),
            ("symbol-undefined-weak", |elf| {
                let at = elf.symbol("_printk");
                elf.set(at + 4, &[0x20])
            }),
            ("symbol-name-empty-undefined", |elf| {
                let at = elf.symbol("_printk");
                elf.set(at, &[0, 0, 0, 0])
            }),
            ("symbol-local-file", |elf| {
                let at = elf.symbol("cleanup_module");
                elf.set(at + 4, &[4])
            }),
            ("symbol-first-not-null", |elf| {
                let at = elf.range(".symtab").start;
                elf.set(at, &[1])
            }),
        ],
    )
}

/// What binutils make of the module: stripped, linked again, sections removed.
fn tools(forge: &Forge) -> Vec<Case> {
    let good = forge.ko("kmm_good");
    let removed = |section: &str| vec!["objcopy".to_owned(), "-R".to_owned(), section.to_owned()];
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    [
        ("strip-debug", words("strip -g")),
        ("strip-unneeded", words("strip --strip-unneeded")),
        ("strip-all", words("strip --strip-all")),
        ("link-again", words("ld -r -o")),
        ("objcopy-plain", words("objcopy")),
        ("objcopy-no-comment", removed(".comment")),
        (
            "objcopy-compressed-debug",
            words("objcopy --compress-debug-sections=zlib"),
        ),
        ("objcopy-prefixed", words("objcopy --prefix-symbols=x_")),
        ("objcopy-no-note", removed(".note.gnu.build-id")),
        ("objcopy-weakened", words("objcopy --weaken")),
        (
            "objcopy-localized",
            words("objcopy --keep-global-symbol=init_module"),
        ),
        ("strip-discard-all", words("strip -x")),
        ("strip-discard-locals", words("strip -X -g")),
        ("link-again-stripped", words("ld -r -S -o")),
    ]
    .into_iter()
    .map(|(name, words)| forge.edited(name, run(&forge.kernel, &words, &good)))
    .collect()
}

/// Runs a program over a file: `PROGRAM ARGS… FILE`, or, for `ld -r -o`, into another one.
pub(crate) fn run(kernel: &Kernel, words: &[String], bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for binutils");
    let file = folder.path().join("module.ko");
    let result = folder.path().join("result.ko");
    fs::write(&file, bytes).expect("the module");
    let mut command = Command::new(format!("{}{}", kernel.tools(), words[0]));
    command.args(&words[1..]);
    if words[0] == "ld" {
        command.arg(&result);
    }
    let output = command.arg(&file).output().expect("binutils run");
    assert!(output.status.success(), "{words:?}: {output:?}");
    fs::read(if result.exists() { result } else { file }).expect("the edited module")
}

/// One byte turned around, at places all over the file that hold no code:
/// headers, tables, names.
fn single_bytes(forge: &Forge) -> Vec<Case> {
    let elf = forge.elf("kmm_good");
    let mut cases = Vec::new();
    let mut flip = |name: String, at: usize| {
        let mut bytes = elf.bytes.clone();
        bytes[at] ^= 0x41;
        cases.push(forge.edited(&name, bytes));
    };
    for at in [1, 9, 20, 33, 41, 53, 59, 61, 63] {
        flip(format!("byte-header-{at}"), at);
    }
    for name in [".modinfo", ".strtab", ".shstrtab", "__versions", ".comment"] {
        if let Some(range) = elf.find(name).map(|_| elf.range(name)) {
            for part in 1..4 {
                let at = range.start + range.len() * part / 4;
                flip(format!("byte-{}-{part}", name.trim_matches(['.', '_'])), at);
            }
        }
    }
    cases
}
