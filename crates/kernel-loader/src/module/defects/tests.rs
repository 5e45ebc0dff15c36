//! Defects of a small module after one edit.

use super::{Defect, SymbolNames};
use crate::module::tests::{FORMS, Form, SYMBOLS, facts, module, with_content};

/// Sets a field of a section's header of the 64-bit little-endian module.
fn with_field(mut bytes: Vec<u8>, index: usize, field: usize, value: &[u8]) -> Vec<u8> {
    let table = u64::from_le_bytes(bytes[40..48].try_into().expect("8 bytes"));
    let at = usize::try_from(table).expect("an offset of this machine") + index * 64 + field;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn each_edit_of_a_module_shows_as_its_defect() {
    const RELOCATIONS: usize = 8;
    const TYPE: usize = 4;
    const FLAGS: usize = 8;
    let whole = || module(FORMS[0]);
    let flags = |index, flags: u64| with_field(whole(), index, FLAGS, &flags.to_le_bytes());
    // The section of three relocated words is followed by the names of exports, "\0mine\0NS\0".
    let with_relocations = |relocations: &[(u64, u64)]| {
        let table = relocations
            .iter()
            .flat_map(|(offset, info)| [*offset, *info, 0].map(u64::to_le_bytes));
        with_content(whole(), RELOCATIONS, &table.flatten().collect::<Vec<u8>>())
    };
    let (pc32, unknown, behind) = (3 << 32 | 2, 3 << 32 | 200, 7 << 32 | 2);
    let names = |section: &str| section.into();
    for (bytes, defects) in [
        (whole(), vec![]),
        (with_relocations(&[(0, pc32), (8, pc32), (4, pc32)]), vec![]),
        (
            with_relocations(&[(0, behind)]),
            vec![Defect::RelocationOutside {
                section: names(".rela__ksymtab_gpl"),
            }],
        ),
        (
            with_relocations(&[(12, pc32)]),
            vec![Defect::RelocationOutside {
                section: names(".rela__ksymtab_gpl"),
            }],
        ),
        (
            with_relocations(&[(4, pc32), (4, pc32)]),
            vec![Defect::RelocationTarget {
                kind: 2,
                section: names("__ksymtab_gpl"),
            }],
        ),
        (
            with_relocations(&[(0, unknown)]),
            vec![Defect::RelocationUnknown { kind: 200 }],
        ),
        (
            with_field(whole(), RELOCATIONS, TYPE, &[9]),
            vec![
                Defect::RelRelocations,
                Defect::TableContent {
                    section: names("__ksymtab_gpl"),
                },
            ],
        ),
        (
            flags(2, 2),
            vec![Defect::WrongProtection {
                section: names(".gnu.linkonce.this_module"),
                cannot: super::Protection::Write,
            }],
        ),
        (
            flags(4, 7),
            vec![Defect::WritableText {
                section: names("__ksymtab_gpl"),
            }],
        ),
        (
            flags(5, 0),
            vec![Defect::NotLoaded {
                from: names("__ksymtab_gpl"),
                to: names("__ksymtab_strings"),
            }],
        ),
        (
            with_content(whole(), SYMBOLS - 1, b"\0kfree\0maybe"),
            vec![Defect::SymbolNames(SymbolNames::End)],
        ),
    ] {
        assert_eq!(facts(&bytes).defects, defects);
    }
}

/// Gives a section another name, no longer than its own, and memory.
fn with_name(mut bytes: Vec<u8>, index: usize, old: &[u8], new: &[u8]) -> Vec<u8> {
    const FLAGS: usize = 8;
    let at = bytes.windows(old.len()).position(|bytes| bytes == old);
    let at = at.expect("the section's name");
    bytes[at..at + new.len()].copy_from_slice(new);
    with_field(bytes, index, FLAGS, &[2])
}

#[test]
fn versions_take_no_memory() {
    let named = |name: &[u8]| with_name(module(FORMS[0]), 8, b".rela__ksymtab_gpl\0", name);
    let memory = |name: &[u8]| facts(&named(name)).memory;
    let whole = facts(&module(FORMS[0])).memory;
    assert_eq!(memory(b"__version_ext_crcs\0"), whole);
    assert!(memory(b"__version_not_read\0") > whole);
}

#[test]
fn exports_have_flags_behind_their_table() {
    // `__ksymtab_gpl` as the one table, and flags before its names.
    let one_table = with_name(module(FORMS[0]), 4, b"__ksymtab_gpl\0", b"__ksymtab\0");
    let with_flags = |flags: u8| {
        let bytes = with_name(
            one_table.clone(),
            5,
            b"__ksymtab_strings\0",
            b"__kflagstab\0",
        );
        with_content(bytes, 5, &[&[flags], &b"mine\0NS\0"[..]].concat())
    };
    for (bytes, is_gpl, lacks_flags) in [
        (module(FORMS[0]), true, false),
        (one_table.clone(), false, true),
        (with_flags(0), false, false),
        (with_flags(1), true, false),
    ] {
        let facts = facts(&bytes);
        assert_eq!(facts.exports[0].gpl, is_gpl);
        assert_eq!(facts.unflagged, lacks_flags);
    }
}

#[test]
fn constructors_are_in_one_section() {
    let first = || with_name(module(FORMS[0]), 6, b".strtab\0", b".ctors\0\0");
    let both = with_name(first(), 5, b"__ksymtab_strings\0", b".init_array\0");
    let has_it = |bytes: &[u8]| {
        let defects = facts(bytes).defects;
        defects.contains(&Defect::ConstructorsTwice)
    };
    assert!(!has_it(&first()));
    assert!(has_it(&both));
}

/// The section of three relocated words, whose relocations lead to its names.
fn of_machine(form: Form, machine: u16, kind: u64, addend: u64) -> Vec<u8> {
    let mut bytes = module(form);
    bytes[18..20].copy_from_slice(&match form.is_little_endian() {
        true => machine.to_le_bytes(),
        false => machine.to_be_bytes(),
    });
    let old = [(0, 1), (4, 1), (8, 6)].map(|(offset, at)| form.relocation(offset, 3, 2, at));
    let new = [0, 4, 8].map(|offset| form.relocation(offset, 3, kind, addend));
    let (old, new) = (old.concat(), new.concat());
    let at = bytes.windows(old.len()).position(|bytes| bytes == old);
    let at = at.expect("the relocations");
    bytes[at..at + new.len()].copy_from_slice(&new);
    bytes
}

#[test]
fn relocations_are_those_of_the_architecture() {
    const ARM64: u16 = 183;
    const PPC64: u16 = 21;
    const S390: u16 = 22;
    let [little, big, _] = FORMS;
    let unknown = |kind| Some(Defect::RelocationUnknown { kind });
    let overflow = |kind| {
        let section = "__ksymtab_gpl".into();
        Some(Defect::RelocationOverflow { kind, section })
    };
    for (form, machine, kind, addend, defect) in [
        // R_AARCH64_ABS64, CALL26, LDST128, NONE: known.
        (little, ARM64, 257, 0, None),
        (little, ARM64, 283, 0, None),
        (little, ARM64, 299, 0, None),
        (little, ARM64, 256, 0, None),
        // R_AARCH64_ADR_GOT_PAGE, and the kind that was never assigned.
        (little, ARM64, 311, 0, unknown(311)),
        (little, ARM64, 281, 0, unknown(281)),
        (little, ARM64, 2, 0, unknown(2)),
        // R_AARCH64_ABS32 to an address of the module, or to one that only its addend makes.
        (little, ARM64, 258, 8, overflow(258)),
        (little, ARM64, 258, 1 << 40, None),
        (little, ARM64, 270, 0, overflow(270)),
        (little, ARM64, 272, 0, None),
        // R_PPC64_ADDR64, TOC16_HA, R_PPC64_TOC16_HI, and those of CONFIG_PPC_KERNEL_PCREL.
        (little, PPC64, 38, 0, None),
        (little, PPC64, 50, 0, None),
        (little, PPC64, 49, 0, unknown(49)),
        (
            little,
            PPC64,
            132,
            0,
            Some(Defect::RelocationPcRelative { kind: 132 }),
        ),
        // R_PPC64_TOC16_LO_DS and R_PPC_REL24 lead to words, R_PPC64_TOC16 to any byte.
        (little, PPC64, 64, 4, None),
        (little, PPC64, 64, 2, overflow(64)),
        (little, PPC64, 10, 4, None),
        (little, PPC64, 10, 2, overflow(10)),
        (little, PPC64, 47, 0x1_0001, None),
        // R_390_64, R_390_GOTPLT20; R_390_COPY and thread-local storage.
        (big, S390, 22, 0, None),
        (big, S390, 4, 0, overflow(4)),
        (big, S390, 57, 0, overflow(57)),
        (big, S390, 59, 0, None),
        (big, S390, 9, 0, unknown(9)),
        (big, S390, 56, 0, unknown(56)),
        // R_390_PC32DBL, PLT32DBL, GOTENT and GOTPCDBL count in steps of two bytes.
        (big, S390, 19, 2, None),
        (big, S390, 19, 1, overflow(19)),
        (big, S390, 20, 3, overflow(20)),
        (big, S390, 21, 1, overflow(21)),
        (big, S390, 26, 2, None),
        (big, S390, 26, 1, overflow(26)),
    ] {
        let defects = facts(&of_machine(form, machine, kind, addend)).defects;
        assert_eq!(defects.first(), defect.as_ref(), "{machine} {kind}");
        assert!(defects.len() < 2, "{defects:?}");
    }
}

#[test]
fn the_copy_of_the_file_is_out_of_reach_of_near_relocations_of_arm64() {
    const FLAGS: usize = 8;
    let defects = |kind: u32| {
        let bytes = of_machine(FORMS[0], 183, kind.into(), 0);
        facts(&with_field(bytes, 5, FLAGS, &[0; 8])).defects
    };
    let section = || "__ksymtab_gpl".into();
    // R_AARCH64_PREL32, ADR_PREL_PG_HI21.
    for kind in [261, 275] {
        let section = section();
        assert_eq!(defects(kind), [Defect::RelocationToCopy { kind, section }]);
    }
    // ABS64, ADD_ABS_LO12_NC, MOVW_PREL_G2.
    for kind in [257, 277, 291] {
        assert_eq!(defects(kind), []);
    }
    // ABS32: nowhere is such an address low.
    let (kind, section) = (258, section());
    assert_eq!(
        defects(kind),
        [Defect::RelocationOverflow { kind, section }]
    );
}

#[test]
fn the_table_of_contents_of_power_has_64_kib() {
    for (kind, addend, is_refused) in [
        (47, 0xffff, false),
        (47, 0x1_0000, true),
        (63, 0xfffc, false),
        (63, 0x1_0000, true),
        (50, 0x1_0000, false),
    ] {
        let bytes = of_machine(FORMS[0], 21, kind, addend);
        let bytes = with_name(bytes, 5, b"__ksymtab_strings\0", b".toc\0");
        let section = "__ksymtab_gpl".into();
        let kind = kind as u32;
        let overflow = Defect::RelocationOverflow { kind, section };
        let defects = facts(&bytes).defects;
        assert_eq!(
            defects.contains(&overflow),
            is_refused,
            "{kind} {addend:#x}"
        );
    }
}

#[test]
fn a_call_out_of_a_module_of_power_leaves_room() {
    let (call, jump, nop, load_toc, other) = (
        0x4800_0001,
        0x4800_0000,
        0x6000_0000,
        0xe841_0018,
        0x4e80_0020,
    );
    for (instruction, next, symbol, is_refused) in [
        (call, nop, 1, false),
        (call, load_toc, 1, false),
        (call, other, 1, true),
        (jump, other, 1, false),
        // To the module's own code.
        (call, other, 3, false),
    ] {
        let code = [instruction, next, other].map(u32::to_le_bytes).concat();
        let table = FORMS[0].relocation(0, symbol, 10, 0);
        let mut bytes = with_content(module(FORMS[0]), 4, &code);
        bytes = with_content(bytes, 8, &table);
        bytes[18..20].copy_from_slice(&21_u16.to_le_bytes());
        let defect = Defect::CallWithoutNop {
            symbol: "kfree".into(),
        };
        let defects = facts(&bytes).defects;
        let what = format!("{instruction:#x} {next:#x} {symbol}");
        assert_eq!(defects.contains(&defect), is_refused, "{what}");
    }
}

#[test]
fn a_relocation_to_an_export_of_the_kernel_is_told_apart() {
    let [_, big, _] = FORMS;
    let mut bytes = of_machine(big, 22, 4, 0);
    // To `kfree` in place of the module's own names.
    let old = big.relocation(0, 3, 4, 0);
    let at = bytes.windows(old.len()).position(|bytes| bytes == old);
    let at = at.expect("the relocations");
    for offset in 0..3 {
        let new = big.relocation(4 * offset as u64, 1, 4, 0);
        let at = at + offset * new.len();
        bytes[at..at + new.len()].copy_from_slice(&new);
    }
    let section = "__ksymtab_gpl".into();
    assert_eq!(
        facts(&bytes).defects,
        [Defect::RelocationToExport { kind: 4, section }]
    );
}

#[test]
fn sections_of_the_architecture_are_missed() {
    use crate::arch::sections::ArchSection::{
        FtraceTrampoline, InitFtraceTrampoline, InitPlt, Plt, Stubs,
    };
    let absent = |machine| facts(&of_machine(FORMS[0], machine, 256, 0)).absent_sections;
    let of_arm64 = [Plt, InitPlt, FtraceTrampoline, InitFtraceTrampoline];
    assert_eq!(absent(183), of_arm64);
    assert_eq!(absent(21), [Stubs]);
    assert_eq!(absent(62), []);
}

#[test]
fn odd_bytes_in_names_keep_exports_in_their_places() {
    let strings = [&b"\xff\xfe\0"[..], b"N\xff\0\0\0"].concat();
    let bytes = with_content(module(FORMS[0]), 5, &strings);
    let export = &facts(&bytes).exports[0];
    assert!(!export.name.is_empty());
    let bytes = with_field(module(FORMS[0]), 1, 8, &[0; 8]);
    assert!(facts(&bytes).modinfo_without_memory);
    assert_eq!(facts(&bytes).modinfo("license"), Some("GPL"));
}

#[test]
fn the_last_entry_of_modinfo_ends_where_the_next_nul_is() {
    let open = with_content(module(FORMS[0]), 1, b"license=GPL\0vermagic=6.1.0");
    let found = facts(&open);
    assert_eq!(found.modinfo("vermagic"), Some("6.1.0"));
    assert!(
        found
            .defects
            .iter()
            .any(|defect| matches!(defect, Defect::ModinfoOpen { .. }))
    );
    let runs_on = with_content(open, 5, b"\0mine\0NS\0");
    let found = facts(&runs_on);
    assert_eq!(found.modinfo("vermagic"), Some("6.1.0"));
    assert!(
        found
            .defects
            .iter()
            .all(|defect| !matches!(defect, Defect::ModinfoOpen { .. }))
    );
    let runs_on = with_content(
        with_content(module(FORMS[0]), 1, b"vermagic=6.1.0"),
        5,
        b" SMP\0\0\0",
    );
    assert_eq!(facts(&runs_on).modinfo("vermagic"), Some("6.1.0 SMP"));
}
