//! Property tests: whatever stands in a module file, parsing it ends, and without a panic.

use std::io::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::depmod::effort::Effort;
use crate::depmod::index::Index;
use crate::module::compression::Compression;
use crate::module::content::Content;
use crate::module::facts::{Depth, modinfo};
use crate::module::{ElfFacts, ElfFault, Limit, ModuleFile};
use crate::signature;

/// Class and byte order of a module that is made here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    is_64: bool,
    little_endian: bool,
}

pub(super) const FORMS: [Form; 3] = [
    Form {
        is_64: true,
        little_endian: true,
    },
    Form {
        is_64: true,
        little_endian: false,
    },
    Form {
        is_64: false,
        little_endian: true,
    },
];

/// Name, type, flags, link, info and content of a section.
type RawSection = (&'static str, u64, u64, u64, u64, Vec<u8>);

impl Form {
    pub(super) fn is_little_endian(self) -> bool {
        self.little_endian
    }

    /// x86-64, s390 and i386 stand for what the loader goes by, the machine.
    fn machine(self) -> u64 {
        match (self.is_64, self.little_endian) {
            (true, true) => 62,
            (true, false) => 22,
            _ => 3,
        }
    }

    fn uint(self, value: u64, width: usize) -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..width].to_vec();
        if !self.little_endian {
            bytes.reverse();
        }
        bytes
    }

    fn native(self, value: u64) -> Vec<u8> {
        self.uint(value, if self.is_64 { 8 } else { 4 })
    }

    pub(super) fn symbol(self, name: u64, bind: u8, section: u64) -> Vec<u8> {
        let (name, section) = (self.uint(name, 4), self.uint(section, 2));
        let info = [bind << 4, 0];
        if self.is_64 {
            [&name[..], &info, &section, &[0; 16]].concat()
        } else {
            [&name[..], &[0; 8], &info, &section].concat()
        }
    }

    pub(super) fn relocation(self, offset: u64, symbol: u64, kind: u64, addend: u64) -> Vec<u8> {
        let info = if self.is_64 {
            symbol << 32 | kind
        } else {
            symbol << 8 | kind
        };
        [offset, info, addend]
            .map(|field| self.native(field))
            .concat()
    }
}

/// Section indexes of [`module`].
const NAMES: usize = 9;
pub(super) const SYMBOLS: usize = 7;
const STRINGS: usize = 6;

/// A small module that uses `kfree`, may use `maybe`, and exports `mine` for GPL modules in
/// the namespace `NS`.
pub(super) fn module(form: Form) -> Vec<u8> {
    let strings = b"\0mine\0NS\0".to_vec();
    let symbol_names = b"\0kfree\0maybe\0".to_vec();
    let mut this_module = vec![0; if form.is_64 { 24 } else { 12 }];
    this_module.extend_from_slice(b"tiny\0");
    this_module.resize(320, 0);
    let mut version = form.native(0xbad_f00d);
    version.extend_from_slice(b"kfree\0");
    version.resize(64, 0);
    let ksymtab = [(0, 1), (4, 1), (8, 6)]
        .map(|(offset, at)| form.relocation(offset, 3, 2, at))
        .concat();
    let symtab = [
        form.symbol(0, 0, 0),
        form.symbol(1, 1, 0),
        form.symbol(7, 2, 0),
        form.symbol(0, 0, 5),
    ]
    .concat();
    let sections: [RawSection; 10] = [
        ("", 0, 0, 0, 0, Vec::new()),
        (
            ".modinfo",
            1,
            2,
            0,
            0,
            b"license=GPL\0\0name=tiny\0vermagic=6.1.0 SMP \0".to_vec(),
        ),
        (".gnu.linkonce.this_module", 1, 3, 0, 0, this_module),
        ("__versions", 1, 2, 0, 0, version),
        ("__ksymtab_gpl", 1, 2, 0, 0, vec![0; 12]),
        ("__ksymtab_strings", 1, 2, 0, 0, strings),
        (".strtab", 3, 0, 0, 0, symbol_names),
        (".symtab", 2, 0, STRINGS as u64, 1, symtab),
        (".rela__ksymtab_gpl", 4, 0, SYMBOLS as u64, 4, ksymtab),
        (".shstrtab", 3, 0, 0, 0, Vec::new()),
    ];
    let mut names = Vec::new();
    let starts = sections.each_ref().map(|section| {
        let start = names.len() as u64;
        names.extend_from_slice(section.0.as_bytes());
        names.push(0);
        start
    });
    let header: usize = if form.is_64 { 64 } else { 52 };
    let mut bytes = vec![0; header];
    let mut table = Vec::new();
    for (index, (_, kind, flags, link, info, content)) in sections.iter().enumerate() {
        let content = if index == NAMES { &names } else { content };
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let offset = if index == 0 { 0 } else { bytes.len() as u64 };
        table.extend(
            [starts[index], *kind]
                .map(|field| form.uint(field, 4))
                .concat(),
        );
        table.extend(
            [*flags, 0, offset, content.len() as u64]
                .map(|f| form.native(f))
                .concat(),
        );
        table.extend([*link, *info].map(|field| form.uint(field, 4)).concat());
        table.extend([8, 0].map(|field| form.native(field)).concat());
        bytes.extend_from_slice(content);
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let table_at = bytes.len() as u64;
    bytes.extend(table);
    let ident = [
        0x7f,
        b'E',
        b'L',
        b'F',
        1 + u8::from(form.is_64),
        2 - u8::from(form.little_endian),
        1,
    ];
    bytes[..ident.len()].copy_from_slice(&ident);
    let (shoff, shentsize) = if form.is_64 { (40, 58) } else { (32, 46) };
    for (at, value) in [
        (16, form.uint(1, 2)),
        (18, form.uint(form.machine(), 2)),
        (shoff, form.native(table_at)),
        (shentsize, form.uint(if form.is_64 { 64 } else { 40 }, 2)),
        (shentsize + 2, form.uint(sections.len() as u64, 2)),
        (shentsize + 4, form.uint(NAMES as u64, 2)),
    ] {
        bytes[at..at + value.len()].copy_from_slice(&value);
    }
    bytes
}

/// What rules see of a file, which is the same however much of it is held packed.
fn parsed(bytes: &[u8], depth: Depth) -> ModuleFile {
    let whole = ModuleFile::parse(bytes, depth);
    if whole.compression == Compression::None {
        for most in [0, 64, bytes.len() / 2] {
            let mut packed = Content::in_room(Vec::new(), most);
            packed.write_all(bytes).expect("memory");
            let size = bytes.len() as u64;
            let packed = ModuleFile::of_content(whole.compression, size, Ok(&packed), depth);
            assert_eq!(packed, whole, "{most} bytes as they are");
        }
    }
    whole
}

pub(super) fn facts(bytes: &[u8]) -> ElfFacts {
    parsed(bytes, Depth::Full)
        .elf
        .expect("a well-formed module")
}

#[test]
fn what_the_ident_says_of_class_and_order_counts_for_nothing() {
    let mut bytes = module(FORMS[0]);
    for (class, order) in [(1, 1), (0, 1), (2, 2), (7, 0)] {
        bytes[4..6].copy_from_slice(&[class, order]);
        assert!(facts(&bytes).is_64 && facts(&bytes).little_endian);
    }
}

#[test]
fn modules_of_every_class_and_byte_order_are_read() {
    for form in FORMS {
        let facts = facts(&module(form));
        assert_eq!(
            (facts.is_64, facts.little_endian),
            (form.is_64, form.little_endian)
        );
        assert_eq!(&*facts.this_module_name, "tiny", "{form:?}");
        assert_eq!(facts.this_module_size, 320);
        assert_eq!(facts.modinfo("vermagic"), Some("6.1.0 SMP "));
        let versions = facts.versions.expect("symbol versions");
        assert_eq!((&*versions[0].name, versions[0].crc), ("kfree", 0xbad_f00d));
        let undefined: Vec<(&str, bool)> = facts
            .undefined
            .iter()
            .map(|symbol| (&*symbol.name, symbol.weak))
            .collect();
        assert_eq!(undefined, [("kfree", false), ("maybe", true)]);
        let export = &facts.exports[0];
        assert_eq!((&*export.name, export.gpl), ("mine", true));
        assert_eq!(export.namespace.as_deref(), Some("NS"));
    }
}

#[test]
fn every_truncation_is_told() {
    for form in FORMS {
        let whole = module(form);
        for length in 0..whole.len() {
            let parsed = parsed(&whole[..length], Depth::Full);
            assert!(parsed.elf.is_err(), "{form:?} cut to {length} bytes");
        }
    }
}

#[test]
fn overlapping_relocations_are_beyond_the_limits() {
    let form = FORMS[0];
    let mut bytes = module(form);
    let size = bytes.len() as u64;
    // Makes every section up to the tables one of relocations over the whole file.
    let table = usize::try_from(u64::from_le_bytes(
        bytes[40..48].try_into().expect("8 bytes"),
    ))
    .expect("an offset of this machine");
    for index in 1..STRINGS {
        let at = table + index * 64;
        bytes[at + 4] = 4;
        bytes[at + 24..at + 32].fill(0);
        bytes[at + 32..at + 40].copy_from_slice(&size.to_le_bytes());
    }
    let fault = parsed(&bytes, Depth::Full)
        .elf
        .expect_err("out of proportion");
    assert_eq!(fault, ElfFault::Limit(Limit::Relocations));
}

/// Gives a section of a 64-bit little-endian module another content.
pub(super) fn with_content(mut bytes: Vec<u8>, index: usize, content: &[u8]) -> Vec<u8> {
    let table = u64::from_le_bytes(bytes[40..48].try_into().expect("8 bytes"));
    let header = usize::try_from(table).expect("an offset of this machine") + index * 64;
    let (start, size) = (bytes.len() as u64, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes[header + 24..header + 32].copy_from_slice(&start.to_le_bytes());
    bytes[header + 32..header + 40].copy_from_slice(&size.to_le_bytes());
    bytes
}

#[test]
fn names_that_share_their_bytes_are_beyond_the_limits() {
    let form = FORMS[0];
    let mut names = vec![b'n'; 1000];
    names[0] = 0;
    names.push(0);
    let many = |count: usize| {
        let symbols: Vec<u8> = (0..count)
            .flat_map(|index| form.symbol(if index == 0 { 0 } else { 1 }, 1, 0))
            .collect();
        let bytes = with_content(module(form), STRINGS, &names);
        parsed(&with_content(bytes, SYMBOLS, &symbols), Depth::Full).elf
    };
    assert_eq!(many(500).expect("a modest module").undefined.len(), 499);
    let fault = many(20_000).expect_err("20 MB of names in half a MB");
    assert_eq!(fault, ElfFault::Limit(Limit::Names));
}

#[test]
fn information_of_no_end_is_beyond_the_limits() {
    let entries = |count: usize| {
        let bytes = with_content(module(FORMS[0]), 1, &b"=\0".repeat(count));
        parsed(&bytes, Depth::Full).elf
    };
    assert_eq!(entries(5000).expect("a modest module").modinfo.len(), 5000);
    let fault = entries(300_000).expect_err("more than any module");
    assert!(matches!(fault, ElfFault::Limit(Limit::Information(_))));
}

proptest! {
    #[test]
    fn no_damage_to_a_module_panics(
        form in 0..FORMS.len(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        kept in any::<prop::sample::Index>(),
    ) {
        let mut bytes = module(FORMS[form]);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        for depth in [Depth::Full, Depth::Slim] {
            parsed(&bytes, depth);
        }
        let kept = kept.index(bytes.len());
        parsed(&bytes[..kept], Depth::Full);
    }

    #[test]
    fn no_bytes_panic(start in 0..5usize, bytes in vec(any::<u8>(), 0..512)) {
        const STARTS: [&[u8]; 5] = [
            b"",
            b"\x7fELF\x02\x01\x01",
            &[0x1f, 0x8b, 8],
            &[0xfd, b'7', b'z', b'X', b'Z', 0],
            &[0x28, 0xb5, 0x2f, 0xfd],
        ];
        let whole = [STARTS[start], &bytes].concat();
        parsed(&whole, Depth::Full);
        modinfo(&bytes);
        let index = [&[0xb0, 0x07, 0xf4, 0x57, 0, 2, 0, 1], &bytes[..]].concat();
        if let Ok(index) = Index::parse(index.into()) {
            let _ = index.search("kmm_good", &Effort::default());
            let _ = index.search_wild("pci:v00001234d00005678", &Effort::default());
            index.keys();
        }
    }

    #[test]
    fn no_signature_panics(
        trailer in vec(0..8u8, signature::TRAILER),
        pkcs7 in vec(any::<u8>(), 0..256),
    ) {
        let bytes = [&b"module"[..], &pkcs7, &trailer, signature::MAGIC].concat();
        let _ = signature::split(&Content::of(&bytes));
        let length = u32::try_from(pkcs7.len()).expect("short").to_be_bytes();
        let fitting = [&[0, 0, signature::PKEY_ID_PKCS7, 0, 0, 0, 0, 0][..], &length].concat();
        let bytes = [&b"module"[..], &pkcs7, &fitting, signature::MAGIC].concat();
        let _ = signature::split(&Content::of(&bytes));
    }
}
