//! Relocations: of no known type, over what is not zero, over each other, left to live patching.

use super::super::case::Case;
use super::super::elf::Elf;
use super::super::forge::Forge;
use super::elf::edit_all;

/// Bytes of one relocation, which starts with its offset, and of one symbol.
const RELOCATION: usize = 24;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let mut cases = edit_all(
        forge,
        &[
            ("relocation-unknown-type", |elf| {
                let at = elf.range(".rela.init.text").start;
                elf.set(at + 8, &[0xc8])
            }),
            ("relocation-not-zero-at-target", |elf| {
                let relocation = elf.range(".rela.init.text").start;
                let at = usize::try_from(elf.u64(relocation)).expect("an offset");
                // On arm64 these bits are of the value that the relocation writes.
                let target = elf.range(".init.text").start + at + 1;
                elf.set(target, &[1])
            }),
            ("relocation-over-another", second_of_init),
        ],
    );
    cases.extend(of_live_patching(forge));
    cases
}

/// Relocations of tables that nothing reads, as `SHF_RELA_LIVEPATCH`.
fn of_live_patching(forge: &Forge) -> Vec<Case> {
    const TABLE: &str = ".rela.orc_unwind_ip";
    let elf = || forge.elf("kmm_good").flags(TABLE, 0x0010_0000, 0);
    if !forge.kernel.patches_itself() || forge.elf("kmm_good").find(TABLE).is_none() {
        return Vec::new();
    }
    let named = |elf: Elf, object: &str| {
        elf.rename_section(TABLE, &format!(".klp.rela.{object}..orc_unwind_ip"))
    };
    let case = |name: &str, elf: Elf| forge.edited(&format!("livepatch-{name}"), elf.bytes);
    vec![
        case("relocations-misnamed", elf()),
        case("relocations-of-a-module", named(elf(), "kmm_absent")),
        case("relocations-to-other-symbols", named(elf(), "vmlinux")),
        case(
            "symbols-misnamed",
            named(to_symbol(elf(), TABLE, "kfree"), "vmlinux"),
        ),
        case(
            "symbols-of-the-kernel",
            named(
                to_symbol(elf(), TABLE, ".klp.sym.vmlinux.kfree,0"),
                "vmlinux",
            ),
        )
        .undecidable("the kernel looks among symbols that it does not export"),
    ]
}

/// Makes a table's relocations lead to a new symbol of live patching.
fn to_symbol(elf: Elf, table: &str, name: &str) -> Elf {
    let mut names = elf.bytes[elf.range(".strtab")].to_vec();
    let mut symbols = elf.bytes[elf.range(".symtab")].to_vec();
    let number = u32::try_from(symbols.len() / RELOCATION).expect("a short table");
    let at = u32::try_from(names.len()).expect("a short table");
    names.extend([name.as_bytes(), b"\0"].concat());
    // A global function of the section `SHN_LIVEPATCH`.
    symbols.extend([&at.to_le_bytes()[..], &[0x12, 0, 0x20, 0xff], &[0; 16]].concat());
    let mut elf = elf
        .contents(".strtab", &names)
        .contents(".symtab", &symbols);
    for at in elf.range(table).step_by(RELOCATION) {
        elf = elf.set(at + 12, &number.to_le_bytes());
    }
    elf
}

/// Puts the second relocation of the init function's code over the first one's offset.
fn second_of_init(elf: Elf) -> Elf {
    let first = elf.range(".rela.init.text").start;
    let offset = elf.u64(first);
    elf.set(first + RELOCATION, &offset.to_le_bytes())
}
