//! Folders and files that belong to this program. What another user could have written is
//! neither believed nor written through.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file with a younger date keeps it when it is read.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// A folder that belongs to this user and that nobody else can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFolder {
    /// Without links.
    path: PathBuf,
}

impl OwnFolder {
    /// The folder, when it is there.
    ///
    /// # Errors
    /// It is absent (`NotFound`), or another user owns it or can write to it
    /// (`PermissionDenied`).
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = fs::canonicalize(path)?;
        refuse_writable_by_others(&path)?;
        Ok(Self { path })
    }

    /// The folder; where it is absent it is made, for this user only.
    ///
    /// # Errors
    /// It cannot be made, or as for [`Self::open`].
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        Self::open(path)
    }

    /// A folder below this one, made where it is absent.
    ///
    /// # Errors
    /// As for [`Self::create`], and where a link stands in its place.
    pub(crate) fn subfolder(&self, name: &str) -> io::Result<Self> {
        let path = self.path.join(name);
        let below = Self::create(&path)?;
        match below.path == path {
            true => Ok(below),
            false => Err(refused(&path, "is a link")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a regular file of this user below the folder, of at most `limit` bytes, and dates
    /// it now. Links are not followed, and a FIFO or device is not waited for.
    ///
    /// # Errors
    /// There is no such file, or it is larger.
    pub(crate) fn read(&self, name: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        let path = self.path.join(name);
        let file = open_regular(&path)?;
        let known = file.metadata()?;
        let age = known.modified().ok().and_then(|date| date.elapsed().ok());
        if age.is_none_or(|age| age > RECENT) {
            // A read-only file system keeps the old date.
            let _ = file.set_modified(SystemTime::now());
        }
        let size = usize::try_from(known.len().min(limit)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(size + 1);
        file.take(limit + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > limit {
            true => Err(refused(&path, &format!("is larger than {limit} bytes"))),
            false => Ok(bytes),
        }
    }

    /// Opens a regular file of this user below the folder for reading.
    ///
    /// # Errors
    /// There is no such file.
    pub(crate) fn open_file(&self, name: &str) -> io::Result<File> {
        open_regular(&self.path.join(name))
    }

    /// Writes a file so that others see all of it or nothing, in the place of whatever bears
    /// its name.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.persist(self.path.join(name))
            .map_err(|fault| fault.error)?;
        Ok(())
    }

    /// A new, empty file that only its owner may read, in the place of whatever bears its name.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new_file(&self, name: &str) -> io::Result<File> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }
}

fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} {why}", path.display()),
    )
}

#[cfg(unix)]
fn refuse_writable_by_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(path, "belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(refused(path, "can be written by other users"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_writable_by_others(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

#[cfg(unix)]
fn open_regular(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused(path, "is not a regular file"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused(path, "belongs to another user"));
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_regular(path: &Path) -> io::Result<File> {
    let metadata = fs::symlink_metadata(path)?;
    match metadata.is_file() {
        true => File::open(path),
        false => Err(refused(path, "is not a regular file")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata = fs::metadata(path).expect("it exists");
        metadata.permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_private_and_one_that_others_can_write_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("a/b");
        assert_eq!(
            OwnFolder::open(&path).map_err(|fault| fault.kind()).err(),
            Some(io::ErrorKind::NotFound)
        );
        let folder = OwnFolder::create(&path).expect("a folder");
        assert_eq!((mode(&path), mode(&root.path().join("a"))), (0o700, 0o700));
        folder.subfolder("kind").expect("a folder below");
        for writable in [0o770, 0o702] {
            fs::set_permissions(&path, fs::Permissions::from_mode(writable)).expect("its owner");
            let fault = OwnFolder::create(&path).expect_err("others can write");
            assert!(fault.to_string().contains("other users"), "{fault}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner");
        OwnFolder::create(&path).expect("others can only read");
        let file = root.path().join("file");
        fs::write(&file, "").expect("a file");
        assert!(OwnFolder::create(&file).is_err());
    }

    #[test]
    fn links_fifos_and_long_files_are_not_read_and_links_are_not_written_through() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = OwnFolder::create(&root.path().join("own")).expect("a folder");
        let outside = root.path().join("outside");
        fs::write(&outside, "precious").expect("a file");
        let at = |name: &str| folder.path().join(name);
        folder.replace("good", &[b"a", b"b"]).expect("written");
        assert_eq!(folder.read("good", 2).expect("read"), b"ab");
        assert!(folder.read("good", 1).is_err());
        symlink(&outside, at("link")).expect("a link");
        symlink(root.path(), at("folder")).expect("a link");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .expect("a FIFO");
        for name in ["link", "fifo", "folder", "absent"] {
            assert!(folder.read(name, 100).is_err(), "{name}");
        }
        assert!(folder.subfolder("folder").is_err());
        folder.replace("link", &[b"new"]).expect("replaced");
        assert_eq!(folder.read("link", 10).expect("a file now"), b"new");
        symlink(&outside, at("log")).expect("a link");
        let mut log = folder.new_file("log").expect("a new file");
        log.write_all(b"line").expect("written");
        assert_eq!(fs::read(&outside).expect("a file"), b"precious");
        assert_eq!(
            (fs::read(at("log")).expect("a file"), mode(&at("log"))),
            (b"line".to_vec(), 0o600)
        );
    }
}
