//! Unpacks the archive that `docker save` writes (an OCI layout since docker 25).

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};

use tar::{Archive, EntryType};

/// Writes the layout's files below `target`, which is made. Names that would leave it, and
/// everything that is no plain file, are passed over.
///
/// # Errors
/// The archive holds no OCI layout, or cannot be read or written.
pub fn oci_archive(archive: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir(target)?;
    for entry in Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let inside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside || entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = target.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        io::copy(&mut entry, &mut File::create(path)?)?;
    }
    fs::remove_file(archive)?;
    if target.join("index.json").is_file() {
        Ok(())
    } else {
        Err(io::Error::other(
            "this docker writes no OCI layout; docker 25 or newer does",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(folder: &Path, names: &[&str]) -> std::path::PathBuf {
        let path = folder.join("image.tar");
        let mut builder = tar::Builder::new(File::create(&path).expect("a file"));
        for name in names {
            let mut header = tar::Header::new_gnu();
            header.set_size(1);
            header.set_mode(0o644);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, &b"x"[..]).expect("an entry");
        }
        builder.finish().expect("an archive");
        path
    }

    #[test]
    fn a_layout_is_unpacked_and_nothing_leaves_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = archive(folder.path(), &["index.json", "blobs/sha256/00", "../out"]);
        let target = folder.path().join("layout");
        oci_archive(&path, &target).expect("a layout");
        assert!(target.join("blobs/sha256/00").is_file());
        assert!(!folder.path().join("out").exists());
        assert!(!path.exists());
    }

    #[test]
    fn an_older_dockers_archive_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = archive(folder.path(), &["manifest.json"]);
        let error = oci_archive(&path, &folder.path().join("layout")).expect_err("no layout");
        assert!(error.to_string().contains("docker 25"));
    }
}
