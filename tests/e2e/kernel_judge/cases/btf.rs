//! Type information, which kernels that allow a mismatch pass over and others do not.

use std::fs;

use super::super::case::Case;
use super::super::elf::{Elf, section};
use super::super::forge::Forge;

pub(crate) fn cases(forge: &Forge) -> Vec<Case> {
    let with = |name: &str, bytes: &[u8]| {
        let elf = forge.elf("kmm_good").contents(".comment", bytes);
        forge.edited(name, elf.rename_section(".comment", ".BTF").bytes)
    };
    let small = header([0, 0, 0, 1]);
    let edited = |at: usize, byte: u8| {
        let mut bytes = small.clone();
        bytes[at] = byte;
        bytes
    };
    let mut cases = vec![
        with("btf-without-types", &small),
        with("btf-magic", &edited(0, 0)),
        with("btf-version", &edited(2, 9)),
        with("btf-flags", &edited(3, 1)),
        with("btf-header-length", &edited(4, 200)),
        with("btf-strings-out", &edited(16, 200)),
        with("btf-string-without-end", &edited(24, b'x')),
        with("btf-of-three-bytes", &small[..3]),
        with("btf-empty", &[]),
    ];
    // Types that the module brings for its own to refer to, which kernels since 6.11 read.
    let int = [1, 1 << 24, 4, 0x0100_0020].map(u32::to_le_bytes).concat();
    let mut base = header([0, 16, 16, 5]);
    base.truncate(24);
    base.extend([&int[..], b"\0int\0"].concat());
    let with_base = |name: &str, base: &[u8]| {
        const PLACE: &str = ".note.gnu.build-id";
        let elf = forge.elf("kmm_good").contents(".comment", &small);
        let elf = elf.rename_section(".comment", ".BTF");
        let elf = elf.set_header(PLACE, section::TYPE, &[1]);
        let elf = elf.contents(PLACE, base);
        forge.edited(name, elf.rename_section(PLACE, ".BTF.base").bytes)
    };
    cases.extend([
        with_base("btf-base", &base),
        with_base("btf-base-magic", &[b"\0", &base[1..]].concat()),
        with_base("btf-base-without-types", &small),
    ]);
    // In-tree modules have some where the kernel has.
    let in_tree = forge.host().join("kernel/drivers/net/dummy.ko");
    let bytes = fs::read(&in_tree).unwrap_or_else(|_| {
        let packed = fs::read(in_tree.with_extension("ko.xz")).expect("dummy, packed or not");
        liblzma::decode_all(packed.as_slice()).expect("xz")
    });
    let dummy = Elf::new(&bytes);
    if dummy.find(".BTF").is_some() {
        let mut types = dummy.bytes[dummy.range(".BTF")].to_vec();
        cases.push(with("btf-of-another-module", &types));
        let middle = types.len() / 3;
        types[middle..middle + 8].fill(0xff);
        cases.push(with("btf-of-another-module-damaged", &types));
    }
    cases
}

/// A section with this layout and nothing but an empty name in it.
fn header(fields: [u32; 4]) -> Vec<u8> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    bytes.extend(fields.into_iter().flat_map(u32::to_le_bytes));
    bytes.push(0);
    bytes
}
