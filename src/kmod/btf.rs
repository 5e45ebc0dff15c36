//! A module's own type information, `.BTF` (`kernel/bpf/btf.c`), as far as the file alone tells
//! whether a kernel takes it.

/// `sizeof(struct btf_header)`
const HEADER: usize = 24;
/// `BTF_MAGIC`, read little-endian.
const MAGIC: u64 = 0xeb9f;
/// `BTF_MAX_NAME_OFFSET`
const MOST_NAMES: u64 = 0x00ff_ffff;

/// Why every kernel refuses the section, in the kernel's words (`btf_parse_hdr`,
/// `btf_check_sec_info`, `btf_parse_str_sec`, `btf_check_all_metas`). The types themselves are
/// checked against those of the kernel, which are in no package that tells about it.
pub(crate) fn fault(content: &[u8], little_endian: bool) -> Option<&'static str> {
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
        return Some("hdr_len not found");
    };
    let Some(header) = usize::try_from(length)
        .ok()
        .and_then(|length| content.get(..length))
    else {
        return Some("btf_header not found");
    };
    if header.iter().skip(HEADER).any(|byte| *byte != 0) {
        return Some("unsupported header fields are not zero");
    }
    // A shorter header is filled up with zeros.
    let field = |at: usize, width: usize| number(at, width).filter(|_| at + width <= header.len());
    if field(0, 2) != Some(MAGIC) {
        return Some("Invalid magic");
    }
    if field(2, 1) != Some(1) {
        return Some("Unsupported version");
    }
    if field(3, 1) != Some(0) {
        return Some("Unsupported flags");
    }
    let whole = (content.len() - header.len()) as u64;
    let mut parts = [8, 16].map(|at| {
        let part = |at| field(at, 4).unwrap_or(0);
        (part(at), part(at + 4))
    });
    let [(types, _), (names, names_length)] = parts;
    parts.sort_unstable();
    let mut total = 0;
    for (start, length) in parts {
        if start > whole {
            return Some("Invalid section offset");
        }
        if total < start {
            return Some("Unsupported section found");
        }
        if total > start {
            return Some("Section overlap found");
        }
        if whole - total < length {
            return Some("Total section length too long");
        }
        total += length;
    }
    if total != whole {
        return Some("Unsupported section found");
    }
    if names + names_length != whole {
        return Some("String section is not at the end");
    }
    if names_length > 0 && (names_length - 1 > MOST_NAMES || content.last() != Some(&0)) {
        return Some("Invalid string section");
    }
    (types % 4 != 0).then_some("Unaligned type_off")
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
            (good(), None),
            (Vec::new(), Some("hdr_len not found")),
            (good()[..20].to_vec(), Some("btf_header not found")),
            (with(0, 0), Some("Invalid magic")),
            (with(2, 2), Some("Unsupported version")),
            (with(3, 1), Some("Unsupported flags")),
            (with(4, 25), Some("Total section length too long")),
            (section([0, 12, 16, 2]), Some("Unsupported section found")),
            (section([0, 16, 12, 6]), Some("Section overlap found")),
            (
                section([0, 12, 12, 7]),
                Some("Total section length too long"),
            ),
            (section([99, 0, 0, 18]), Some("Invalid section offset")),
            (
                section([6, 12, 0, 6]),
                Some("String section is not at the end"),
            ),
            (good()[..41].to_vec(), Some("Total section length too long")),
            (with(41, b'x'), Some("Invalid string section")),
        ] {
            assert_eq!(fault(&bytes, true), expected, "{bytes:?}");
        }
        let mut swapped = good();
        for (start, length) in [(0, 2), (4, 4), (8, 4), (12, 4), (16, 4), (20, 4)] {
            swapped[start..start + length].reverse();
        }
        assert_eq!(fault(&swapped, false), None);
    }
}
