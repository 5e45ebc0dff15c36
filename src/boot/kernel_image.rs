//! The file of a kernel as QEMU starts it.

use std::borrow::Cow;

use kernel_loader::arch::Arch;
use kernel_loader::module::compression;

/// The largest kernel, unpacked.
const LARGEST: u64 = 256 << 20;

/// Where the magic number of an x86 kernel stands (kernel,
/// Documentation/arch/x86/boot.rst, "header").
const X86_MAGIC: (usize, &[u8]) = (0x202, b"HdrS");
/// The same of an arm64 one (Documentation/arch/arm64/booting.rst, "magic").
const ARM64_MAGIC: (usize, &[u8]) = (56, b"ARM\x64");
/// The same of an s390x one (`arch/s390/boot/head.S`, `ep`).
const S390X_MAGIC: (usize, &[u8]) = (0x10008, b"S390EP");
/// The same of an EFI program that unpacks the kernel in it
/// (`drivers/firmware/efi/libstub/zboot-header.S`).
const ZBOOT_MAGIC: (usize, &[u8]) = (4, b"zimg");
/// The start of an old lz4 stream, which the kernel's build makes (`lz4 -l`).
const LZ4_LEGACY: [u8; 4] = 0x184C_2102_u32.to_le_bytes();
/// The most bytes of one block in it.
const LZ4_BLOCK: usize = 8 << 20;

/// The kernel of an architecture as QEMU starts it: an x86 kernel unpacks itself, those of
/// other architectures are unpacked here.
///
/// # Errors
/// Why it cannot be started.
pub(crate) fn bootable(bytes: &[u8], arch: Arch) -> Result<Cow<'_, [u8]>, String> {
    let image = match payload(bytes)? {
        Some(payload) => unpacked(payload)?,
        None if has(bytes, X86_MAGIC) => Cow::Borrowed(bytes),
        None => unpacked(bytes)?,
    };
    match arch_of(&image) {
        Some(found) if found == arch => Ok(image),
        Some(found) => Err(format!("it is a kernel for {found}, not for {arch}")),
        None => Err("QEMU cannot boot this kernel image".to_owned()),
    }
}

fn arch_of(image: &[u8]) -> Option<Arch> {
    let elf_machine = |image: &[u8]| Some(u16::from_le_bytes([*image.get(18)?, *image.get(19)?]));
    if has(image, X86_MAGIC) {
        Some(Arch::Amd64)
    } else if has(image, ARM64_MAGIC) {
        Some(Arch::Arm64)
    } else if has(image, S390X_MAGIC) {
        Some(Arch::S390x)
    } else if image.starts_with(b"\x7fELF")
        && elf_machine(image) == Some(Arch::Ppc64le.elf_machine())
    {
        Some(Arch::Ppc64le)
    } else {
        None
    }
}

fn has(bytes: &[u8], (at, magic): (usize, &[u8])) -> bool {
    bytes.get(at..at + magic.len()) == Some(magic)
}

/// The compressed kernel in an EFI program.
fn payload(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    if !bytes.starts_with(b"MZ") || !has(bytes, ZBOOT_MAGIC) {
        return Ok(None);
    }
    let field = |at: usize| {
        let field = bytes.get(at..at + 4)?;
        usize::try_from(u32::from_le_bytes(field.try_into().ok()?)).ok()
    };
    let payload = field(8).zip(field(12)).and_then(|(start, length)| {
        let end = start.checked_add(length)?;
        bytes.get(start..end)
    });
    payload
        .map(Some)
        .ok_or_else(|| "the compressed kernel in it is cut off".to_owned())
}

fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if bytes.starts_with(&LZ4_LEGACY) {
        return lz4_legacy(&bytes[LZ4_LEGACY.len()..])
            .map(Cow::Owned)
            .ok_or_else(|| "it cannot be unpacked: its lz4 data are damaged".to_owned());
    }
    compression::decompress_whole(bytes, LARGEST)
        .map_err(|_| "it cannot be unpacked: its data are damaged or too large".to_owned())
}

/// The blocks of an old lz4 stream, each with its length before it. What follows the last one
/// is the length of the whole, which the kernel's build appends.
fn lz4_legacy(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if after.is_empty() {
            break;
        }
        let block = after.get(..length)?;
        rest = &after[length..];
        lz4_block(block, &mut out)?;
        if out.len() as u64 > LARGEST {
            return None;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// One block of lz4 (lz4_Block_format.md): literals, then a copy of what is there already.
fn lz4_block(mut block: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    loop {
        let (&token, rest) = block.split_first()?;
        block = rest;
        let literals = length(usize::from(token >> 4), &mut block)?;
        out.extend(block.get(..literals)?);
        block = &block[literals..];
        if block.is_empty() {
            return Some(());
        }
        let (offset, rest) = block.split_first_chunk::<2>()?;
        block = rest;
        let offset = usize::from(u16::from_le_bytes(*offset));
        let copied = length(usize::from(token & 15), &mut block)? + 4;
        let from = out.len().checked_sub(offset).filter(|_| offset > 0)?;
        if from < start || out.len() - start + copied > LZ4_BLOCK {
            return None;
        }
        for at in from..from + copied {
            out.push(out[at]);
        }
    }
}

/// A length of four bits that more bytes may follow.
fn length(first: usize, block: &mut &[u8]) -> Option<usize> {
    let mut length = first;
    if first == 15 {
        loop {
            let (&more, rest) = block.split_first()?;
            *block = rest;
            length += usize::from(more);
            if length > LZ4_BLOCK {
                return None;
            }
            if more != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use kernel_loader::module::compression::Compression;

    use super::*;

    fn with(magic: (usize, &[u8]), length: usize) -> Vec<u8> {
        let mut image: Vec<u8> = (0..length).map(|at| (at / 7) as u8).collect();
        image[magic.0..magic.0 + magic.1.len()].copy_from_slice(magic.1);
        image
    }

    fn arm64() -> Vec<u8> {
        let mut image = with(ARM64_MAGIC, 9000);
        image[..4].copy_from_slice(b"MZ\0\0");
        image
    }

    fn zboot(payload: &[u8]) -> Vec<u8> {
        let mut program = vec![0; 512];
        program[..2].copy_from_slice(b"MZ");
        program[4..8].copy_from_slice(b"zimg");
        program[8..12].copy_from_slice(&512_u32.to_le_bytes());
        program[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        program.extend(payload);
        program.extend(b"the end");
        program
    }

    /// Literals only, as an encoder may write.
    fn lz4(plain: &[u8]) -> Vec<u8> {
        let mut block = vec![0xf0];
        let mut left = plain.len() - 15;
        while left >= 255 {
            block.push(255);
            left -= 255;
        }
        block.push(left as u8);
        block.extend(plain);
        let mut stream = LZ4_LEGACY.to_vec();
        stream.extend((block.len() as u32).to_le_bytes());
        stream.extend(block);
        stream.extend((plain.len() as u32).to_le_bytes());
        stream
    }

    #[test]
    fn every_kind_of_packing_is_unpacked_for_arm64() {
        let plain = arm64();
        let mut packed: Vec<Vec<u8>> = [Compression::Gzip, Compression::Xz, Compression::Zstd]
            .into_iter()
            .map(|kind| kind.compress(&plain).expect("a compressed kernel"))
            .collect();
        packed.push(lz4(&plain));
        packed.push(plain.clone());
        for packed in packed {
            for file in [zboot(&packed), packed] {
                let image = bootable(&file, Arch::Arm64).expect("a kernel");
                assert_eq!(image, plain);
            }
        }
    }

    #[test]
    fn an_x86_kernel_unpacks_itself_and_others_are_told_by_their_architecture() {
        let x86 = with(X86_MAGIC, 2000);
        assert_eq!(bootable(&x86, Arch::Amd64).as_deref(), Ok(&x86[..]));
        let why = bootable(&x86, Arch::Arm64).expect_err("another architecture");
        assert_eq!(why, "it is a kernel for amd64, not for arm64");
        let s390x = with(S390X_MAGIC, 70_000);
        assert_eq!(bootable(&s390x, Arch::S390x).as_deref(), Ok(&s390x[..]));
    }

    #[test]
    fn what_is_no_kernel_or_damaged_is_refused() {
        let cut = zboot(&arm64());
        let mut zeros = LZ4_LEGACY.to_vec();
        zeros.extend([4, 0, 0, 0, 0x10, 1, 0, 0]);
        for bytes in [
            &b""[..],
            b"MZ",
            b"text",
            &cut[..600],
            &zeros,
            b"\x1f\x8b\x08damaged",
            b"(\xb5/\xfddamaged",
        ] {
            assert!(bootable(bytes, Arch::Arm64).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn lz4_copies_what_is_there_already() {
        // "ab", then eight bytes from two back, then "c".
        let mut out = Vec::new();
        let block = [0x24, b'a', b'b', 2, 0, 0x10, b'c'];
        assert_eq!(lz4_block(&block, &mut out), Some(()));
        assert_eq!(
            out,
            b"ababababab\
                          c"
        );
    }
}
