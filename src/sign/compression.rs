//! Compressed modules. kmod, or the kernel (`kernel/module/decompress.c`), decompresses a
//! module before it looks for the signature (`module_sig_check` sees the plain file), so the
//! signature belongs inside: what follows the compressed data is never read.

use std::io::{Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

/// Modules beyond this size (bytes) are not decompressed; the largest drivers that are
/// shipped are well below it.
const LARGEST: u64 = 512 << 20;

/// How a module file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip
    Gzip,
    /// xz
    Xz,
    /// zstd
    Zstd,
}

impl Compression {
    /// Tells by the first bytes, as `kmod_file_open` does.
    pub fn of(file: &[u8]) -> Self {
        match file {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The plain module.
    ///
    /// # Errors
    /// The data is damaged, or beyond the limit.
    pub fn decompress(self, file: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        let read = match self {
            Self::None => {
                plain.extend_from_slice(file);
                file.len() as u64
            }
            Self::Gzip => bounded(MultiGzDecoder::new(file), &mut plain)?,
            Self::Xz => bounded(XzDecoder::new(file), &mut plain)?,
            Self::Zstd => bounded(zstd::stream::read::Decoder::new(file)?, &mut plain)?,
        };
        if read > LARGEST {
            return Err(std::io::Error::other(format!(
                "more than {LARGEST} bytes when decompressed"
            )));
        }
        Ok(plain)
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

fn bounded(reader: impl Read, plain: &mut Vec<u8>) -> std::io::Result<u64> {
    Ok(reader.take(LARGEST + 1).read_to_end(plain)? as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                compression.decompress(&file).ok().as_deref(),
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
            assert!(compression.decompress(&file).is_err(), "{compression:?}");
        }
    }
}
