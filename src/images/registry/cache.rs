//! The layer cache: facts about content, kept on disk by its digest, so that a second run moves
//! no layer bytes. Entries of two runs can only be equal, and each is put in place whole. A
//! folder that others can write to is refused, and an entry is bound to what it is about.

mod sweep;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};

use aws_lc_rs::digest::{Context, SHA256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::images::registry::digest;
use crate::images::registry::folders;
use crate::own_files::folder::OwnFolder;
use crate::own_files::workspace::Workspace;

#[cfg(test)]
mod code_digest;
#[cfg(test)]
mod tests;

/// Digest of the code that reads layers, which `build.rs` makes: what other code learnt is not
/// found again, and the encoding of the entries, which does not describe itself, is this code's.
const READERS: &str = env!("LAYER_READER_DIGEST");

/// The largest entry that is kept and read, in bytes.
const LARGEST_ENTRY: u64 = 64 << 20;
/// The size that the folder is cut down to without `--cache-size`, in bytes.
pub(crate) const DEFAULT_SIZE: u64 = 1 << 30;

/// A folder of entries, or none.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: Option<PathBuf>,
    /// The folder, once it was found to be this user's own.
    folder: OnceLock<OwnFolder>,
    /// Beyond this size the oldest entries are removed, in bytes.
    size: u64,
    /// True once this run has added an entry.
    grown: AtomicBool,
    /// Holds a folder that lives as long as this run.
    _own: Option<Workspace>,
    warned: Once,
}

impl Cache {
    /// A cache in a folder, which is made when the first entry is written. What is oldest in it
    /// beyond `size` bytes is removed when the cache is dropped.
    pub(crate) fn in_dir(dir: &Path, size: u64) -> Self {
        Self::new(Some(dir.to_owned()), size, None)
    }

    fn new(dir: Option<PathBuf>, size: u64, own: Option<Workspace>) -> Self {
        Self {
            dir,
            folder: OnceLock::new(),
            size,
            grown: AtomicBool::new(false),
            _own: own,
            warned: Once::new(),
        }
    }

    /// A cache for this run alone.
    pub(crate) fn for_this_run() -> Self {
        match Workspace::create() {
            Ok(own) => Self::new(Some(own.path().to_owned()), u64::MAX, Some(own)),
            Err(fault) => {
                tracing::warn!("cannot create a temporary folder for the layer cache: {fault}");
                Self::new(None, 0, None)
            }
        }
    }

    /// The folder that users expect: `$XDG_CACHE_HOME`, `~/.cache`, on macOS
    /// `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
    pub(crate) fn default_dir() -> Option<PathBuf> {
        let base = folders::caches(&|name| std::env::var_os(name))?;
        Some(base.join("kubectl-kmm-preflight"))
    }

    /// What is known about content, of one kind; `None` when nothing is, or the entry is
    /// damaged.
    pub(crate) fn get<T: DeserializeOwned>(&self, kind: &str, digest: &str) -> Option<T> {
        let entry = entry(kind, digest)?;
        let bytes = self.read(&entry)?;
        let (sum, body) = bytes.split_at_checked(SUM)?;
        let intact = entry.sum(body).into_bytes() == sum;
        intact.then(|| postcard::from_bytes(body).ok()).flatten()
    }

    /// The size of an entry in bytes, 0 where there is none.
    pub(crate) fn size_of(&self, kind: &str, digest: &str) -> u64 {
        let path = self.dir.as_ref().zip(entry(kind, digest));
        let path = path.map(|(dir, entry)| dir.join(entry.path()));
        path.and_then(|path| std::fs::symlink_metadata(path).ok())
            .map_or(0, |entry| entry.len())
    }

    /// Keeps what is known. That it cannot be kept is worth a note and no more.
    pub(crate) fn put<T: Serialize>(&self, kind: &str, digest: &str, value: &T) {
        let Some(entry) = entry(kind, digest) else {
            return;
        };
        let written = postcard::to_stdvec(value)
            .map_err(io::Error::other)
            .and_then(|body| self.write(&entry, &[entry.sum(&body).as_bytes(), &body]));
        if let Err(fault) = written {
            self.note(&fault);
        }
    }

    /// A small document (a manifest by digest, a configuration) that was kept, verified.
    pub(crate) fn document(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = self.read(&entry(DOCUMENT, digest)?)?;
        digest::verify(digest, &bytes).then_some(bytes)
    }

    /// Keeps a small document, unless it is there undamaged.
    pub(crate) fn put_document(&self, digest: &str, bytes: &[u8]) {
        if let Some(entry) = entry(DOCUMENT, digest)
            && self.read(&entry).is_none_or(|known| known != bytes)
            && let Err(fault) = self.write(&entry, &[bytes])
        {
            self.note(&fault);
        }
    }

    /// An entry's bytes. An entry that is read is new again, so that those that nobody reads
    /// are removed first.
    fn read(&self, entry: &Entry) -> Option<Vec<u8>> {
        let folder = match self.folder.get() {
            Some(folder) => folder,
            None => match OwnFolder::open(self.dir.as_ref()?) {
                Ok(folder) => self.folder.get_or_init(|| folder),
                Err(fault) => {
                    if fault.kind() != io::ErrorKind::NotFound {
                        self.note(&fault);
                    }
                    return None;
                }
            },
        };
        folder
            .read(entry.path(), LARGEST_ENTRY)
            .inspect_err(|fault| tracing::debug!("cache: {fault}"))
            .ok()
    }

    fn write(&self, entry: &Entry, parts: &[&[u8]]) -> io::Result<()> {
        let Some(dir) = &self.dir else {
            return Ok(());
        };
        let size: usize = parts.iter().map(|part| part.len()).sum();
        if size as u64 > LARGEST_ENTRY {
            tracing::debug!(
                "cache: {} of {size} bytes is not kept",
                entry.path().display()
            );
            return Ok(());
        }
        self.grown.store(true, Ordering::Relaxed);
        let folder = OwnFolder::create(dir)?.subfolder(&entry.folder)?;
        folder.replace(&entry.file, parts)
    }

    fn note(&self, fault: &io::Error) {
        if let Some(dir) = &self.dir {
            self.warned.call_once(|| {
                tracing::warn!(
                    "Cannot use the cache {}, so every run reads every layer: {fault}. Pass \
                     another folder with --cache-dir, or --no-cache.",
                    dir.display()
                );
            });
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let (Some(dir), true) = (&self.dir, self.grown.load(Ordering::Relaxed))
            && let Ok(folder) = OwnFolder::open(dir)
        {
            sweep::sweep(folder.path(), self.size, is_current);
        }
    }
}

/// Where an entry is kept.
struct Entry {
    folder: String,
    file: String,
}

impl Entry {
    fn path(&self) -> PathBuf {
        Path::new(&self.folder).join(&self.file)
    }

    /// The checksum of a body, bound to what it is about: an entry under another name is
    /// damaged.
    fn sum(&self, body: &[u8]) -> String {
        let mut context = Context::new(&SHA256);
        for part in [&self.folder, "/", &self.file, "\n"] {
            context.update(part.as_bytes());
        }
        context.update(body);
        digest::text(context)
    }
}

/// The kind of entries that are what they are about, whatever the format of the others.
const DOCUMENT: &str = "document";

fn entry(kind: &str, digest: &str) -> Option<Entry> {
    let (algorithm, hex) = digest.split_once(':')?;
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_word(algorithm) || !is_word(hex) {
        return None;
    }
    Some(Entry {
        folder: match kind {
            DOCUMENT => kind.to_owned(),
            _ => format!("{kind}-{READERS}"),
        },
        file: format!("{algorithm}-{hex}"),
    })
}

/// True for a folder of entries of this code; `None` where it holds no entries at all.
fn is_current(folder: &str) -> Option<bool> {
    if folder == DOCUMENT {
        return Some(true);
    }
    let (_, digest) = folder.rsplit_once('-')?;
    let is_ours =
        digest.len() == READERS.len() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then_some(digest == READERS)
}

/// Length of a `sha256:…` text.
const SUM: usize = 7 + 64;
