//! What precedes a tar entry's header and speaks about it: pax records, GNU long names, and the
//! maps of sparse files.

use crate::images::layers::tar_fault::TarFault;

/// Most bytes of one pax header or GNU long name.
pub(crate) const MAX_EXTENSION: u64 = 1 << 20;
/// Most pieces of one sparse file.
pub(crate) const MAX_PIECES: usize = 1 << 16;

/// What pax headers and GNU long names say of the entry that follows them.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) name: Option<String>,
    pub(crate) link: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) uid: Option<u64>,
    pub(crate) gid: Option<u64>,
    pub(crate) sparse_name: Option<String>,
    pub(crate) sparse_size: Option<u64>,
    pub(crate) sparse_pieces: Vec<u64>,
    pub(crate) sparse_is_1_0: bool,
}

impl Extensions {
    /// Takes the records of a pax header: `LENGTH KEY=VALUE\n`.
    pub(crate) fn read_pax(&mut self, mut text: &[u8]) -> Result<(), TarFault> {
        while !text.is_empty() {
            let bad = || damaged("a pax header is corrupt");
            let space = text.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
            let length: usize = std::str::from_utf8(&text[..space])
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(bad)?;
            let record = text.get(space + 1..length).ok_or_else(bad)?;
            let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
            let equals = record
                .iter()
                .position(|byte| *byte == b'=')
                .ok_or_else(bad)?;
            let key = String::from_utf8_lossy(&record[..equals]);
            let value = String::from_utf8_lossy(&record[equals + 1..]);
            self.set(&key, &value)?;
            text = &text[length..];
        }
        Ok(())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), TarFault> {
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| damaged(&format!("pax record {key} is not a number")))
        };
        match key {
            "path" => self.name = Some(value.to_owned()),
            "linkpath" => self.link = Some(value.to_owned()),
            "size" => self.size = Some(number()?),
            "uid" => self.uid = value.parse().ok(),
            "gid" => self.gid = value.parse().ok(),
            "GNU.sparse.name" => self.sparse_name = Some(value.to_owned()),
            "GNU.sparse.size" | "GNU.sparse.realsize" => self.sparse_size = Some(number()?),
            "GNU.sparse.major" => self.sparse_is_1_0 = value == "1",
            "GNU.sparse.offset" | "GNU.sparse.numbytes" => self.sparse_pieces.push(number()?),
            "GNU.sparse.map" if !value.is_empty() => {
                for part in value.split(',') {
                    let part = part.parse();
                    let part = part.map_err(|_| damaged("the map of a sparse file is corrupt"))?;
                    self.sparse_pieces.push(part);
                }
            }
            _ => {}
        }
        if self.sparse_pieces.len() > 2 * MAX_PIECES {
            return Err(too_many_pieces());
        }
        Ok(())
    }
}

/// The pieces of a sparse file are in order, inside the file, and as many bytes as stored.
pub(crate) fn check_pieces(pieces: &[(u64, u64)], size: u64, stored: u64) -> Result<(), TarFault> {
    let mut end = 0;
    let mut sum = 0_u64;
    for &(offset, length) in pieces {
        let next = offset.checked_add(length).filter(|next| *next <= size);
        let (true, Some(next)) = (offset >= end, next) else {
            return Err(damaged("the map of a sparse file is corrupt"));
        };
        end = next;
        sum += length;
    }
    if sum == stored {
        Ok(())
    } else {
        Err(damaged(
            "the map of a sparse file does not match its content",
        ))
    }
}

pub(crate) fn pairs(numbers: &[u64]) -> Result<Vec<(u64, u64)>, TarFault> {
    if !numbers.len().is_multiple_of(2) {
        return Err(damaged("the map of a sparse file is corrupt"));
    }
    Ok(numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect())
}

pub(crate) fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

pub(crate) fn damaged(message: &str) -> TarFault {
    TarFault::Damaged(message.to_owned())
}

pub(crate) fn too_many_pieces() -> TarFault {
    TarFault::Limit(format!("a sparse file of more than {MAX_PIECES} pieces"))
}
