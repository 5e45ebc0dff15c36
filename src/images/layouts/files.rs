//! The files of a layout: in a folder, or in tar archives that are read where they lie.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use tempfile::TempPath;

use crate::images::layers::decompress::decompress;
use crate::images::layers::layer_limits;
use crate::images::layers::tar_entry::Kind;
use crate::images::layers::tar_stream::TarStream;
use crate::images::registry::fault::{Fault, FaultKind};

/// Most files of one archive.
pub(crate) const MAX_FILES: usize = 1 << 18;
/// Most bytes of the names of all files of one archive, and of one of them.
pub(crate) const MAX_NAMES: usize = 48 << 20;
const MAX_NAME: usize = 4096;
/// Most bytes of a compressed archive when it is decompressed.
const MAX_UNPACKED: u64 = 256 << 30;
/// How many links in a row are followed.
const MAX_LINKS: usize = 8;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;
/// What is read of a blob at a time.
const BUFFER: usize = 256 << 10;

/// The files of a layout under their names, `/` between folders.
#[derive(Debug)]
pub(super) struct Files {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Folder(PathBuf),
    Archive(Archive),
}

/// A tar archive whose headers were read.
#[derive(Debug)]
struct Archive {
    /// What the user named.
    named: PathBuf,
    /// What is read: the same, or what it was decompressed to.
    path: PathBuf,
    files: BTreeMap<String, Stored>,
    links: BTreeMap<String, String>,
    /// Holds what a compressed archive was decompressed to.
    _unpacked: Option<TempPath>,
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy)]
struct Stored {
    at: u64,
    size: u64,
}

/// A file before it is opened.
struct StoredFile {
    /// The file on disk that has it.
    path: PathBuf,
    stored: Stored,
    shown: String,
}

/// A file that was opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// Its size in bytes.
    pub(super) size: u64,
    file: File,
    /// For messages.
    shown: String,
}

impl Opened {
    /// Its content.
    pub(super) fn stream(self) -> impl BufRead + Send + 'static {
        BufReader::with_capacity(BUFFER, self.file.take(self.size))
    }

    /// Its whole content, of at most `limit` bytes.
    pub(super) fn read(self, limit: u64) -> Result<Vec<u8>, Fault> {
        if self.size > limit {
            let message = format!("{} is larger than {limit} bytes", self.shown);
            return Err(Fault::new(FaultKind::Unreadable, message));
        }
        let mut bytes = Vec::new();
        let read = self.file.take(self.size).read_to_end(&mut bytes);
        read.map_err(|fault| unreadable(&self.shown, &fault))?;
        Ok(bytes)
    }
}

impl Files {
    /// The files of a folder, of an archive, or of a folder of `oc mirror`'s archives, whose
    /// parts hold blobs of one another.
    ///
    /// # Errors
    /// There is no such file or folder, or an archive is damaged.
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let kind =
            fs::metadata(path).map_err(|fault| unreadable(&path.display().to_string(), &fault))?;
        if !kind.is_dir() {
            let archive = Archive::open(path)?;
            return Ok(Self {
                parts: vec![Part::Archive(archive)],
            });
        }
        let mut parts = vec![Part::Folder(path.to_owned())];
        for archive in mirror_archives(path)? {
            parts.push(Part::Archive(Archive::open(&archive)?));
        }
        Ok(Self { parts })
    }

    /// True when there is a file of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.place(name).is_some())
    }

    /// A file; `None` when there is none of that name.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn get(&self, name: &str) -> Result<Option<Opened>, Fault> {
        let Some(place) = self.parts.iter().find_map(|part| part.place(name)) else {
            return Ok(None);
        };
        let open = || {
            let mut file = File::open(&place.path)?;
            file.seek(SeekFrom::Start(place.stored.at))?;
            Ok(file)
        };
        Ok(Some(Opened {
            size: place.stored.size,
            file: open().map_err(|fault| unreadable(&place.shown, &fault))?,
            shown: place.shown,
        }))
    }

    /// The names of all files, and links to files, below a folder, but for those below folders
    /// that are left out.
    pub(super) fn below(&self, folder: &str, is_left_out: impl Fn(&str) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        for part in &self.parts {
            match part {
                Part::Folder(root) => walk(root, folder, &is_left_out, MAX_DEPTH, &mut names),
                Part::Archive(archive) => {
                    let prefix = format!("{folder}/");
                    let is_kept = |name: &&String| !name.split('/').any(&is_left_out);
                    let inside = archive.files.range(prefix.clone()..).map(|(name, _)| name);
                    let inside = inside.take_while(|name| name.starts_with(&prefix));
                    names.extend(inside.filter(is_kept).cloned());
                    let links = archive.links.range(prefix.clone()..).map(|(name, _)| name);
                    let links = links.take_while(|name| name.starts_with(&prefix));
                    let links = links.filter(|name| part.place(name).is_some());
                    names.extend(links.filter(is_kept).cloned());
                }
            }
        }
        names
    }
}

impl Part {
    fn place(&self, name: &str) -> Option<StoredFile> {
        match self {
            Self::Folder(root) => {
                let path = Path::new(name);
                let is_inside = path
                    .components()
                    .all(|part| matches!(part, Component::Normal(_)));
                let path = root.join(path);
                let file = fs::metadata(&path).ok().filter(|_| is_inside)?;
                let size = file.is_file().then_some(file.len())?;
                Some(StoredFile {
                    shown: path.display().to_string(),
                    path,
                    stored: Stored { at: 0, size },
                })
            }
            Self::Archive(archive) => {
                let mut name = name.to_owned();
                for _ in 0..MAX_LINKS {
                    match archive.links.get(&name) {
                        Some(target) => name.clone_from(target),
                        None => break,
                    }
                }
                Some(StoredFile {
                    stored: *archive.files.get(&name)?,
                    path: archive.path.clone(),
                    shown: format!("{name} of {}", archive.named.display()),
                })
            }
        }
    }
}

impl Archive {
    /// Reads the headers of an archive and passes over its contents. A compressed one has no
    /// places to go to, so it is decompressed to a temporary file first.
    fn open(path: &Path) -> Result<Self, Fault> {
        let fault = |fault: std::io::Error| unreadable(&path.display().to_string(), &fault);
        let mut file = BufReader::new(File::open(path).map_err(fault)?);
        let unpacked = match is_compressed(file.fill_buf().map_err(fault)?) {
            true => Some(unpack(path, file)?),
            false => None,
        };
        let stored_in = unpacked.as_deref().unwrap_or(path).to_owned();
        let file = File::open(&stored_in).map_err(fault)?;
        let length = file.metadata().map_err(fault)?.len();
        let damaged = |why: &str| {
            let message = format!("{} is not a tar archive: {why}", path.display());
            Fault::new(FaultKind::Unreadable, message)
        };
        let mut tar = TarStream::new(BufReader::new(file), u64::MAX);
        let (mut files, mut links) = (BTreeMap::new(), BTreeMap::new());
        let mut names = 0;
        while let Some((entry, at)) = tar
            .next_place()
            .map_err(|fault| damaged(&fault.to_string()))?
        {
            if files.len() + links.len() >= MAX_FILES {
                return Err(damaged(&format!("it has more than {MAX_FILES} files")));
            }
            let target = match &entry.kind {
                Kind::Symlink(target) | Kind::Hardlink(target) => target.len(),
                _ => 0,
            };
            names += entry.name.len() + target;
            if names > MAX_NAMES || entry.name.len().max(target) > MAX_NAME {
                return Err(damaged("its files have names that are too long"));
            }
            let Some(name) = inside("", &entry.name) else {
                continue;
            };
            let target = match &entry.kind {
                Kind::File if entry.pieces.is_none() => {
                    let size = entry.size;
                    if at.checked_add(size).is_none_or(|end| end > length) {
                        return Err(damaged("it is truncated"));
                    }
                    links.remove(&name);
                    files.insert(name, Stored { at, size });
                    continue;
                }
                Kind::Symlink(target) => {
                    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                    inside(folder, target)
                }
                Kind::Hardlink(target) => inside("", target),
                _ => None,
            };
            if let Some(target) = target {
                links.insert(name, target);
            }
        }
        Ok(Self {
            named: path.to_owned(),
            path: stored_in,
            files,
            links,
            _unpacked: unpacked,
        })
    }
}

/// A name as it is looked up, from the root of the archive; `None` for what leads out of it.
fn inside(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// gzip and zstd, which tools pack whole archives with.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

fn unpack(path: &Path, file: impl BufRead) -> Result<TempPath, Fault> {
    let fault = |fault: std::io::Error| {
        let message = format!("{} cannot be decompressed: {fault}", path.display());
        Fault::new(FaultKind::Unreadable, message)
            .hint("Decompress it first, or make more space in the temporary folder ($TMPDIR).")
    };
    let mut unpacked = tempfile::NamedTempFile::new().map_err(fault)?;
    let size = fs::metadata(path).map_err(fault)?.len();
    let most = layer_limits::unpacked(size).min(MAX_UNPACKED);
    let mut stream = decompress(file).map_err(fault)?.take(most);
    let length = std::io::copy(&mut stream, &mut unpacked).map_err(fault)?;
    if length == most {
        let message = format!("it has more than {most} bytes when decompressed");
        return Err(fault(std::io::Error::other(message)));
    }
    Ok(unpacked.into_temp_path())
}

/// `mirror_000001.tar` and those that follow it (oc-mirror, `archiveFileNameFormat`).
fn mirror_archives(folder: &Path) -> Result<Vec<PathBuf>, Fault> {
    let entries =
        fs::read_dir(folder).map_err(|fault| unreadable(&folder.display().to_string(), &fault))?;
    let mut archives: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("mirror_") && name.ends_with(".tar")
        })
        .map(|entry| entry.path())
        .collect();
    archives.sort();
    Ok(archives)
}

fn walk(
    root: &Path,
    folder: &str,
    is_left_out: &impl Fn(&str) -> bool,
    depth: usize,
    names: &mut Vec<String>,
) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = format!("{folder}/{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 && !is_left_out(&name) => {
                walk(root, &path, is_left_out, depth - 1, names);
            }
            Ok(kind) if kind.is_file() => names.push(path),
            Ok(kind) if kind.is_symlink() && root.join(&path).is_file() => names.push(path),
            _ => {}
        }
    }
}

fn unreadable(shown: &str, fault: &std::io::Error) -> Fault {
    Fault::new(
        FaultKind::Unreadable,
        format!("{shown} cannot be read: {fault}"),
    )
}
