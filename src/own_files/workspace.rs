//! The private folder of a run: build storage, Secrets, credentials, results. It is removed
//! on every way out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::own_files::folder::OwnFolder;

/// What the names of such folders begin with.
const PREFIX: &str = "kmm-preflight-";
/// The file in it that a living run holds locked.
const LOCK: &str = "lock";

/// A folder that only its owner may enter.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: TempDir,
    /// Locked until the run ends, however it ends.
    _lock: File,
}

impl Workspace {
    /// A new folder below `$TMPDIR`, else `/var/tmp` (where container tools put what may be
    /// large), else the system's folder for temporary files.
    ///
    /// # Errors
    /// No such folder can be made.
    pub(crate) fn create() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        #[cfg(unix)]
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        #[cfg(unix)]
        builder.permissions(private);
        let folder = builder.tempdir_in(base())?;
        let lock = lock(folder.path())?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Where workspaces are made.
fn base() -> PathBuf {
    match std::env::var_os("TMPDIR") {
        Some(folder) => PathBuf::from(folder),
        None if cfg!(unix) && Path::new("/var/tmp").is_dir() => "/var/tmp".into(),
        None => std::env::temp_dir(),
    }
}

/// Makes the lock of a new workspace. It gets its name when it is locked, so that another run
/// never finds it unlocked while this one lives.
fn lock(folder: &Path) -> io::Result<File> {
    let made = folder.join("new");
    write_private(&made, b"")?;
    let lock = File::open(&made)?;
    lock.try_lock()?;
    fs::rename(&made, folder.join(LOCK))?;
    Ok(lock)
}

/// The workspaces of runs that were killed, each locked by this run now: whoever holds the
/// returned file may remove the folder. Only folders of this user are looked at.
pub(crate) fn left_by_dead_runs() -> Vec<(PathBuf, File)> {
    let entries = fs::read_dir(base()).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .filter_map(|entry| {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let lock = is_folder
                .then(|| OwnFolder::open(&path).ok()?.open_file(LOCK).ok())
                .flatten()?;
            lock.try_lock().ok()?;
            Some((path, lock))
        })
        .collect()
}

/// Removes a workspace with everything in it. Mounts that an ended builder left in the folder
/// are undone first, so that removing the folder removes nothing but what the run has made.
pub(crate) fn remove(path: &Path) {
    #[cfg(target_os = "linux")]
    unmount_below(path);
    if remove_all(path).is_err() {
        tracing::warn!("cannot remove {}", path.display());
    }
}

/// The workspace of a run: made when it is first asked for, gone when the run ends.
#[derive(Debug, Default)]
pub struct Scratch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    workspace: Option<Workspace>,
    folders: u64,
    ended: bool,
}

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Errors
    /// It cannot be made, or the run is over (`Interrupted`).
    pub fn folder(&self) -> io::Result<PathBuf> {
        let mut state = self.state();
        if state.ended {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let workspace = match state.workspace.take() {
            Some(workspace) => workspace,
            None => Workspace::create()?,
        };
        let path = workspace.path().join(state.folders.to_string());
        state.workspace = Some(workspace);
        state.folders += 1;
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Removes everything. No folder is given out afterwards.
    pub fn end(&self) {
        let workspace = {
            let mut state = self.state();
            state.ended = true;
            state.workspace.take()
        };
        drop(workspace);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        remove(self.folder.path());
    }
}

/// Build steps may leave folders that their owner cannot write, which only root can remove
/// as they are.
fn remove_all(path: &Path) -> io::Result<()> {
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    make_writable(path);
    fs::remove_dir_all(path)
}

fn make_writable(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(target_os = "linux")]
fn unmount_below(folder: &Path) {
    use rustix::mount::{UnmountFlags, unmount};

    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for mount in mounts_below(&text, folder).iter().rev() {
        let _ = unmount(mount, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

/// The mount points below a folder, in the order of `/proc/self/mountinfo` (proc(5)).
#[cfg(target_os = "linux")]
fn mounts_below(mountinfo: &str, folder: &Path) -> Vec<PathBuf> {
    mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|field| PathBuf::from(field.replace("\\040", " ").replace("\\134", "\\")))
        .filter(|point| point.starts_with(folder) && point != folder)
        .collect()
}

/// The path of an entry directly below a folder.
///
/// # Errors
/// The name is a path, or stands for another folder.
pub(crate) fn entry(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Ok(folder.join(name)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is not a valid file name"),
        )),
    }
}

/// Writes a file that only its owner may read.
///
/// # Errors
/// It cannot be written, or exists already.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_workspace_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt;

        let scratch = Scratch::default();
        let folder = scratch.folder().expect("a folder");
        let other = scratch.folder().expect("another folder");
        assert_ne!(folder, other);
        let root = folder.parent().expect("the workspace").to_owned();
        let locked = folder.join("locked");
        fs::create_dir(&locked).expect("a folder in it");
        write_private(&locked.join("key"), b"secret").expect("a file");
        let mode = |path: &Path| {
            let metadata = fs::metadata(path).expect("it exists");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(&root), 0o700);
        assert_eq!(mode(&locked.join("key")), 0o600);
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).expect("its owner");
        scratch.end();
        assert!(!root.exists());
        assert!(scratch.folder().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_of_a_living_run_is_not_left_over_and_that_of_a_dead_one_is() {
        let workspace = Workspace::create().expect("a workspace");
        let path = workspace.path().to_owned();
        let is_left = || {
            let left = left_by_dead_runs();
            left.iter().any(|(folder, _)| *folder == path)
        };
        assert!(!is_left());
        let Workspace {
            folder,
            _lock: lock,
        } = &workspace;
        lock.unlock().expect("as its process ends");
        assert!(is_left());
        remove(folder.path());
        assert!(!path.exists());
    }

    #[test]
    fn a_name_with_a_path_in_it_is_no_entry_of_a_folder() {
        let folder = Path::new("/w");
        assert_eq!(
            entry(folder, "tls.key").expect("a name"),
            Path::new("/w/tls.key")
        );
        for name in ["", ".", "..", "/x", "../x", "a/b", "a/", "a/..", "./a"] {
            assert!(entry(folder, name).is_err(), "{name:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn mounts_are_found_by_their_folder() {
        let text = "21 1 8:1 / / rw - ext4 /dev/sda rw\n\
                    30 21 0:30 / /var/tmp/x/merged rw - overlay overlay rw\n\
                    31 30 0:31 / /var/tmp/x/merged/a\\040b rw - tmpfs tmpfs rw\n\
                    32 21 0:32 / /var/tmp/xy rw - tmpfs tmpfs rw\n";
        assert_eq!(
            mounts_below(text, Path::new("/var/tmp/x")),
            [
                PathBuf::from("/var/tmp/x/merged"),
                PathBuf::from("/var/tmp/x/merged/a b")
            ]
        );
    }
}
