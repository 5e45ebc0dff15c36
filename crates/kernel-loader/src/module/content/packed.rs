//! Bytes that are held packed, piece by piece, so that some of them can be unpacked alone.

use std::fmt;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::module::LARGEST_MODULE;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;
/// zstd's level, chosen for speed: packing costs little more than fresh memory would.
const LEVEL: i32 = -5;

/// Bytes that were written one after another.
#[derive(Default)]
pub(super) struct Packed {
    /// Whole pieces behind one another; one that packing does not shorten as it is.
    pieces: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// What is no whole piece yet.
    open: Vec<u8>,
    compressor: Option<Compressor<'static>>,
    scratch: Vec<u8>,
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed")
            .field("length", &self.length())
            .finish_non_exhaustive()
    }
}

impl Packed {
    pub(super) fn length(&self) -> u64 {
        self.ends.len() as u64 * PIECE as u64 + self.open.len() as u64
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.pieces.len() + self.open.capacity() + self.scratch.capacity()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let first = &bytes[..bytes.len().min(PIECE - self.open.len())];
        self.open.reserve_exact(PIECE - self.open.len());
        self.open.extend_from_slice(first);
        if self.open.len() == PIECE {
            self.close()?;
        }
        Ok(first.len())
    }

    fn close(&mut self) -> io::Result<()> {
        if self.compressor.is_none() {
            self.compressor = Some(Compressor::new(LEVEL)?);
            self.scratch = Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE));
            // What is never written to takes no memory, and room that grew would leave its
            // smaller predecessors behind.
            self.pieces = Vec::with_capacity(usize::try_from(LARGEST_MODULE).unwrap_or_default());
        }
        if let Some(compressor) = &mut self.compressor {
            compressor.compress_to_buffer(&self.open, &mut self.scratch)?;
        }
        let piece = match self.scratch.len() < PIECE {
            true => &self.scratch,
            false => &self.open,
        };
        self.pieces.extend_from_slice(piece);
        self.ends.push(self.pieces.len());
        self.open.clear();
        Ok(())
    }

    /// The bytes from an offset up to another one, piece by piece.
    pub(super) fn each(&self, from: u64, to: u64, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        let mut decompressor = Decompressor::new()?;
        let mut unpacked = Vec::with_capacity(PIECE);
        let mut at = from;
        while at < to.min(self.length()) {
            let index = usize::try_from(at / PIECE as u64).unwrap_or(usize::MAX);
            let piece = match self.ends.get(index) {
                None => self.open.as_slice(),
                Some(end) => {
                    let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
                    let packed = &self.pieces[start..*end];
                    if packed.len() == PIECE {
                        packed
                    } else {
                        decompressor.decompress_to_buffer(packed, &mut unpacked)?;
                        &unpacked
                    }
                }
            };
            let first = at % PIECE as u64;
            let last = (to - at).saturating_add(first).min(piece.len() as u64);
            see(super::slice(piece, first, last).unwrap_or_default());
            at += last - first;
        }
        Ok(())
    }
}
