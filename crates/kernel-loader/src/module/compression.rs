//! Compressed module files: kmod, or the kernel (`kernel/module/decompress.c`), decompresses a
//! module before it looks at anything in it (kmod, `libkmod-file.c`).

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use serde::{Deserialize, Serialize};

use crate::module::content::{Content, UNPACKED};
use crate::module::{ElfFault, Limit};

/// How much memory an xz dictionary may take, in bytes.
const XZ_MEMORY: u64 = 80 << 20;

/// Compression of a module file (kmod's `libkmod-file.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// A plain file.
    None,
    /// `.ko.gz`
    Gzip,
    /// `.ko.xz`
    Xz,
    /// `.ko.zst`
    Zstd,
}

impl Compression {
    /// The compression that the first bytes of a file show, whatever its name says.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x1f, 0x8b, ..] => Self::Gzip,
            _ => Self::None,
        }
    }

    /// The module compressed in a form that the kernel's own decompressor takes: xz with
    /// CRC32 and a dictionary of 1 MiB (`scripts/Makefile.modinst`), zstd with its size in
    /// the header.
    ///
    /// # Errors
    /// Out of memory in the compressor.
    pub fn compress(self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(plain.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Xz => {
                let mut options = LzmaOptions::new_preset(6)?;
                options.dict_size(1 << 20);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(plain, 19),
        }
    }
}

/// The uncompressed content of a file, at most `limit` bytes of it.
///
/// # Errors
/// The data are damaged (`Compression`), or larger than `limit` (`Limit`).
pub fn decompress(bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, ElfFault> {
    bytes_of(bytes, limit, Cut::Ends)
}

/// The same, where a gzip file that is cut off is damaged too: zlib's `gzread` gives kmod what
/// there is.
///
/// # Errors
/// As those of [`decompress`].
pub fn decompress_whole(bytes: &[u8], limit: u64) -> Result<Cow<'_, [u8]>, ElfFault> {
    bytes_of(bytes, limit, Cut::Fails)
}

/// The content that [`decompress`] gives, of which a large rest is held packed.
///
/// # Errors
/// As those of [`decompress`].
pub fn content(bytes: &[u8], limit: u64) -> Result<Content<'_>, ElfFault> {
    if Compression::of(bytes) == Compression::None {
        fits(bytes.len() as u64 <= limit, limit)?;
        return Ok(Content::of(bytes));
    }
    let mut content = Content::in_room(Vec::with_capacity(GIVEN_BACK), UNPACKED);
    unpack(bytes, limit, Cut::Ends, &mut content)?;
    Ok(content)
}

/// What a cut in the middle of gzip data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Ends,
    Fails,
}

fn bytes_of(bytes: &[u8], limit: u64, cut: Cut) -> Result<Cow<'_, [u8]>, ElfFault> {
    if Compression::of(bytes) == Compression::None {
        fits(bytes.len() as u64 <= limit, limit)?;
        return Ok(Cow::Borrowed(bytes));
    }
    let mut content = room(limit);
    unpack(bytes, limit, cut, &mut content)?;
    Ok(Cow::Owned(content))
}

/// Writes the uncompressed content of a compressed file.
fn unpack(bytes: &[u8], limit: u64, cut: Cut, into: &mut impl Write) -> Result<(), ElfFault> {
    let unpacked = match Compression::of(bytes) {
        Compression::None | Compression::Gzip => gunzip(bytes, limit, cut, into),
        Compression::Xz => Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)
            .map_err(io::Error::other)
            .and_then(|stream| copy(XzDecoder::new_stream(bytes, stream), limit, into).all()),
        Compression::Zstd => zstd::stream::read::Decoder::with_buffer(bytes)
            .and_then(|decoder| copy(decoder, limit, into).all()),
    };
    let length = unpacked.map_err(|error| ElfFault::Compression(error.to_string().into()))?;
    fits(length <= limit, limit)
}

fn fits(fits: bool, limit: u64) -> Result<(), ElfFault> {
    match fits {
        true => Ok(()),
        false => Err(Limit::Size(limit).into()),
    }
}

/// The first bytes of the uncompressed content, at most `length`, of a file that may be cut.
pub fn start(bytes: &[u8], length: usize) -> Vec<u8> {
    fn first(mut stream: impl Read, length: usize) -> Vec<u8> {
        let mut content = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match stream.read(&mut content[filled..]) {
                Ok(read) if read > 0 => filled += read,
                // What was read before the cut counts.
                _ => break,
            }
        }
        content.truncate(filled);
        content
    }
    match Compression::of(bytes) {
        Compression::None => bytes[..bytes.len().min(length)].to_vec(),
        Compression::Gzip => first(flate2::bufread::GzDecoder::new(bytes), length),
        Compression::Xz => Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)
            .map(|stream| first(XzDecoder::new_stream(bytes, stream), length))
            .unwrap_or_default(),
        Compression::Zstd => zstd::stream::read::Decoder::with_buffer(bytes)
            .map(|decoder| first(decoder, length))
            .unwrap_or_default(),
    }
}

/// Every member of a gzip file; like `gzread`, what follows the last one is ignored.
fn gunzip(bytes: &[u8], limit: u64, cut: Cut, into: &mut impl Write) -> io::Result<u64> {
    let mut rest = bytes;
    let mut length = 0;
    while rest.starts_with(&[0x1f, 0x8b]) && length <= limit {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        let copied = copy(&mut member, limit - length, into);
        length += match cut {
            Cut::Ends => copied.until_cut(),
            Cut::Fails => copied.all(),
        }?;
        rest = member.into_inner();
    }
    Ok(length)
}

/// How many bytes of a stream were written, and why no more.
struct Copied(u64, io::Result<()>);

impl Copied {
    fn all(self) -> io::Result<u64> {
        self.1.map(|()| self.0)
    }

    /// Where the data are cut off, zlib's `gzread` gives what there is, and then says that the
    /// file ends.
    fn until_cut(self) -> io::Result<u64> {
        match self.1 {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(self.0),
        }
    }
}

/// Writes a stream up to the first byte beyond `limit`.
fn copy(mut stream: impl Read, limit: u64, into: &mut impl Write) -> Copied {
    let mut buffer = vec![0; 64 << 10];
    let mut copied = 0;
    while copied <= limit {
        let step = match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(step) => step,
            Err(fault) => return Copied(copied, Err(fault)),
        };
        if let Err(fault) = into.write_all(&buffer[..step]) {
            return Copied(copied, Err(fault));
        }
        copied += step as u64;
    }
    Copied(copied, Ok(()))
}

/// Room of this size goes back to the system at once: glibc maps it alone, however much was freed
/// before (`DEFAULT_MMAP_THRESHOLD_MAX`), and keeps less in the heap of each thread.
const GIVEN_BACK: usize = UNPACKED + (1 << 20);

/// Room for content of up to `limit` bytes. What is never written to takes no memory, and a large
/// buffer that grew would leave its smaller predecessors behind.
fn room(limit: u64) -> Vec<u8> {
    const LARGE: u64 = 8 << 20;
    match usize::try_from(limit.saturating_add(1)) {
        Ok(size) if limit > LARGE => Vec::with_capacity(size),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const CONTENT: &[u8] = b"module module module module";

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    fn xz(content: &[u8]) -> Vec<u8> {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn every_form_that_kmod_knows_is_read() {
        let zstd = zstd::stream::encode_all(CONTENT, 1).expect("memory");
        for (bytes, compression) in [
            (CONTENT.to_vec(), Compression::None),
            (gzip(CONTENT), Compression::Gzip),
            (xz(CONTENT), Compression::Xz),
            (zstd, Compression::Zstd),
        ] {
            assert_eq!(Compression::of(&bytes), compression);
            let content = decompress(&bytes, 1024).expect("undamaged data");
            assert_eq!(&*content, CONTENT, "{compression:?}");
            assert_eq!(start(&bytes, 6), b"module", "{compression:?}");
            assert!(start(&bytes[..bytes.len() / 2], 200).len() < CONTENT.len());
            let fault = decompress(&bytes, 5).expect_err("beyond the limit");
            assert_eq!(fault, Limit::Size(5).into(), "{compression:?}");
        }
    }

    #[test]
    fn gzip_members_are_joined_and_what_follows_them_is_ignored() {
        let mut bytes = gzip(b"one ");
        bytes.extend(gzip(b"two"));
        bytes.extend(b"trailing");
        assert_eq!(&*decompress(&bytes, 100).expect("two members"), b"one two");
    }

    #[test]
    fn gzip_gives_what_stands_before_a_cut() {
        let whole = gzip(CONTENT);
        let without_end = &whole[..whole.len() - 8];
        assert_eq!(
            &*decompress(without_end, 100).expect("the content"),
            CONTENT
        );
        assert_eq!(&*decompress(&whole[..10], 100).expect("no content"), b"");
        let mut damaged = whole.clone();
        let at = whole.len() - 8;
        damaged[at] ^= 1;
        assert!(decompress(&damaged, 100).is_err());
    }

    #[test]
    fn damaged_data_are_told_from_large_ones() {
        for bytes in [xz(CONTENT)[..20].to_vec(), vec![0x28, 0xb5, 0x2f, 0xfd, 1]] {
            let fault = decompress(&bytes, 1024).expect_err("damaged data");
            assert!(matches!(fault, ElfFault::Compression(_)), "{fault:?}");
        }
    }

    #[test]
    fn every_compression_is_undone() {
        let plain = b"\x7fELF a module, a module, a module".repeat(100);
        for compression in [
            Compression::None,
            Compression::Gzip,
            Compression::Xz,
            Compression::Zstd,
        ] {
            let file = compression.compress(&plain).expect("memory enough");
            assert_eq!(Compression::of(&file), compression);
            assert_eq!(
                decompress_whole(&file, 10_000).ok().as_deref(),
                Some(&plain[..]),
                "{compression:?}"
            );
        }
    }

    #[test]
    fn damaged_data_is_an_error() {
        for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let mut file = compression.compress(&[7; 5000]).expect("memory enough");
            file.truncate(file.len() / 2);
            assert!(decompress_whole(&file, 10_000).is_err(), "{compression:?}");
        }
    }
}
