//! Damage to sections: their headers, flags, places and contents.

use super::super::case::Case;
use super::super::elf::{Elf, section};
use super::super::forge::Forge;
use super::elf::edit_all;

const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXEC: u64 = 4;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
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
            ("section-name-behind-the-table", |elf| {
                let table = elf.range(".shstrtab");
                let left = (elf.bytes.len() - table.start) as u32 - 1;
                let behind = (table.len() as u32).min(left);
                elf.set_header(".comment", section::NAME, &behind.to_le_bytes())
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
                let name = strings(&elf);
                elf.flags(name, WRITE, 0)
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
            ("section-strtab-nobits", |elf| {
                elf.set_header(".strtab", section::TYPE, &[8])
            }),
            ("section-text-nobits", |elf| {
                let name = strings(&elf);
                elf.set_header(name, section::TYPE, &[8])
            }),
            ("section-relocations-rel-type", |elf| {
                elf.set_header(".rela.init.text", section::TYPE, &[9])
            }),
            ("section-note-of-btf", |elf| {
                elf.flags(".comment", ALLOC, 0)
                    .rename_section(".comment", ".BTF")
            }),
            ("section-rodata-not-allocated", |elf| {
                let name = strings(&elf);
                elf.flags(name, 0, ALLOC)
            }),
            ("section-exit-text-not-allocated", |elf| {
                elf.flags(".exit.text", 0, ALLOC)
            }),
            // A kernel without CONFIG_CONSTRUCTORS looks for neither.
            ("section-constructors-twice", |elf| {
                elf.flags(".comment", ALLOC, 0)
                    .rename_section(".comment", ".ctors")
                    .rename_section(".note.gnu.build-id", ".init_array")
            }),
            ("section-names-swapped", |elf| {
                let (one, other) = (elf.header(".data"), elf.header(".exit.text"));
                let (first, second) = (elf.u32(one), elf.u32(other));
                elf.set(one, &second.to_le_bytes())
                    .set(other, &first.to_le_bytes())
            }),
            ("symbol-section-reserved", |elf| {
                let at = elf.symbol("kmm_good.c");
                elf.set(at + 6, &0xfff0_u16.to_le_bytes())
            }),
            ("size-of-bss-2-gib", |elf| {
                elf.set_header(".bss", section::SIZE, &(1u64 << 31).to_le_bytes())
            }),
            ("size-of-bss-and-4-gib", |elf| {
                let at = elf.header(".bss") + section::SIZE;
                let more = elf.u64(at) + (1 << 32);
                elf.set(at, &more.to_le_bytes())
            }),
            ("align-zero", |elf| {
                elf.set_header(".data", section::ALIGN, &[0; 8])
            }),
            ("align-huge", |elf| {
                elf.set_header(".data", section::ALIGN, &0x1000_0000_u64.to_le_bytes())
            }),
            ("align-odd", |elf| {
                elf.set_header(".data", section::ALIGN, &[3])
            }),
        ],
    );
    if forge.elf("kmm_good").find("__versions").is_some() {
        cases.extend(edit_all(
            forge,
            &[("section-versions-over-parameters", |elf| {
                let from = elf.header("__versions");
                let header = elf.bytes[from..from + section::BYTES].to_vec();
                let to = elf.header("__param");
                elf.set(to, &header)
            })],
        ));
    }
    if forge.elf("kmm_good").find(".debug_info").is_some() {
        cases.extend(edit_all(
            forge,
            &[("section-debug-info-allocated", |elf| {
                elf.flags(".debug_info", ALLOC, 0)
            })],
        ));
    }
    let nowhere = [0xff, 0xff, 0xff, 0];
    let elf = || forge.elf("kmm_good");
    let symbol = elf().symbol("kmm_good.c");
    let out = [
        (
            "section-name-out",
            elf().set_header(".comment", section::NAME, &nowhere),
        ),
        ("symbol-name-out", elf().set(symbol, &nowhere)),
    ];
    for (name, elf) in out {
        let case = forge.edited(name, elf.bytes);
        // Kernels since 6.12 and 6.13 look where a name leads.
        let looks = name.starts_with("section") && !forge.kernel.release.starts_with("6.1.");
        cases.push(match looks {
            true => case,
            false => case.undecidable("what is in memory behind the file decides"),
        });
    }
    let per_cpu = forge.elf("kmm_good");
    if per_cpu.find(".data..percpu").is_some() {
        let per_cpu = per_cpu.set_header(".data..percpu", section::TYPE, &[8]);
        cases.push(forge.edited("section-percpu-nobits", per_cpu.bytes));
        for (name, size) in [("reserve", 9u64 << 10), ("unit", 33 << 10)] {
            let large = forge
                .elf("kmm_good")
                .set_header(".data..percpu", section::TYPE, &[8])
                .set_header(".data..percpu", section::SIZE, &size.to_le_bytes());
            let name = format!("section-percpu-beyond-the-{name}");
            cases.push(forge.edited(&name, large.bytes));
        }
    }
    // Since 6.12, what needs the module with the twins is refused.
    let twins = forge
        .elf("kmm_base")
        .flags(".comment", ALLOC, 0)
        .rename_section(".comment", "__ksymtab_strings");
    let folder = forge.with(&["kmm_base", "kmm_user"]).depmod();
    cases.push(forge.case(
        "section-twins",
        "kmm_user",
        &folder.put("extra/kmm_base.ko", twins.bytes),
    ));
    cases
}

/// The section of the module's strings, which compilers for arm64 align.
fn strings(elf: &Elf) -> &'static str {
    let mut names = [".rodata.str1.1", ".rodata.str1.8"].into_iter();
    let name = names.find(|name| elf.find(name).is_some());
    name.expect("the module has strings")
}
