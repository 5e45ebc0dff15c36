//! How the numbers of an ELF file are laid out: its class, byte order, header and section
//! table, and what every kernel's loader asks of them.

use crate::module::Invalid;
use crate::module::content::View;
use crate::module::elf::{SHF_ALLOC, SHT_NOBITS, SHT_NULL, SHT_SYMTAB};

/// Class and byte order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) is_64: bool,
    pub(super) little_endian: bool,
}

impl Reader {
    /// The class and byte order that a kernel reads the file in: its own, whatever `e_ident`
    /// says, which `elf_validity_check` does not look at. The machine tells whose they are.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let pair = |little_endian: bool| {
            let raw = [bytes[18], bytes[19]];
            if little_endian {
                u16::from_le_bytes(raw)
            } else {
                u16::from_be_bytes(raw)
            }
        };
        let (is_64, little_endian) = match (pair(true), pair(false)) {
            // EM_PPC64, EM_X86_64, EM_AARCH64, EM_RISCV.
            (21 | 62 | 183 | 243, _) => (true, true),
            // EM_PPC64 of old, EM_S390.
            (_, 21 | 22) => (true, false),
            // EM_386, EM_ARM.
            (3 | 40, _) => (false, true),
            _ => (bytes[4] != 1, bytes[5] != 2),
        };
        Self {
            is_64,
            little_endian,
        }
    }

    pub(super) fn uint<const N: usize>(self, bytes: &[u8], at: u64) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let raw = bytes.get(at..at.checked_add(N)?)?;
        let mut value = 0;
        for index in 0..N {
            let byte = if self.little_endian {
                raw[N - 1 - index]
            } else {
                raw[index]
            };
            value = value << 8 | u64::from(byte);
        }
        Some(value)
    }

    pub(super) fn half(self, bytes: &[u8], at: u64) -> Option<u16> {
        self.uint::<2>(bytes, at).map(|value| value as u16)
    }

    pub(super) fn word(self, bytes: &[u8], at: u64) -> Option<u32> {
        self.uint::<4>(bytes, at).map(|value| value as u32)
    }

    /// An address, offset or size: as wide as the class.
    pub(super) fn native(self, bytes: &[u8], at: u64) -> Option<u64> {
        if self.is_64 {
            self.uint::<8>(bytes, at)
        } else {
            self.uint::<4>(bytes, at)
        }
    }
}

/// Offsets in the ELF header that hang on the class.
pub(super) struct HeaderAt {
    pub(super) shoff: u64,
    pub(super) flags: u64,
    pub(super) shentsize: u64,
}

impl HeaderAt {
    pub(super) fn of(is_64: bool) -> Self {
        if is_64 {
            Self {
                shoff: 40,
                flags: 48,
                shentsize: 58,
            }
        } else {
            Self {
                shoff: 32,
                flags: 36,
                shentsize: 46,
            }
        }
    }
}

/// One entry of the section table, as it is written.
pub(super) struct RawSection {
    pub(super) name: u32,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) addr: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) info: u32,
    pub(super) align: u64,
}

impl RawSection {
    pub(super) fn read(reader: Reader, bytes: &[u8], at: u64) -> Option<Self> {
        let wide: u64 = if reader.is_64 { 8 } else { 4 };
        let link = at + 8 + 4 * wide;
        Some(Self {
            name: reader.word(bytes, at)?,
            kind: reader.word(bytes, at + 4)?,
            flags: reader.native(bytes, at + 8)?,
            addr: reader.native(bytes, at + 8 + wide)?,
            offset: reader.native(bytes, at + 8 + 2 * wide)?,
            size: reader.native(bytes, at + 8 + 3 * wide)?,
            link: reader.word(bytes, link)?,
            info: reader.word(bytes, link + 4)?,
            align: reader.native(bytes, link + 8)?,
        })
    }
}

/// The loop over the sections in `elf_validity_check`.
pub(super) fn check_sections(
    headers: &[RawSection],
    view: &View<'_>,
    names: u64,
) -> Result<(), Invalid> {
    let null = &headers[0];
    if null.kind != SHT_NULL || null.size != 0 || null.addr != 0 {
        return Err(Invalid::FirstSection { kind: null.kind });
    }
    let count = u32::try_from(headers.len()).unwrap_or(u32::MAX);
    for (index, section) in (0..).zip(headers).skip(1) {
        let (kind, link) = (section.kind, section.link);
        if matches!(kind, SHT_NULL | SHT_NOBITS) {
            continue;
        }
        if kind == SHT_SYMTAB && (link == 0 || link >= count) {
            return Err(Invalid::SymbolsLink { link, count });
        }
        // `validate_section_offset`
        if !view.has(section.offset, section.size) {
            return Err(Invalid::Section { index, kind });
        }
        if section.flags & SHF_ALLOC != 0 && u64::from(section.name) >= names {
            return Err(Invalid::SectionName { index, kind });
        }
    }
    Ok(())
}

/// The longest name that is read, in bytes; no kernel has symbols beyond `KSYM_NAME_LEN`
/// (512).
pub(super) const LONGEST_NAME: usize = 1024;

/// The NUL-terminated string at an offset; `None` outside of the table or where the bytes
/// are not UTF-8, which no name that the kernel exports is.
pub(crate) fn string_at(table: &[u8], at: u64) -> Option<&str> {
    std::str::from_utf8(bytes_at(table, at)?).ok()
}

/// The same, of any bytes.
pub(crate) fn bytes_at(table: &[u8], at: u64) -> Option<&[u8]> {
    let rest = table.get(usize::try_from(at).ok()?..)?;
    let near = &rest[..rest.len().min(LONGEST_NAME + 1)];
    let end = near
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(near.len());
    if end > LONGEST_NAME {
        return None;
    }
    Some(&near[..end])
}
