//! What the kernel's loader writes to its log for what it refuses about a module's ELF file.

use kernel_loader::arch::Arch;
use kernel_loader::module::btf::BtfFault;
use kernel_loader::module::defects::{Defect, Protection, SymbolNames};
use kernel_loader::module::{ElfFault, Invalid, Limit};

/// Why a file cannot be taken apart.
pub(crate) fn fault(fault: &ElfFault) -> String {
    match fault {
        ElfFault::Compression(why) => format!("the compressed data is corrupt: {why}"),
        ElfFault::Invalid(invalid) => self::invalid(*invalid),
        ElfFault::Limit(limit) => self::limit(*limit),
    }
}

fn invalid(invalid: Invalid) -> String {
    match invalid {
        Invalid::Empty => "the file is empty".into(),
        Invalid::Magic => "Invalid ELF header magic: != \\x7fELF".into(),
        Invalid::HeaderLength(length) => format!("Invalid ELF header len {length}"),
        Invalid::Type(kind) => format!("Invalid ELF header type: {kind} != 1"),
        Invalid::EntrySize => "Invalid ELF section header size".into(),
        Invalid::SectionTable => "Invalid ELF section header overflow".into(),
        Invalid::NamesIndex { index, count } => format!(
            "Invalid ELF section name index: {index} || e_shstrndx ({index}) >= e_shnum ({count})"
        ),
        Invalid::Names { kind } => format!("Invalid ELF section hdr(type {kind})"),
        Invalid::NamesEmpty => "empty section name table".into(),
        Invalid::NamesOpen => "ELF Spec violation: section name table isn't null terminated".into(),
        Invalid::FirstSection { kind } => {
            format!("ELF Spec violation: section 0 type({kind})!=SH_NULL or non-zero len or addr")
        }
        Invalid::SymbolsLink { link, count } => format!(
            "Invalid ELF sh_link!=SHN_UNDEF({link}) or (sh_link({link}) >= hdr->e_shnum({count})"
        ),
        Invalid::Section { index, kind } => {
            format!("Invalid ELF section in module (section {index} type {kind})")
        }
        Invalid::SectionName { index, kind } => section_name(index, kind),
        Invalid::NoSymbols => "module has no symbols (stripped?)".into(),
        Invalid::NoModule => "No module found in object".into(),
    }
}

fn section_name(index: u32, kind: u32) -> String {
    format!("Invalid ELF section name in module (section {index} type {kind})")
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::Size(bytes) => format!("the module is larger than the limit of {bytes} bytes"),
        Limit::Symbols(count) => {
            format!("the module has more symbols than the limit of {count}")
        }
        Limit::Information(count) => {
            format!(".modinfo has more entries than the limit of {count}")
        }
        Limit::AppliedRelocations(count) => {
            format!("the module has more relocations than the limit of {count}")
        }
        Limit::Relocations => "the relocation sections overlap".into(),
        Limit::Names => {
            "the names in the module's tables overlap, or are more than any module has".into()
        }
    }
}

/// What the kernel says of a defect, or what comes of it where the kernel says nothing.
pub(crate) fn defect(defect: &Defect, arch: Option<Arch>) -> String {
    match defect {
        Defect::SectionName { index, kind } | Defect::SectionNameNowhere { index, kind } => {
            section_name(*index, *kind)
        }
        Defect::NameTable { kind } => format!("Invalid ELF section name table type: {kind}"),
        Defect::ModinfoTwice => "Only one .modinfo section must exist".into(),
        Defect::ModinfoOpen { tag } => format!("{tag} in .modinfo has no end"),
        Defect::SymbolTableTwice => "module has more than one symbol table".into(),
        Defect::ThisModuleTwice => "Only one .gnu.linkonce.this_module section must exist".into(),
        Defect::ThisModuleKind => {
            ".gnu.linkonce.this_module section must have content and memory".into()
        }
        Defect::SymbolNames(SymbolNames::Start) => {
            "ELF Spec violation: symbol strtab doesn't start with NUL".into()
        }
        Defect::SymbolNames(SymbolNames::End) => {
            "ELF Spec violation: symbol strtab isn't NUL terminated".into()
        }
        Defect::SymbolNames(SymbolNames::Outside | SymbolNames::Nowhere) => {
            "symbol name out of bounds of the string table".into()
        }
        Defect::ExtendedVersionsCount => "more extended version crcs than names".into(),
        Defect::ExtendedVersionsAlone => "extended version crc+name presence does not match".into(),
        Defect::WritableText { section } => {
            format!("module section {section} has invalid WRITE|EXEC flags")
        }
        Defect::CommonSymbol { symbol } => {
            format!("common symbol {symbol}: please compile with -fno-common")
        }
        Defect::SymbolSection {
            symbol,
            section,
            last,
        } => format!("Symbol {symbol} has an invalid section index {section} (max {last})"),
        Defect::TwinSections { section } => format!("two sections are named {section}"),
        Defect::TableContent { section } => {
            format!("the addresses in section {section} are no addresses")
        }
        Defect::WrongProtection { section, cannot } | Defect::OddProtection { section, cannot } => {
            match cannot {
                Protection::Run => format!("section {section} cannot be run"),
                Protection::Write => format!("section {section} cannot be written to"),
            }
        }
        Defect::LivepatchRelocations {
            section,
            is_certain: true,
        } => format!(
            "livepatch: section {section} or a symbol in it has an incorrectly formatted name"
        ),
        Defect::LivepatchRelocations { section, .. } => format!(
            "livepatch: section {section} changes the kernel's own symbols, which are in no list that was read"
        ),
        Defect::RelRelocations => "REL relocation unsupported".into(),
        Defect::RelocationOutside { section } => {
            format!("a relocation in {section} leads out of its tables")
        }
        Defect::RelocationUnknown { kind } | Defect::RelocationPcRelative { kind } => {
            let what = match arch {
                Some(Arch::Arm64) => "unsupported RELA relocation",
                Some(Arch::Ppc64le) => "Unknown ADD relocation",
                Some(Arch::S390x) => "unknown relocation",
                Some(Arch::Amd64) | None => "Unknown rela relocation",
            };
            format!("{what}: {kind}")
        }
        Defect::RelocationTarget { kind, section } => format!(
            "Skipping invalid relocation target, existing value is nonzero for type {kind} in \
             section {section}"
        ),
        Defect::RelocationToExport { kind, section } => {
            format!("overflow in relocation type {kind} in section {section}")
        }
        Defect::RelocationOverflow { kind, section } if arch != Some(Arch::Amd64) => {
            format!("overflow in relocation type {kind} in section {section}")
        }
        Defect::RelocationOverflow { kind, section } => format!(
            "overflow in relocation type {kind} in section {section}: likely not compiled with \
             -mcmodel=kernel"
        ),
        Defect::NotLoaded { from, to } | Defect::CodeNotLoaded { from, to } => {
            format!("{from} points into section {to}, which is not loaded")
        }
    }
}

/// What the kernel says of a module's type information.
pub(crate) fn btf(fault: BtfFault) -> &'static str {
    match fault {
        BtfFault::NoLength => "hdr_len not found",
        BtfFault::NoHeader => "btf_header not found",
        BtfFault::UnknownFields => "unsupported header fields are not zero",
        BtfFault::Magic => "Invalid magic",
        BtfFault::Version => "Unsupported version",
        BtfFault::Flags => "Unsupported flags",
        BtfFault::Offset => "Invalid section offset",
        BtfFault::UnknownSection => "Unsupported section found",
        BtfFault::Overlap => "Section overlap found",
        BtfFault::TooLong => "Total section length too long",
        BtfFault::NamesNotLast => "String section is not at the end",
        BtfFault::Names => "Invalid string section",
        BtfFault::Unaligned => "Unaligned type_off",
    }
}
