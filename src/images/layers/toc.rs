//! Tables of contents of layers (eStargz, stargz-snapshotter's `docs/estargz.md`; zstd:chunked,
//! containers/storage's `pkg/chunked`): what is in a layer, and where, without reading it.
//! Only a table whose digest the manifest names counts.

use std::io::{Read, Write};

use serde::Deserialize;

use crate::images::bounded::AtMost;
use crate::images::layers::decompress::decompress;
use crate::images::layers::tar_fault::TarFault;
use crate::images::layers::tar_stream::{Contents, Entry, Kind, TarStream};
use crate::images::open_image::LayerRef;

/// Most bytes of a table.
pub(crate) const MAX_TABLE: u64 = 16 << 20;
/// Most entries of a table, pieces of files included.
pub(crate) const MAX_ENTRIES: usize = 100_000;
/// Length of an eStargz footer.
pub(crate) const FOOTER: u64 = 51;

/// What zstd:chunked's annotations begin with, in newer releases and in older ones.
const ZSTD_CHUNKED: [&str; 2] = [
    "io.github.containers.zstd-chunked",
    "io.containers.zstd-chunked",
];

/// Where a layer's table of contents is, as its descriptor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TocPlace {
    /// The footer of the layer tells.
    EStargz {
        /// Digest of the table.
        digest: String,
    },
    /// At these bytes.
    ZstdChunked {
        /// First byte.
        from: u64,
        /// Length in bytes.
        length: u64,
        /// Digest of the compressed table.
        digest: String,
    },
}

impl TocPlace {
    /// The place that the annotations of a layer name.
    pub(crate) fn of(layer: &LayerRef) -> Option<Self> {
        let find = |name: &str| {
            let found = layer.annotations.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        if let Some(digest) = find("containerd.io/snapshot/stargz/toc.digest") {
            let digest = digest.to_owned();
            return Some(Self::EStargz { digest });
        }
        let of_chunked = |name: &str| {
            let found = ZSTD_CHUNKED.map(|prefix| find(&format!("{prefix}.{name}")));
            found.into_iter().flatten().next()
        };
        let digest = of_chunked("manifest-checksum")?.to_owned();
        let position = of_chunked("manifest-position")?;
        let mut numbers = position.split(':').map(str::parse::<u64>);
        let (from, length) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let fits = from.checked_add(length)? <= layer.size && length <= MAX_TABLE;
        fits.then_some(Self::ZstdChunked {
            from,
            length,
            digest,
        })
    }
}

/// The offset of the table in an eStargz layer, from its footer: a gzip header whose extra
/// field holds it in hexadecimal digits.
pub(crate) fn table_offset(footer: &[u8]) -> Option<u64> {
    let field = footer.get(12..)?.strip_prefix(b"SG\x16\x00")?;
    let digits = std::str::from_utf8(field.get(..16)?).ok()?;
    field[16..].starts_with(b"STARGZ").then_some(())?;
    u64::from_str_radix(digits, 16).ok()
}

/// The table in an eStargz layer's bytes from [`table_offset`] on: the content of the first
/// file of a tar archive.
pub(crate) fn estargz_table(bytes: &[u8]) -> Result<Vec<u8>, TarFault> {
    let mut tar = TarStream::new(decompress(bytes)?, MAX_TABLE);
    match tar.next_entry()? {
        // The holes of a sparse file take no bytes of the archive, and all of the memory.
        Some(entry) if entry.size > MAX_TABLE => Err(TarFault::Limit(format!(
            "the table of contents has {} bytes; the limit is {MAX_TABLE}",
            entry.size
        ))),
        Some(entry) if entry.name == "stargz.index.json" => tar.content(&entry, Vec::new()),
        _ => Err(damaged("the layer has no table of contents")),
    }
}

/// The table in its zstd frame.
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, TarFault> {
    let mut table = Vec::new();
    decompress(bytes)?.take(MAX_TABLE).read_to_end(&mut table)?;
    Ok(table)
}

/// A table of contents.
#[derive(Debug, Deserialize)]
pub(crate) struct Toc {
    entries: AtMost<TocEntry, MAX_ENTRIES>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TocEntry {
    name: String,
    r#type: String,
    size: u64,
    link_name: String,
    mode: i64,
    uid: u64,
    gid: u64,
    dev_major: u32,
    dev_minor: u32,
    digest: String,
    offset: u64,
    end_offset: u64,
    inner_offset: u64,
    chunk_size: u64,
    chunk_type: String,
}

/// One entry of a layer, with the pieces of the layer that its content is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) entry: Entry,
    /// Digest of the whole content.
    pub(crate) digest: String,
    pub(crate) pieces: Vec<Piece>,
}

/// A compressed piece of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First byte.
    pub(crate) from: u64,
    /// The byte after the last one that can belong to it.
    pub(crate) to: u64,
    /// Bytes before the content, once decompressed.
    pub(crate) skip: u64,
    /// Bytes of content; `None`: to the end.
    size: Option<u64>,
    /// All zeros, not stored.
    zeros: bool,
}

impl Toc {
    /// Reads a table.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TarFault> {
        serde_json::from_slice(json)
            .map_err(|fault| TarFault::Damaged(format!("the table of contents: {fault}")))
    }

    /// The entries of the layer, whose content ends at byte `end`.
    pub(crate) fn entries(self, end: u64) -> Vec<Listed> {
        let mut starts: Vec<u64> = self.entries.0.iter().map(|entry| entry.offset).collect();
        starts.push(end);
        starts.sort_unstable();
        let mut listed: Vec<Listed> = Vec::new();
        for toc in self.entries.0 {
            let next = starts.partition_point(|start| *start <= toc.offset);
            let to = match toc.end_offset {
                0 => starts.get(next).copied().unwrap_or(end),
                end_offset => end_offset,
            };
            let piece = Piece {
                from: toc.offset,
                to,
                skip: toc.inner_offset,
                size: match (toc.chunk_size, &*toc.r#type) {
                    (0, "reg") => Some(toc.size),
                    (0, _) => None,
                    (size, _) => Some(size),
                },
                zeros: toc.chunk_type == "zeros",
            };
            if toc.r#type == "chunk" {
                if let Some(last) = listed.last_mut() {
                    last.pieces.push(piece);
                }
                continue;
            }
            let kind = match &*toc.r#type {
                "reg" => Kind::File,
                "dir" => Kind::Dir,
                "symlink" => Kind::Symlink(toc.link_name),
                "hardlink" => Kind::Hardlink(toc.link_name),
                "char" => Kind::Char(toc.dev_major, toc.dev_minor),
                _ => Kind::Other,
            };
            let is_stored = kind == Kind::File && toc.size > 0;
            let mode = u32::try_from(toc.mode & 0o7777).unwrap_or_default();
            let owner = (toc.uid, toc.gid);
            listed.push(Listed {
                entry: Entry::new(toc.name, kind, toc.size, mode, owner),
                digest: toc.digest,
                pieces: is_stored.then_some(piece).into_iter().collect(),
            });
        }
        listed
    }
}

impl Listed {
    /// The content of a file from its pieces, each decompressed from its own bytes.
    pub(crate) fn content<'a>(
        &self,
        bytes_of: impl Fn(&Piece) -> &'a [u8],
    ) -> Result<Vec<u8>, TarFault> {
        let mut content = Vec::new();
        for piece in &self.pieces {
            let left = self.entry.size - content.len() as u64;
            let size = piece.size.unwrap_or(left).min(left);
            if piece.zeros {
                content.resize(content.len() + usize::try_from(size).unwrap_or_default(), 0);
                continue;
            }
            let mut stream = decompress(bytes_of(piece))?;
            std::io::copy(&mut stream.by_ref().take(piece.skip), &mut std::io::sink())?;
            stream.take(size).read_to_end(&mut content)?;
        }
        Ok(content)
    }
}

/// The content of a file that was fetched, or of none.
#[derive(Debug)]
pub(crate) struct Fetched<'a> {
    bytes: Option<&'a [u8]>,
    peeked: usize,
}

impl<'a> Fetched<'a> {
    pub(crate) fn of(bytes: impl Into<Option<&'a [u8]>>) -> Self {
        Self {
            bytes: bytes.into(),
            peeked: 0,
        }
    }
}

impl Contents for Fetched<'_> {
    fn peeked(&mut self, length: usize) -> Result<Vec<u8>, TarFault> {
        let rest = &self.bytes.unwrap_or_default()[self.peeked..];
        let start = &rest[..length.min(rest.len())];
        self.peeked += start.len();
        Ok(start.to_vec())
    }

    fn pour(
        &mut self,
        _entry: &Entry,
        _start: Vec<u8>,
        into: &mut impl Write,
    ) -> Result<(), TarFault> {
        let content = self.bytes;
        let content =
            content.ok_or_else(|| damaged("a file of the table of contents was not fetched"))?;
        Ok(into.write_all(content)?)
    }
}

fn damaged(message: &str) -> TarFault {
    TarFault::Damaged(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(annotations: &[(&str, &str)]) -> LayerRef {
        let annotations = annotations.iter();
        LayerRef {
            digest: String::new(),
            media_type: String::new(),
            size: 1000,
            annotations: annotations
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn annotations_say_where_the_table_is() {
        let checksum = "io.github.containers.zstd-chunked.manifest-checksum";
        let position = "io.github.containers.zstd-chunked.manifest-position";
        let digest = || "sha256:d".to_owned();
        for (annotations, expected) in [
            (&[][..], None),
            (
                &[("containerd.io/snapshot/stargz/toc.digest", "sha256:d")],
                Some(TocPlace::EStargz { digest: digest() }),
            ),
            (
                &[(checksum, "sha256:d"), (position, "900:80:700:1")],
                Some(TocPlace::ZstdChunked {
                    from: 900,
                    length: 80,
                    digest: digest(),
                }),
            ),
            (&[(checksum, "sha256:d"), (position, "900:180:700:1")], None),
            (&[(checksum, "sha256:d")], None),
        ] {
            assert_eq!(TocPlace::of(&layer(annotations)), expected);
        }
        let mut footer = vec![0; 12];
        footer.extend(b"SG\x16\x0000000000000001f0STARGZ");
        assert_eq!(table_offset(&footer), Some(0x1f0));
        assert_eq!(table_offset(&[0; 51]), None);
    }

    #[test]
    fn tables_list_entries_with_their_pieces() {
        let table = br#"{"version":1,"entries":[
            {"name":"d/","type":"dir","mode":493},
            {"name":"d/a","type":"reg","size":10,"offset":0,"chunkSize":6,"digest":"x"},
            {"name":"d/a","type":"chunk","offset":40,"chunkOffset":6},
            {"name":"d/b","type":"symlink","linkName":"a"},
            {"name":"d/e","type":"reg","size":0},
            {"name":"d/c","type":"reg","size":3,"offset":70}]}"#;
        let entries = Toc::parse(table).expect("a table").entries(100);
        let seen: Vec<_> = entries
            .iter()
            .map(|listed| {
                let pieces = listed.pieces.iter().map(|piece| (piece.from, piece.to));
                (&*listed.entry.name, pieces.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("d/", vec![]),
                ("d/a", vec![(0, 40), (40, 70)]),
                ("d/b", vec![]),
                ("d/e", vec![]),
                ("d/c", vec![(70, 100)]),
            ]
        );
        let content = entries[1].content(|piece| match piece.from {
            0 => &b"abcdefXX"[..],
            _ => b"ghijYY",
        });
        assert_eq!(content.expect("read"), b"abcdefghij");
    }

    #[test]
    fn a_table_of_countless_entries_is_not_read() {
        let table = |count: usize| format!(r#"{{"entries":[{}{{}}]}}"#, "{},".repeat(count));
        assert!(Toc::parse(table(1000).as_bytes()).is_ok());
        assert!(Toc::parse(table(MAX_ENTRIES).as_bytes()).is_err());
    }

    #[test]
    fn a_table_that_is_one_large_hole_is_not_made() {
        let record = |text: &str| {
            let length = text.len() + 4;
            assert!((10..100).contains(&length), "two digits");
            format!("{length} {text}\n")
        };
        let pax = ["GNU.sparse.major=0", "GNU.sparse.size=9000000000000000000"].map(record);
        let mut archive = Vec::new();
        for (kind, name, content) in [
            (tar::EntryType::XHeader, "pax", pax.concat()),
            (tar::EntryType::Regular, "stargz.index.json", String::new()),
        ] {
            let mut header = tar::Header::new_ustar();
            header.set_path(name).expect("a short name");
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_cksum();
            archive.extend_from_slice(header.as_bytes());
            archive.extend_from_slice(content.as_bytes());
            archive.resize(archive.len().next_multiple_of(512), 0);
        }
        let fault = estargz_table(&archive).expect_err("a hole");
        assert!(matches!(fault, TarFault::Limit(_)), "{fault}");
    }
}
