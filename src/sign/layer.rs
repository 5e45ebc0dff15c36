//! One image layer with a few files, written so that the same files give the same bytes.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::images::registry::digest;

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Path relative to the image root, no component of which is a symlink.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A finished layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The gzip-compressed archive.
    pub blob: Vec<u8>,
    /// Digest of the blob.
    pub digest: String,
    /// Digest of the archive before compression (OCI image spec, config.md, `diff_ids`).
    pub diff_id: String,
}

/// Archives the files in the order given, without times.
///
/// # Errors
/// A path is beyond what a tar archive takes.
pub(crate) fn write(files: &[File]) -> std::io::Result<Layer> {
    let mut archive = Builder::new(Vec::new());
    for file in files {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(file.mode & 0o7777);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_mtime(0);
        header.set_size(file.bytes.len() as u64);
        archive.append_data(&mut header, &file.path, &file.bytes[..])?;
    }
    let archive = archive.into_inner()?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&archive)?;
    let blob = encoder.finish()?;
    Ok(Layer {
        digest: digest::sha256(&blob),
        diff_id: digest::sha256(&archive),
        blob,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_layer_holds_its_files_and_is_reproducible() {
        let file = File {
            path: format!("opt/lib/modules/{}/a.ko", "k".repeat(120)),
            mode: 0o640,
            uid: 3,
            gid: 4,
            bytes: b"content".to_vec(),
        };
        let layer = write(std::slice::from_ref(&file)).expect("a layer");
        assert_eq!(
            layer,
            write(std::slice::from_ref(&file)).expect("the same layer")
        );
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&layer.blob[..]));
        let mut entries = archive.entries().expect("an archive");
        let mut entry = entries.next().expect("one entry").expect("a sound one");
        assert_eq!(entry.path().expect("a path").to_str(), Some(&*file.path));
        assert_eq!(entry.header().mode().ok(), Some(0o640));
        assert_eq!(entry.header().uid().ok(), Some(3));
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its content");
        assert_eq!(bytes, file.bytes);
        assert!(entries.next().is_none());
    }
}
