//! What was learnt about content, kept on disk by its digest, so that a second run moves no
//! layer bytes. Entries of two runs can only be equal, and each is put in place whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Once;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::images::registry::digest;
use crate::images::registry::folders;

#[cfg(test)]
mod code_digest;
#[cfg(test)]
mod tests;

/// Digest of the code that reads layers, which `build.rs` makes: what other code learnt is not
/// found again, and the encoding of the entries, which does not describe itself, is this code's.
const READERS: &str = env!("LAYER_READER_DIGEST");

/// A folder of entries, or none.
#[derive(Debug, Default)]
pub struct Cache {
    dir: Option<PathBuf>,
    /// Holds a folder that lives as long as this run.
    _own: Option<tempfile::TempDir>,
    warned: Option<Once>,
}

impl Cache {
    /// A cache in a folder, which is made when the first entry is written.
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.to_owned()),
            _own: None,
            warned: Some(Once::new()),
        }
    }

    /// A cache for this run alone.
    pub fn for_this_run() -> Self {
        match tempfile::Builder::new().prefix("kmm-preflight-").tempdir() {
            Ok(own) => Self {
                dir: Some(own.path().to_owned()),
                _own: Some(own),
                warned: Some(Once::new()),
            },
            Err(fault) => {
                tracing::warn!("no temporary folder for what is learnt of layers: {fault}");
                Self::default()
            }
        }
    }

    /// The folder that users expect: `$XDG_CACHE_HOME`, `~/.cache`, on macOS
    /// `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
    pub fn default_dir() -> Option<PathBuf> {
        let base = folders::caches(&|name| std::env::var_os(name))?;
        Some(base.join("kubectl-kmm-preflight"))
    }

    /// What is known about content, of one kind; `None` when nothing is, or the entry is
    /// damaged.
    pub fn get<T: DeserializeOwned>(&self, kind: &str, digest: &str) -> Option<T> {
        let bytes = fs::read(self.entry(kind, digest)?).ok()?;
        let (sum, body) = bytes.split_at_checked(SUM)?;
        let intact = digest::sha256(body).into_bytes() == sum;
        intact.then(|| postcard::from_bytes(body).ok()).flatten()
    }

    /// Keeps what is known. That it cannot be kept is worth a note and no more.
    pub fn put<T: Serialize>(&self, kind: &str, digest: &str, value: &T) {
        let Some(path) = self.entry(kind, digest) else {
            return;
        };
        let written = postcard::to_stdvec(value)
            .map_err(std::io::Error::other)
            .and_then(|body| write_whole(&path, &[digest::sha256(&body).as_bytes(), &body]));
        if let Err(fault) = written {
            self.note(&fault);
        }
    }

    /// A small document (a manifest by digest, a configuration) that was kept, verified.
    pub fn document(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.entry("document", digest)?).ok()?;
        digest::verify(digest, &bytes).then_some(bytes)
    }

    /// Keeps a small document, unless it is there undamaged.
    pub fn put_document(&self, digest: &str, bytes: &[u8]) {
        if let Some(path) = self.entry("document", digest)
            && fs::read(&path).map_or(true, |known| known != bytes)
            && let Err(fault) = write_whole(&path, &[bytes])
        {
            self.note(&fault);
        }
    }

    fn entry(&self, kind: &str, digest: &str) -> Option<PathBuf> {
        let (algorithm, hex) = digest.split_once(':')?;
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_word(algorithm) || !is_word(hex) {
            return None;
        }
        let kind = match kind {
            "document" => kind.to_owned(),
            _ => format!("{kind}-{READERS}"),
        };
        Some(
            self.dir
                .as_ref()?
                .join(kind)
                .join(format!("{algorithm}-{hex}")),
        )
    }

    fn note(&self, fault: &std::io::Error) {
        if let (Some(once), Some(dir)) = (&self.warned, &self.dir) {
            once.call_once(|| {
                tracing::warn!(
                    "nothing is kept in the cache {}, so the next run reads every layer again: \
                     {fault}; name another folder with --cache-dir, or use --no-cache",
                    dir.display()
                );
            });
        }
    }
}

/// Length of a `sha256:…` text.
const SUM: usize = 7 + 64;

/// Writes a file so that others see all of it or nothing.
fn write_whole(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let Some(dir) = path.parent() else {
        return Err(std::io::Error::other("no folder"));
    };
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(path).map_err(|fault| fault.error)?;
    Ok(())
}
