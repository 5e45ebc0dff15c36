//! The maps of sparse files in tar archives (GNU tar's manual, "Sparse Formats").

use std::io::Read;

use tar::Header;

use crate::images::layers::tar_extensions::{MAX_PIECES, damaged, pairs, too_many_pieces};
use crate::images::layers::tar_fault::TarFault;
use crate::images::layers::tar_stream::{Entry, TarStream};

impl<R: Read> TarStream<R> {
    /// The map of an old GNU sparse entry: four pieces in its header, more in the blocks
    /// that follow it.
    pub(crate) fn gnu_sparse(
        &mut self,
        header: &Header,
        entry: &mut Entry,
    ) -> Result<(), TarFault> {
        let stored = entry.size;
        let Some(gnu) = header.as_gnu() else {
            return Err(damaged("a sparse file without a GNU header"));
        };
        entry.size = gnu
            .real_size()
            .map_err(|_| damaged("the size of a sparse file is not a number"))?;
        let mut pieces = Vec::new();
        let mut add = |sparse: &tar::GnuSparseHeader| -> Result<(), TarFault> {
            if !sparse.is_empty() {
                let (Ok(offset), Ok(length)) = (sparse.offset(), sparse.length()) else {
                    return Err(damaged("the map of a sparse file is corrupt"));
                };
                pieces.push((offset, length));
            }
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        let mut blocks = 0;
        while more {
            blocks += 1;
            if blocks * 21 > MAX_PIECES {
                return Err(too_many_pieces());
            }
            let mut block = tar::GnuExtSparseHeader::new();
            self.read_exact(block.as_mut_bytes())?;
            block.sparse().iter().try_for_each(&mut add)?;
            more = block.is_extended();
        }
        entry.pieces = Some(pieces);
        self.enter(stored);
        Ok(())
    }

    /// The map of a pax 1.0 sparse entry: decimal lines before the content, padded to a
    /// whole block.
    pub(crate) fn sparse_map_1_0(&mut self) -> Result<Vec<(u64, u64)>, TarFault> {
        let mut numbers = Vec::new();
        let mut wanted = None;
        let mut digits = String::new();
        loop {
            let block = self.peeked(512)?;
            if block.len() < 512 {
                return Err(damaged("the map of a sparse file is truncated"));
            }
            for byte in block {
                if byte != b'\n' {
                    digits.push(char::from(byte));
                    if digits.len() > 20 {
                        return Err(damaged("the map of a sparse file is corrupt"));
                    }
                    continue;
                }
                let number: u64 = digits
                    .parse()
                    .map_err(|_| damaged("the map of a sparse file is corrupt"))?;
                digits.clear();
                match wanted {
                    None if number > MAX_PIECES as u64 => return Err(too_many_pieces()),
                    None => wanted = usize::try_from(number * 2).ok(),
                    Some(_) => numbers.push(number),
                }
                if wanted == Some(numbers.len()) {
                    return pairs(&numbers);
                }
            }
        }
    }
}
