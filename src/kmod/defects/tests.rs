//! Defects of a small module after one edit.

use crate::kmod::damage::{FORMS, SYMBOLS, facts, module, with_content};

/// Sets a field of a section's header of the 64-bit little-endian module.
fn with_field(mut bytes: Vec<u8>, index: usize, field: usize, value: &[u8]) -> Vec<u8> {
    let table = u64::from_le_bytes(bytes[40..48].try_into().expect("8 bytes"));
    let at = usize::try_from(table).expect("an offset of this machine") + index * 64 + field;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn defects_that_crash_or_confuse_a_kernel_are_told() {
    const FIRST_NAME: usize = 0;
    const THIS_MODULE: usize = 2;
    const RELOCATIONS: usize = 8;
    let whole = || module(FORMS[0]);
    let rules = |bytes: &[u8]| -> Vec<String> {
        let defects = facts(bytes).defects;
        defects
            .iter()
            .map(|defect| defect.rule.to_string())
            .collect()
    };
    let before = rules(&whole());
    let symbol_name = |index: usize, name: u32| {
        let mut symbols = [
            FORMS[0].symbol(0, 0, 0),
            FORMS[0].symbol(1, 1, 0),
            FORMS[0].symbol(7, 2, 0),
            FORMS[0].symbol(0, 0, 5),
        ];
        symbols[index][..4].copy_from_slice(&name.to_le_bytes());
        with_content(whole(), SYMBOLS, &symbols.concat())
    };
    let with_relocation = |symbol: u32| {
        let mut relocation = [0u8; 24];
        relocation[8] = 2;
        relocation[12..16].copy_from_slice(&symbol.to_le_bytes());
        with_content(whole(), RELOCATIONS, &relocation)
    };
    // The section of three relocated words is followed by the names of exports, "\0mine\0NS\0".
    let with_relocations = |relocations: &[(u64, u64)]| {
        let table = relocations
            .iter()
            .flat_map(|(offset, kind)| [*offset, 3 << 32 | kind, 0].map(u64::to_le_bytes));
        with_content(whole(), RELOCATIONS, &table.flatten().collect::<Vec<u8>>())
    };
    let with_this_module = |at: usize| {
        let mut content = vec![0; 320];
        content[24..28].copy_from_slice(b"tiny");
        content[at] = 1;
        with_content(whole(), THIS_MODULE, &content)
    };
    for (bytes, rule) in [
        (
            with_field(whole(), FIRST_NAME, 0, &[0xff; 4]),
            "beyond-memory",
        ),
        (with_field(whole(), 6, 0, &[0, 0x40, 0, 0]), "name-outside"),
        (symbol_name(0, u32::MAX), "code-name-far"),
        (symbol_name(1, u32::MAX), "beyond-memory"),
        (symbol_name(3, u32::MAX), "data-name-far"),
        (symbol_name(3, 0x4000), "data-name-outside"),
        // The page behind the symbols' names in the kernel's memory.
        (symbol_name(3, 0x1100), "data-name-far"),
        (with_relocation(7), "relocation-outside"),
        (with_relocation(u32::MAX), "beyond-memory"),
        (with_relocations(&[(12, 2)]), "relocation-target"),
        (with_relocations(&[(21, 2)]), "-"),
        (with_relocations(&[(5000, 2)]), "relocation-outside"),
        (with_relocations(&[(0, 2), (8, 2), (4, 2)]), "-"),
        (with_relocations(&[(4, 2), (4, 2)]), "relocation-target"),
        (with_relocations(&[(4, 2), (2, 2)]), "relocation-outside"),
        (with_relocations(&[(0, 1), (6, 2)]), "relocation-target"),
        (with_this_module(200), "this-module-content"),
        (with_this_module(30), "-"),
        (with_field(whole(), 3, 48, &[0xff; 8]), "-"),
        (with_field(whole(), 5, 48, &[0xff; 8]), "overlap-before-6.4"),
        (with_field(whole(), 5, 48, &[0xff; 8]), "overlap-since-6.4"),
        (
            with_field(whole(), 8, 44, &[7, 0, 0, 0]),
            "symbols-relocated",
        ),
    ] {
        let found = rules(&bytes);
        match rule {
            "-" => assert_eq!(found, before),
            rule => assert!(found.iter().any(|one| one == rule), "{rule}: {found:?}"),
        }
    }
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
            .any(|defect| &*defect.rule == "modinfo-open")
    );
    let runs_on = with_content(open, 5, b"\0mine\0NS\0");
    let found = facts(&runs_on);
    assert_eq!(found.modinfo("vermagic"), Some("6.1.0"));
    assert!(
        found
            .defects
            .iter()
            .all(|defect| &*defect.rule != "modinfo-open")
    );
    let runs_on = with_content(
        with_content(module(FORMS[0]), 1, b"vermagic=6.1.0"),
        5,
        b" SMP\0\0\0",
    );
    assert_eq!(facts(&runs_on).modinfo("vermagic"), Some("6.1.0 SMP"));
}
