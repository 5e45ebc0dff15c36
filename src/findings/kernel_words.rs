//! What the kernel writes to its log for what it refuses about a module's ELF file and signature.

use kernel_loader::arch::Arch;
use kernel_loader::module::btf::BtfFault;
use kernel_loader::module::defects::{Defect, Protection, SymbolNames};
use kernel_loader::module::{ElfFault, Invalid, Limit};
use kernel_loader::signature::fault::{Malformed, Unsupported};

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

/// What `modprobe` says of a defect that the kernel refuses a module for.
pub(crate) fn answer(defect: &Defect) -> &'static str {
    match defect {
        // `klp_apply_section_relocs`, `klp_resolve_symbols`; `find_module_sections`
        Defect::LivepatchRelocations { .. } | Defect::ConstructorsTwice => "Invalid argument",
        _ => "Exec format error",
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
        Defect::ConstructorsTwice => "has both .ctors and .init_array".into(),
        Defect::TableContent { section } => {
            format!("section {section} has addresses without relocations")
        }
        Defect::WrongProtection { section, cannot } | Defect::OddProtection { section, cannot } => {
            match cannot {
                Protection::Run => format!("section {section} is not executable"),
                Protection::Write => format!("section {section} is not writable"),
            }
        }
        Defect::LivepatchRelocations {
            section,
            is_certain: true,
        } => format!(
            "livepatch: section {section} or a symbol in it has an incorrectly formatted name"
        ),
        Defect::LivepatchRelocations { section, .. } => format!(
            "livepatch: section {section} changes the kernel's own symbols, which the kernel facts do not list"
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
        Defect::RelocationToExport { kind, section }
        | Defect::RelocationToCopy { kind, section } => {
            format!("overflow in relocation type {kind} in section {section}")
        }
        Defect::CallWithoutNop { symbol } => format!("{symbol}: Expected nop after call"),
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
        BtfFault::NoTypes => "No type found",
    }
}

/// What the kernel has no code for.
pub(crate) fn unsupported(what: &Unsupported) -> String {
    match what {
        Unsupported::Kind => "not signed with expected PKCS#7 message".to_owned(),
        Unsupported::Hash(oid) => {
            format!("the signature's hash algorithm {oid} is not supported")
        }
        Unsupported::Cipher(oid) => format!("the signature's algorithm {oid} is not supported"),
        Unsupported::CertificateAlgorithm => {
            "the certificate in the signature has an unknown algorithm".to_owned()
        }
        Unsupported::CertificateKey => {
            "the key of the certificate in the signature has an unknown type".to_owned()
        }
    }
}

/// What is wrong with a signature that cannot be taken apart, in the kernel's own words where it
/// has some, and those of its error.
pub(crate) fn malformed(fault: Malformed) -> String {
    const MESSAGE: &str = "Bad message";
    const ARGUMENT: &str = "Invalid argument";
    const KEY: &str = "Key was rejected by service";
    let (words, error) = match fault {
        Malformed::Length(bytes) => {
            return format!(
                "the signature's length of {bytes} bytes is more than the file holds ({MESSAGE})"
            );
        }
        // The error is that of whatever does not fit.
        Malformed::SelfSignature => {
            return "a certificate with an invalid self-signature".to_owned();
        }
        Malformed::NoRoom => ("no room for a signature before the marker", MESSAGE),
        Malformed::Parameters => (
            "PKCS#7 signature info has unexpected non-zero params",
            MESSAGE,
        ),
        Malformed::Overrun => ("Data overrun error", MESSAGE),
        Malformed::NoEnd => ("Missing EOC in indefinite len cons", MESSAGE),
        Malformed::BadEnd => ("Invalid length EOC", MESSAGE),
        Malformed::UnexpectedTag => ("Unexpected tag", MESSAGE),
        Malformed::LongTag => ("Long tag not supported", MESSAGE),
        Malformed::LongLength => ("Unsupported length", MESSAGE),
        Malformed::OpenPrimitive => ("Indefinite len primitive not permitted", MESSAGE),
        Malformed::ConstructedLength => ("Cons length error", MESSAGE),
        Malformed::MessageLength => ("more than 65535 bytes", "Message too long"),
        Malformed::NotSignedData => ("Only support pkcs7_signedData type", ARGUMENT),
        Malformed::SignedDataVersion => ("Unsupported SignedData version", ARGUMENT),
        Malformed::ContentType => ("Unsupported data type", ARGUMENT),
        Malformed::SignerVersion => ("Unsupported SignerInfo version", ARGUMENT),
        Malformed::SignerVersionMismatch => ("SignedData-SignerInfo version mismatch", MESSAGE),
        Malformed::NoCertificate => ("an invalid certificate", MESSAGE),
        Malformed::MissingAttribute => ("Missing required AuthAttr", MESSAGE),
        Malformed::RepeatedAttribute => ("Repeated/multivalue AuthAttrs not permitted", KEY),
        Malformed::ContentTypeMismatch => ("Mismatch between global data type and sinfo", MESSAGE),
        Malformed::MessageDigest => ("a messageDigest that is not an octet string", MESSAGE),
        Malformed::AuthenticodeAttribute => {
            ("Authenticode AuthAttrs only allowed with Authenticode", KEY)
        }
        Malformed::AuthenticodeWithoutAttributes => ("Authenticode requires AuthAttrs", MESSAGE),
        Malformed::NoAlgorithm => ("a signer without an algorithm", MESSAGE),
        Malformed::NamelessSigner => ("a signer without a key identifier", ARGUMENT),
        Malformed::NoSigner => ("the PKCS#7 message has no signer", ARGUMENT),
        Malformed::InconsistentAttributes => ("Inconsistently supplied authAttrs", ARGUMENT),
        Malformed::Attached => ("PKCS#7 signature with non-detached data", MESSAGE),
        Malformed::NotData => ("Invalid module sig (not pkcs7-data)", KEY),
        Malformed::Time => ("an unsupported time format", MESSAGE),
        Malformed::CertificateAlgorithms => (
            "signatureAlgorithm differs from tbsCertificate.signature",
            ARGUMENT,
        ),
        Malformed::Curve => ("a key without its curve", MESSAGE),
        Malformed::SubjectKeyId => ("a damaged subjectKeyIdentifier", MESSAGE),
        Malformed::Constraints => ("a damaged keyUsage or basicConstraints", MESSAGE),
        Malformed::BitString => ("a bit string with unused bits", MESSAGE),
        Malformed::NoKey => ("no key", MESSAGE),
        Malformed::TwoIssuers => ("a certificate that names two issuers", KEY),
    };
    format!("{words} ({error})")
}
