//! Flags of sections that kernels do not look at before they use what is there.
//!
//! Each of these may end a boot, so that kernels which share their loader's code with another
//! one of the suite are not asked.

use kmm_preflight::for_tests::Arch;

use super::super::case::Case;
use super::super::elf::Elf;
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
            ("section-this-module-read-only", |elf| {
                elf.flags(".gnu.linkonce.this_module", 0, WRITE)
            }),
            ("section-init-text-not-executable", |elf| {
                elf.flags(".init.text", 0, EXEC)
            }),
        ],
    );
    let bss = forge.elf("kmm_good").flags(".bss", 0, ALLOC).bytes;
    let bss = forge.edited("section-bss-not-allocated", bss);
    cases.push(match forge.kernel.arch {
        Arch::Amd64 => bss.undecidable("half of an address leads anywhere near the kernel"),
        _ => bss,
    });
    let folder = forge.with(&["kmm_base", "kmm_good", "kmm_soft"]).depmod();
    let good = forge.elf("kmm_good").flags(".init.text", 0, ALLOC);
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
