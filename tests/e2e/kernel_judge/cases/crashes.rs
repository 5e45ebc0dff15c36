//! Damage that most kernels do not look for before they follow it.
//!
//! Each of these may end a boot, so that kernels which share their loader's code with another
//! one of the suite are not asked.

use super::super::case::Case;
use super::super::elf::{Elf, section};
use super::super::forge::Forge;
use super::elf::edit_all;

const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXEC: u64 = 4;
/// Kernels of the same sources as 6.1.0-56-amd64, or of a release beside it.
const SAME_LOADER: [&str; 3] = [
    "6.1.0-53-amd64",
    "6.1.0-56-rt-amd64",
    "6.1.0-56-cloud-amd64",
];

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    if SAME_LOADER.contains(&forge.kernel.name.as_str()) {
        return Vec::new();
    }
    let mut cases = edit_all(
        forge,
        &[
            ("section-first-name-far", |elf| {
                let first = elf.header_of(0);
                elf.set(first + section::NAME, &[0xff; 4])
            }),
            ("section-relocations-of-symbols", |elf| {
                let symbols = u32::try_from(elf.find(".symtab").expect("a table"));
                let symbols = symbols.expect("few sections").to_le_bytes();
                elf.set_header(
                    ".rela.gnu.linkonce.this_module",
                    section::LINK + 4,
                    &symbols,
                )
            }),
            ("section-relocations-of-this-module-dropped", |elf| {
                elf.set_header(".rela.gnu.linkonce.this_module", section::TYPE, &[1])
            }),
            ("size-of-bss-all-ones", |elf| {
                elf.set_header(".bss", section::SIZE, &u64::MAX.to_le_bytes())
            }),
            ("align-all-ones", |elf| {
                elf.set_header(".data", section::ALIGN, &u64::MAX.to_le_bytes())
            }),
            ("align-of-symbols-all-ones", |elf| {
                elf.set_header(".symtab", section::ALIGN, &u64::MAX.to_le_bytes())
            }),
            ("symbol-name-out-of-function", |elf| {
                let at = elf.symbol("cleanup_module");
                elf.set(at, &[0xff, 0xff, 0xff, 0])
            }),
            ("symbol-name-out-of-data", |elf| {
                let at = elf.symbol("answer");
                elf.set(at, &[0xff, 0xff, 0xff, 0])
            }),
            ("symbol-name-out-of-first", |elf| {
                let at = elf.range(".symtab").start;
                elf.set(at, &[0xff, 0xff, 0xff, 0])
            }),
            ("symbol-name-behind-the-file", |elf| {
                let names = elf.range(".strtab").start;
                let end = elf.bytes.len().next_multiple_of(4096);
                let name = u32::try_from(end - names).expect("a small file");
                let at = elf.symbol("cleanup_module");
                elf.set(at, &name.to_le_bytes())
            }),
            ("section-this-module-read-only", |elf| {
                elf.flags(".gnu.linkonce.this_module", 0, WRITE)
            }),
            ("section-init-text-not-executable", |elf| {
                elf.flags(".init.text", 0, EXEC)
            }),
            ("symbol-name-behind-the-loaded-names", |mut elf| {
                elf.bytes.resize(elf.bytes.len() + (3 << 20), 0);
                let at = elf.symbol("cleanup_module");
                elf.set(at, &(2u32 << 20).to_le_bytes())
            }),
            ("relocation-of-init-to-symbol-behind-the-table", |elf| {
                let symbols = elf.range(".symtab").len() / 24;
                let symbol = u32::try_from(symbols + 1).expect("a small table");
                let at = elf.range(".rela.gnu.linkonce.this_module").start;
                elf.set(at + 12, &symbol.to_le_bytes())
            }),
        ],
    );
    cases.push(
        forge
            .edited(
                "section-bss-not-allocated",
                forge.elf("kmm_good").flags(".bss", 0, ALLOC).bytes,
            )
            .undecidable("half of an address leads anywhere near the kernel"),
    );
    let folder = forge.with(&["kmm_base", "kmm_good", "kmm_soft"]).depmod();
    let good = forge.elf("kmm_good");
    let at = good.symbol("cleanup_module");
    let good = good.set(at, &[0xff, 0xff, 0xff, 0]);
    cases.push(forge.case(
        "soft-dependency-crashes",
        "kmm_soft",
        &folder.put("extra/kmm_good.ko", good.bytes),
    ));
    let folder = forge.with(&["kmm_base", "kmm_nsuser"]).depmod();
    let base: Elf = forge.elf("kmm_base").flags("__ksymtab_strings", 0, ALLOC);
    cases.push(forge.case(
        "export-names-not-allocated",
        "kmm_nsuser",
        &folder.put("extra/kmm_base.ko", base.bytes),
    ));
    cases
}
