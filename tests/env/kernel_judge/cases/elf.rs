//! Damage to the ELF file, section by section and byte by byte.

use std::fs;
use std::process::Command;

use super::super::case::Case;
use super::super::elf::{Elf, header, section};
use super::super::forge::Forge;

const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXEC: u64 = 4;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = headers(forge);
    cases.extend(cuts(forge));
    cases.extend(sections(forge));
    cases.extend(symbols(forge));
    cases.extend(tools(forge));
    cases.extend(single_bytes(forge));
    cases
}

type Edit = fn(Elf) -> Elf;

fn edit_all(forge: &Forge, edits: &[(&str, Edit)]) -> Vec<Case> {
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
            ("elf-machine-arm64", |elf| elf.set(header::MACHINE, &[183])),
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

fn sections(forge: &Forge) -> Vec<Case> {
    let mut cases = edit_all(
        forge,
        &[
            ("section-offset-out", |elf| {
                let end = elf.bytes.len() as u64;
                elf.set_header(".text", section::OFFSET, &end.to_le_bytes())
            }),
            ("section-size-huge", |elf| {
                elf.set_header(".modinfo", section::SIZE, &u64::MAX.to_le_bytes())
            }),
            ("section-size-past-end", |elf| {
                let end = elf.bytes.len() as u64;
                elf.set_header(".comment", section::SIZE, &end.to_le_bytes())
            }),
            ("section-name-out", |elf| {
                elf.set_header(".comment", section::NAME, &[0xff, 0xff, 0xff, 0])
            }),
            ("section-first-not-null", |elf| {
                let first = elf.header_of(0);
                elf.set(first + section::TYPE, &[1])
            }),
            ("section-first-with-size", |elf| {
                let first = elf.header_of(0);
                elf.set(first + section::SIZE, &[1])
            }),
            ("section-text-not-executable", |elf| {
                elf.flags(".text", 0, EXEC)
            }),
            ("section-text-writable", |elf| elf.flags(".text", WRITE, 0)),
            ("section-init-text-writable", |elf| {
                elf.flags(".init.text", WRITE, 0)
            }),
            ("section-data-executable", |elf| elf.flags(".data", EXEC, 0)),
            ("section-rodata-writable", |elf| {
                elf.flags(".rodata.str1.1", WRITE, 0)
            }),
            ("section-modinfo-not-allocated", |elf| {
                elf.flags(".modinfo", 0, ALLOC)
            }),
            ("section-this-module-not-allocated", |elf| {
                elf.flags(".gnu.linkonce.this_module", 0, ALLOC)
            }),
            ("section-comment-allocated", |elf| {
                elf.flags(".comment", ALLOC, 0)
            }),
            ("section-this-module-small", |elf| {
                let size = elf.header(".gnu.linkonce.this_module") + section::SIZE;
                let less = elf.u64(size) - 64;
                elf.set(size, &less.to_le_bytes())
            }),
            ("section-this-module-large", |elf| {
                let mut bytes = elf.bytes[elf.range(".gnu.linkonce.this_module")].to_vec();
                bytes.extend_from_slice(&[0; 64]);
                elf.contents(".gnu.linkonce.this_module", &bytes)
            }),
            ("section-this-module-nobits", |elf| {
                elf.set_header(".gnu.linkonce.this_module", section::TYPE, &[8])
            }),
            ("section-this-module-without-name", |elf| {
                elf.replace(".gnu.linkonce.this_module", b"kmm_good", &[0; 8])
            }),
            ("section-this-module-other-name", |elf| {
                elf.replace(".gnu.linkonce.this_module", b"kmm_good", b"kmm_gool")
            }),
            ("section-strtab-without-end", |elf| {
                let end = elf.range(".strtab").end;
                elf.set(end - 1, b"x")
            }),
            ("section-shstrtab-without-end", |elf| {
                let end = elf.range(".shstrtab").end;
                elf.set(end - 1, b"x")
            }),
            ("section-strtab-empty", |elf| {
                elf.set_header(".strtab", section::SIZE, &[0; 8])
            }),
            ("section-symtab-link-out", |elf| {
                elf.set_header(".symtab", section::LINK, &[0xff, 0, 0, 0])
            }),
            ("section-symtab-entry-size", |elf| {
                elf.set_header(".symtab", section::ENTRY_SIZE, &[16])
            }),
            ("section-symtab-other-type", |elf| {
                elf.set_header(".symtab", section::TYPE, &[1])
            }),
            ("section-two-symtabs", |elf| {
                elf.set_header(".comment", section::TYPE, &[2])
            }),
            ("section-param-renamed", |elf| {
                elf.replace(".shstrtab", b"__param", b"__parax")
            }),
            ("section-debug-renamed", |elf| {
                elf.replace(".shstrtab", b".comment", b".comfort")
            }),
            ("section-modinfo-renamed", |elf| {
                elf.replace(".shstrtab", b".modinfo", b".modonfo")
            }),
            ("section-this-module-renamed", |elf| {
                elf.replace(
                    ".shstrtab",
                    b".gnu.linkonce.this_module",
                    b".gnu.linkonce.that_module",
                )
            }),
            ("section-exit-text-renamed", |elf| {
                elf.replace(".shstrtab", b".exit.text", b".exot.text")
            }),
            ("section-relocations-not-linked", |elf| {
                elf.set_header(".rela.init.text", section::LINK, &[0; 4])
            }),
            ("section-relocations-target-out", |elf| {
                elf.set_header(".rela.init.text", section::LINK + 4, &[0xff, 0, 0, 0])
            }),
            ("relocation-unknown-type", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at + 8, &[0xc8])
            }),
            ("relocation-not-zero-at-target", |elf| {
                let relocation = elf.range(".rela.init.text").start;
                let at = usize::try_from(elf.u64(relocation)).expect("an offset");
                let target = elf.range(".init.text").start + at;
                elf.set(target, &[1])
            }),
            ("section-this-module-twice", |elf| {
                elf.rename_section(".comment", ".gnu.linkonce.this_module")
            }),
            ("section-modinfo-twice", |elf| {
                elf.rename_section(".comment", ".modinfo")
            }),
            ("section-versions-twice", |elf| {
                elf.rename_section(".comment", "__versions")
            }),
            ("section-names-all-empty", |elf| {
                let range = elf.range(".shstrtab");
                let empty = vec![0; range.len()];
                elf.set(range.start, &empty)
            }),
            ("section-symtab-nobits", |elf| {
                elf.set_header(".symtab", section::TYPE, &[8])
            }),
            ("section-symtab-empty", |elf| {
                elf.set_header(".symtab", section::SIZE, &[0; 8])
            }),
            ("section-strtab-nobits", |elf| {
                elf.set_header(".strtab", section::TYPE, &[8])
            }),
            ("section-text-nobits", |elf| {
                elf.set_header(".rodata.str1.1", section::TYPE, &[8])
            }),
            ("section-param-odd-size", |elf| {
                let size = elf.header("__param") + section::SIZE;
                let less = elf.u64(size) - 8;
                elf.set(size, &less.to_le_bytes())
            }),
            ("section-relocations-rel-type", |elf| {
                elf.set_header(".rela.init.text", section::TYPE, &[9])
            }),
            ("section-note-of-btf", |elf| {
                elf.flags(".comment", ALLOC, 0)
                    .rename_section(".comment", ".BTF")
            }),
            ("align-huge", |elf| {
                elf.set_header(".data", 48, &0x1000_0000_u64.to_le_bytes())
            }),
            ("align-odd", |elf| elf.set_header(".data", 48, &[3])),
        ],
    );
    let per_cpu = forge.elf("kmm_good");
    if per_cpu.find(".data..percpu").is_some() {
        cases.push(
            forge.edited(
                "section-percpu-nobits",
                per_cpu
                    .set_header(".data..percpu", section::TYPE, &[8])
                    .bytes,
            ),
        );
    }
    cases
}

fn symbols(forge: &Forge) -> Vec<Case> {
    edit_all(
        forge,
        &[
            ("symbol-name-out", |elf| {
                let at = elf.symbol("init_module");
                elf.set(at, &[0xff, 0xff, 0xff, 0])
            }),
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
            ("symbol-index-of-relocation-out", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at + 12, &[0xff, 0xff, 0, 0])
            }),
            ("symbol-index-of-relocation-far-out", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at + 12, &[0xff, 0xff, 0xff, 0x7f])
            }),
            ("relocation-offset-out", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0])
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
    .map(|(name, words)| forge.edited(name, run(&words, &good)))
    .collect()
}

/// Runs a program over a file: `PROGRAM ARGS… FILE`, or, for `ld -r -o`, into another one.
pub(crate) fn run(words: &[String], bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder for binutils");
    let file = folder.path().join("module.ko");
    let result = folder.path().join("result.ko");
    fs::write(&file, bytes).expect("the module");
    let mut command = Command::new(&words[0]);
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
    let table = elf.header_of(1);
    let bytes = elf.sections().saturating_sub(1) * section::BYTES;
    for part in 0..12 {
        flip(
            format!("byte-section-table-{part}"),
            table + bytes * part / 12 + part,
        );
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
