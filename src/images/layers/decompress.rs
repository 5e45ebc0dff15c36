//! Layers as tar streams, whatever compresses them: their first bytes decide, since media
//! types are missing or wrong in the field.

use std::io::{self, BufRead, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::bufread::MultiGzDecoder;
use kernel_loader::module::compression::Compression;

/// Largest window of a zstd frame, as a power of two: eight times what RFC 8878 section
/// 3.1.1.1.2 asks of every decoder, and what writers of layers use at most.
pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 26;
/// The largest window that any number of decoders may have at a time.
const USUAL_WINDOW_LOG: u32 = 23;
/// Held while a stream with a larger window is read.
static WIDE_WINDOW: Mutex<()> = Mutex::new(());

const BZIP2: &[u8] = b"BZh";

/// The decompressed stream of a layer: plain, gzip (of several members too) or zstd (of
/// several frames, skippable ones included).
///
/// # Errors
/// The stream cannot be read, or is compressed in a way that no container runtime takes.
pub(crate) fn decompress<'a>(mut layer: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let start = layer.fill_buf()?;
    let compression = Compression::of(start);
    let skippable = start.len() >= 4 && start[0] & 0xf0 == 0x50 && start[1..4] == ZSKIP;
    if compression == Compression::Gzip {
        Ok(Box::new(MultiGzDecoder::new(layer)))
    } else if compression == Compression::Zstd || skippable {
        let alone = has_wide_window(start)
            .then(|| WIDE_WINDOW.lock().unwrap_or_else(PoisonError::into_inner));
        let mut decoder = zstd::stream::read::Decoder::with_buffer(layer)?;
        decoder.window_log_max(match alone {
            Some(_) => ZSTD_WINDOW_LOG_MAX,
            None => USUAL_WINDOW_LOG,
        })?;
        Ok(Box::new(Windowed {
            decoder,
            _alone: alone,
        }))
    } else if compression == Compression::Xz || start.starts_with(BZIP2) {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the layer is compressed with xz or bzip2, which is not a valid layer format",
        ))
    } else {
        Ok(Box::new(layer))
    }
}

/// A decoder, and the turn to have one with a wide window.
struct Windowed<R> {
    decoder: R,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl<R: Read> Read for Windowed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(into)
    }
}

/// True where a zstd stream does not begin with a frame whose window is a usual one (RFC 8878
/// section 3.1.1.1).
fn has_wide_window(start: &[u8]) -> bool {
    let Some([descriptor, window, ..]) = start.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd]) else {
        return true;
    };
    let is_single_segment = descriptor & 0x20 != 0;
    let (log, mantissa) = (u32::from(window >> 3) + 10, window & 7);
    is_single_segment || log + u32::from(mantissa > 0) > USUAL_WINDOW_LOG
}

/// Bytes 1 to 3 of a zstd skippable frame's magic number (RFC 8878 section 3.1.2).
const ZSKIP: [u8; 3] = [0x2a, 0x4d, 0x18];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).expect("a vector takes all");
        encoder.finish().expect("a vector takes all")
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        decompress(bytes)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn the_first_bytes_decide() {
        let zstd = |text: &[u8]| zstd::stream::encode_all(text, 1).expect("memory");
        let mut skippable = vec![0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        skippable.extend(zstd(b"one"));
        for (bytes, expected) in [
            (b"".to_vec(), &b""[..]),
            (b"plain".to_vec(), b"plain"),
            (gzip(b"one"), b"one"),
            ([gzip(b"one "), gzip(b"two")].concat(), b"one two"),
            (zstd(b"one"), b"one"),
            ([zstd(b"one "), zstd(b"two")].concat(), b"one two"),
            (skippable, b"one"),
        ] {
            assert_eq!(read(&bytes).expect("a good stream"), expected);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let whole = gzip(&[7; 5000]);
        let mut flipped = whole.clone();
        let last = flipped.len() - 5;
        flipped[last] ^= 1;
        for bytes in [
            &whole[..whole.len() - 6],
            &flipped,
            b"\xfd7zXZ\0\0",
            b"BZh91AY",
        ] {
            assert!(read(bytes).is_err());
        }
    }
}
