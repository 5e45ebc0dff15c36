//! A module's own type information, `.BTF` (`kernel/bpf/btf.c`), as far as the file alone tells
//! whether a kernel takes it.

use serde::{Deserialize, Serialize};

/// Why every kernel refuses the section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BtfFault {
    /// Too short for the header's length.
    NoLength,
    /// Too short for the header.
    NoHeader,
    /// Fields behind the header that a kernel knows are not zero.
    UnknownFields,
    /// Another magic number.
    Magic,
    /// Another version than 1.
    Version,
    /// Flags, of which there are none.
    Flags,
    /// A part starts outside of the section.
    Offset,
    /// Bytes that belong to no part.
    UnknownSection,
    /// Parts lie over each other.
    Overlap,
    /// A part ends outside of the section.
    TooLong,
    /// The names are not the last part.
    NamesNotLast,
    /// The names are too many, or have no end.
    Names,
    /// The types do not start at a multiple of four.
    Unaligned,
    /// There are no types, of those that others refer to.
    NoTypes,
}

/// Which types a section has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Types {
    /// Those of the module, which refer to others (`.BTF`).
    Own,
    /// Those that they refer to, where the module brings them (`.BTF.base`).
    Base,
}

/// `sizeof(struct btf_header)`
const HEADER: usize = 24;
/// `BTF_MAGIC`, read little-endian.
const MAGIC: u64 = 0xeb9f;
/// `BTF_MAX_NAME_OFFSET`
const MOST_NAMES: u64 = 0x00ff_ffff;

/// Makes the checks of every kernel (`btf_parse_hdr`,
/// `btf_check_sec_info`, `btf_parse_str_sec`, `btf_check_all_metas`). The types themselves are
/// checked against those of the kernel, which are in no package that tells about it.
pub(crate) fn check(content: &[u8], little_endian: bool, of: Types) -> Result<(), BtfFault> {
    let number = |at: usize, width: usize| -> Option<u64> {
        let bytes = content.get(at..at + width)?.iter();
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if little_endian {
            bytes.rev().fold(0, add)
        } else {
            bytes.fold(0, add)
        })
    };
    let Some(length) = number(4, 4) else {
        return Err(BtfFault::NoLength);
    };
    let Some(header) = usize::try_from(length)
        .ok()
        .and_then(|length| content.get(..length))
    else {
        return Err(BtfFault::NoHeader);
    };
    if header.iter().skip(HEADER).any(|byte| *byte != 0) {
        return Err(BtfFault::UnknownFields);
    }
    // A shorter header is filled up with zeros.
    let field = |at: usize, width: usize| number(at, width).filter(|_| at + width <= header.len());
    if field(0, 2) != Some(MAGIC) {
        return Err(BtfFault::Magic);
    }
    if field(2, 1) != Some(1) {
        return Err(BtfFault::Version);
    }
    if field(3, 1) != Some(0) {
        return Err(BtfFault::Flags);
    }
    let whole = (content.len() - header.len()) as u64;
    let mut parts = [8, 16].map(|at| {
        let part = |at| field(at, 4).unwrap_or(0);
        (part(at), part(at + 4))
    });
    let [(types, types_length), (names, names_length)] = parts;
    parts.sort_unstable();
    let mut total = 0;
    for (start, length) in parts {
        if start > whole {
            return Err(BtfFault::Offset);
        }
        if total < start {
            return Err(BtfFault::UnknownSection);
        }
        if total > start {
            return Err(BtfFault::Overlap);
        }
        if whole - total < length {
            return Err(BtfFault::TooLong);
        }
        total += length;
    }
    if total != whole {
        return Err(BtfFault::UnknownSection);
    }
    if names + names_length != whole {
        return Err(BtfFault::NamesNotLast);
    }
    if names_length > 0 && (names_length - 1 > MOST_NAMES || content.last() != Some(&0)) {
        return Err(BtfFault::Names);
    }
    let first_name = content.len() as u64 - names_length;
    if of == Types::Base && number(first_name as usize, 1) != Some(0) {
        return Err(BtfFault::Names);
    }
    if types % 4 != 0 {
        return Err(BtfFault::Unaligned);
    }
    if of == Types::Base && types_length == 0 {
        return Err(BtfFault::NoTypes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(fields: [u32; 4]) -> Vec<u8> {
        let mut bytes = vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
        bytes.extend(fields.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([0; 12]);
        bytes.extend(b"\0name\0");
        bytes
    }

    #[test]
    fn a_section_is_checked_as_btf_parse_hdr_does() {
        let good = || section([0, 12, 12, 6]);
        let with = |at: usize, value: u8| {
            let mut bytes = good();
            bytes[at] = value;
            bytes
        };
        for (bytes, expected) in [
            (good(), Ok(())),
            (Vec::new(), Err(BtfFault::NoLength)),
            (good()[..20].to_vec(), Err(BtfFault::NoHeader)),
            (with(0, 0), Err(BtfFault::Magic)),
            (with(2, 2), Err(BtfFault::Version)),
            (with(3, 1), Err(BtfFault::Flags)),
            (with(4, 25), Err(BtfFault::TooLong)),
            (section([0, 12, 16, 2]), Err(BtfFault::UnknownSection)),
            (section([0, 16, 12, 6]), Err(BtfFault::Overlap)),
            (section([0, 12, 12, 7]), Err(BtfFault::TooLong)),
            (section([99, 0, 0, 18]), Err(BtfFault::Offset)),
            (section([6, 12, 0, 6]), Err(BtfFault::NamesNotLast)),
            (good()[..41].to_vec(), Err(BtfFault::TooLong)),
            (with(41, b'x'), Err(BtfFault::Names)),
        ] {
            assert_eq!(check(&bytes, true, Types::Own), expected, "{bytes:?}");
        }
        let mut swapped = good();
        for (start, length) in [(0, 2), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4)] {
            swapped[start..start + length].reverse();
        }
        assert_eq!(check(&swapped, false, Types::Own), Ok(()));
    }

    #[test]
    fn types_that_others_refer_to_are_some_and_have_names() {
        let without_types = || {
            let mut bytes = section([0, 0, 0, 6]);
            bytes.drain(24..36);
            bytes
        };
        let mut odd_name = section([0, 12, 12, 6]);
        odd_name[36] = b'x';
        for (bytes, own, base) in [
            (section([0, 12, 12, 6]), Ok(()), Ok(())),
            (without_types(), Ok(()), Err(BtfFault::NoTypes)),
            (odd_name, Ok(()), Err(BtfFault::Names)),
        ] {
            assert_eq!(check(&bytes, true, Types::Own), own, "{bytes:?}");
            assert_eq!(check(&bytes, true, Types::Base), base, "{bytes:?}");
        }
    }
}
