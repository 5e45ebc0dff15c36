//! The entries of a tar stream, in bounded memory: ustar, GNU and pax (POSIX.1-2024, "pax
//! Interchange Format"; GNU tar's manual, "Extensions" and "Sparse Formats"). What is
//! ambiguous is read as Go's `archive/tar` reads it, since container runtimes unpack with it.

use std::io::{self, Read, Seek, Write};

use tar::{EntryType, Header};

pub(crate) use crate::images::layers::tar_entry::{Entry, Kind};
use crate::images::layers::tar_extensions::{
    Extensions, MAX_EXTENSION, check_pieces, damaged, pairs, until_nul,
};
use crate::images::layers::tar_fault::TarFault;

const BLOCK: u64 = 512;

/// A tar stream at a header, or in the middle of an entry's content.
pub(crate) struct TarStream<R> {
    reader: R,
    /// Bytes of the current entry that were not read yet.
    content: u64,
    /// Padding after them.
    padding: u64,
    /// Bytes that may still be taken from the stream.
    budget: u64,
    limit: u64,
    scratch: Box<[u8]>,
}

impl<R> std::fmt::Debug for TarStream<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarStream")
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// Gives the content of the entry that was read last.
pub(crate) trait Contents {
    /// Its first bytes as they are stored; at most `length`.
    ///
    /// # Errors
    /// It cannot be read.
    fn peeked(&mut self, length: usize) -> Result<Vec<u8>, TarFault>;

    /// Writes all of it, after the bytes that [`Self::peeked`] took, with its holes filled.
    ///
    /// # Errors
    /// It cannot be read, or its sparse map contradicts itself.
    fn pour(
        &mut self,
        entry: &Entry,
        start: Vec<u8>,
        into: &mut impl Write,
    ) -> Result<(), TarFault>;

    /// All of it at once.
    ///
    /// # Errors
    /// As those of [`Self::pour`].
    fn content(&mut self, entry: &Entry, start: Vec<u8>) -> Result<Vec<u8>, TarFault> {
        let mut content = room(Vec::new(), entry, MOST_ROOM);
        self.pour(entry, start, &mut content)?;
        Ok(content)
    }
}

/// The room that is made at once for one file, in bytes.
const MOST_ROOM: usize = 128 << 20;

/// Room for a file, at most for `most` bytes of it. Memory is taken by what really arrives, not by
/// what the header promises: room that nothing was written to takes none. Room that grows by steps
/// would stay with the allocator's heap of each thread.
pub(crate) fn room(mut room: Vec<u8>, entry: &Entry, most: usize) -> Vec<u8> {
    room.reserve_exact(usize::try_from(entry.size).map_or(most, |size| size.min(most)));
    room
}

impl<R: Read> Contents for TarStream<R> {
    fn peeked(&mut self, length: usize) -> Result<Vec<u8>, TarFault> {
        Self::peeked(self, length)
    }

    fn pour(
        &mut self,
        entry: &Entry,
        start: Vec<u8>,
        into: &mut impl Write,
    ) -> Result<(), TarFault> {
        let Some(pieces) = &entry.pieces else {
            return self.stored(&start, into);
        };
        let length = usize::try_from(self.content).unwrap_or(MOST_ROOM);
        let mut stored = Vec::with_capacity(start.len() + length.min(MOST_ROOM));
        self.stored(&start, &mut stored)?;
        Ok(into.write_all(&with_holes(entry.size, pieces, &stored)?)?)
    }
}

impl<R: Read + Seek> TarStream<R> {
    /// The next entry, and the offset at which its content is stored. The content of the one
    /// before is passed over without being read.
    ///
    /// # Errors
    /// The archive is damaged, cut, or beyond a limit.
    pub(crate) fn next_place(&mut self) -> Result<Option<(Entry, u64)>, TarFault> {
        let left = self.content.checked_add(self.padding);
        let left = left.and_then(|left| i64::try_from(left).ok());
        let left = left.ok_or_else(|| damaged("a size in a tar header is too large"))?;
        self.reader.seek_relative(left)?;
        self.enter(0);
        match self.next_entry()? {
            Some(entry) => Ok(Some((entry, self.reader.stream_position()?))),
            None => Ok(None),
        }
    }
}

impl<R: Read> TarStream<R> {
    /// A stream of which at most `limit` bytes are read.
    pub(crate) fn new(reader: R, limit: u64) -> Self {
        Self {
            reader,
            content: 0,
            padding: 0,
            budget: limit,
            limit,
            scratch: vec![0; 128 * 1024].into_boxed_slice(),
        }
    }

    /// The next entry; what was not read of the one before is passed over.
    ///
    /// # Errors
    /// The archive is damaged, cut, or beyond a limit.
    pub(crate) fn next_entry(&mut self) -> Result<Option<Entry>, TarFault> {
        let mut extensions = Extensions::default();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let kind = header.entry_type();
            let size = header
                .entry_size()
                .map_err(|_| damaged("a size in a tar header is not a number"))?;
            match kind {
                EntryType::XHeader => {
                    let text = self.extension(size)?;
                    extensions.read_pax(&text)?;
                }
                EntryType::GNULongName => {
                    extensions.name = Some(until_nul(&self.extension(size)?));
                }
                EntryType::GNULongLink => {
                    extensions.link = Some(until_nul(&self.extension(size)?));
                }
                EntryType::XGlobalHeader => self.enter(size),
                _ => return self.entry(&header, extensions, size).map(Some),
            }
        }
    }

    fn entry(
        &mut self,
        header: &Header,
        extensions: Extensions,
        header_size: u64,
    ) -> Result<Entry, TarFault> {
        let link = extensions.link.unwrap_or_else(|| {
            let link = header.link_name_bytes();
            link.map(|name| String::from_utf8_lossy(&name).into_owned())
                .unwrap_or_default()
        });
        let name = extensions
            .name
            .unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
        let mut entry = Entry {
            name,
            kind: Kind::Other,
            size: extensions.size.unwrap_or(header_size),
            mode: header.mode().unwrap_or(0o644) & 0o7777,
            uid: extensions.uid.or(header.uid().ok()).unwrap_or_default(),
            gid: extensions.gid.or(header.gid().ok()).unwrap_or_default(),
            pieces: None,
        };
        let number = |value: io::Result<Option<u32>>| value.ok().flatten().unwrap_or_default();
        entry.kind = match header.entry_type() {
            EntryType::Link => Kind::Hardlink(link),
            EntryType::Symlink => Kind::Symlink(link),
            EntryType::Directory => Kind::Dir,
            EntryType::Char => {
                Kind::Char(number(header.device_major()), number(header.device_minor()))
            }
            EntryType::Block | EntryType::Fifo => Kind::Other,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            _ => {
                self.enter(entry.size);
                return Ok(entry);
            }
        };
        if entry.kind != Kind::File {
            // Such entries have no content, whatever their header's size says.
            entry.size = 0;
            return Ok(entry);
        }
        if entry.name.ends_with('/') {
            entry.kind = Kind::Dir;
        }
        self.enter(entry.size);
        if header.entry_type() == EntryType::GNUSparse {
            self.enter(0);
            self.gnu_sparse(header, &mut entry)?;
        } else if extensions.sparse_is_1_0 {
            let pieces = self.sparse_map_1_0()?;
            entry.pieces = Some(pieces);
        } else if extensions.sparse_size.is_some() {
            entry.pieces = Some(pairs(&extensions.sparse_pieces)?);
        }
        if let Some(name) = extensions.sparse_name {
            entry.name = name;
        }
        if let Some(pieces) = &entry.pieces {
            entry.size = extensions.sparse_size.unwrap_or(entry.size);
            check_pieces(pieces, entry.size, self.content)?;
        }
        Ok(entry)
    }

    /// The first bytes of the current file's content as it is stored; at most `length`.
    ///
    /// # Errors
    /// The stream breaks or ends.
    pub(crate) fn peeked(&mut self, length: usize) -> Result<Vec<u8>, TarFault> {
        let mut start = vec![0; length.min(usize::try_from(self.content).unwrap_or(length))];
        self.read_exact(&mut start)?;
        self.content -= start.len() as u64;
        Ok(start)
    }

    /// Writes the current file's content as it is stored, after the bytes that [`Self::peeked`]
    /// took.
    fn stored(&mut self, start: &[u8], into: &mut impl Write) -> Result<(), TarFault> {
        into.write_all(start)?;
        let mut piece = vec![0; self.scratch.len()];
        while self.content > 0 {
            let left = usize::try_from(self.content).unwrap_or(usize::MAX);
            let piece = &mut piece[..left.min(self.scratch.len())];
            self.read_exact(piece)?;
            self.content -= piece.len() as u64;
            into.write_all(piece)?;
        }
        Ok(())
    }

    /// Reads the stream to its end, so that what checks its compression has seen all of it.
    ///
    /// # Errors
    /// The stream breaks, its compression is damaged, or it is beyond the limit.
    pub(crate) fn drain(&mut self) -> Result<(), TarFault> {
        loop {
            let read = match self.reader.read(&mut self.scratch) {
                Ok(read) => read as u64,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => return Err(fault.into()),
            };
            if read == 0 {
                return Ok(());
            }
            self.spend(read)?;
        }
    }

    pub(crate) fn enter(&mut self, size: u64) {
        self.content = size;
        self.padding = size.wrapping_neg() % BLOCK;
    }

    fn skip(&mut self) -> Result<(), TarFault> {
        let mut left = self.content.saturating_add(self.padding);
        if left > self.budget {
            return Err(self.over());
        }
        self.budget -= left;
        while left > 0 {
            let step = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(self.scratch.len());
            match self.reader.read(&mut self.scratch[..step]) {
                // What is missing may be no more than the padding of the last file.
                Ok(0) if left <= self.padding => break,
                Ok(0) => return Err(damaged("the tar archive is truncated")),
                Ok(read) => left -= read as u64,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        self.enter(0);
        Ok(())
    }

    /// The next header block; `None` at the end of the archive, which is a block of zeros
    /// or the end of the stream.
    fn header(&mut self) -> Result<Option<Header>, TarFault> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let mut filled = 0;
        while filled < block.len() {
            match self.reader.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(damaged("the tar archive is truncated")),
                Ok(read) => filled += read,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        self.spend(BLOCK)?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum = |byte: fn(u8) -> i64| -> i64 {
            let around = bytes[..148].iter().chain(&bytes[156..]);
            around.map(|value| byte(*value)).sum::<i64>() + 8 * 32
        };
        let written = header.cksum().map(i64::from);
        // Some old writers summed signed bytes.
        if !written.is_ok_and(|written| {
            written == sum(i64::from) || written == sum(|byte| i64::from(byte.cast_signed()))
        }) {
            return Err(damaged("a tar header's checksum is wrong"));
        }
        Ok(Some(header))
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarFault> {
        if size > MAX_EXTENSION {
            return Err(TarFault::Limit(format!(
                "a tar header extension has {size} bytes; the limit is {MAX_EXTENSION}"
            )));
        }
        self.enter(size);
        let length = usize::try_from(size).unwrap_or_default();
        self.peeked(length)
    }

    pub(crate) fn read_exact(&mut self, into: &mut [u8]) -> Result<(), TarFault> {
        self.spend(into.len() as u64)?;
        self.reader
            .read_exact(into)
            .map_err(|fault| match fault.kind() {
                io::ErrorKind::UnexpectedEof if fault.get_ref().is_none() => {
                    damaged("the tar archive is truncated")
                }
                _ => TarFault::Io(fault),
            })
    }

    fn spend(&mut self, bytes: u64) -> Result<(), TarFault> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(self.over()),
        }
    }

    fn over(&self) -> TarFault {
        TarFault::Limit(format!(
            "the layer is larger than {} bytes when decompressed",
            self.limit
        ))
    }
}

/// The content of a sparse file, of which these pieces are stored.
fn with_holes(size: u64, pieces: &[(u64, u64)], stored: &[u8]) -> Result<Vec<u8>, TarFault> {
    let size = usize::try_from(size)
        .map_err(|_| TarFault::Limit("a file is larger than this machine's memory".into()))?;
    let mut whole = vec![0; size];
    let mut from = 0_usize;
    for &(offset, length) in pieces {
        let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
            return Err(damaged("the map of a sparse file is corrupt"));
        };
        let end = offset.checked_add(length);
        let target = end.and_then(|end| whole.get_mut(offset..end));
        let source = from.checked_add(length).and_then(|to| stored.get(from..to));
        let (Some(target), Some(source)) = (target, source) else {
            return Err(damaged("the map of a sparse file is corrupt"));
        };
        target.copy_from_slice(source);
        from += length;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;
