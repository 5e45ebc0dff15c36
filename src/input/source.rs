//! Reads what `-f` names.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;

use crate::error::Error;
use crate::input::url;
use crate::model::report::Origin;

/// The most bytes of one file, URL or standard input.
pub(crate) const MAX_BYTES: u64 = 32 << 20;
/// The most bytes of all that one `-f` names, and of all `-f` together.
pub(crate) const MAX_TOTAL: u64 = 64 << 20;
/// The most files of one folder.
const MAX_FILES: usize = 10_000;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;

/// One file's, URL's or stream's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Where it came from.
    pub place: TextSource,
    /// The text.
    pub text: String,
    /// It was found in a folder that `-f` names.
    pub found: bool,
    /// Its bytes are no text: what can be read of them.
    pub is_damaged: bool,
}

/// Where a text came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextSource {
    /// A file.
    File(PathBuf),
    /// A URL without its credentials, or `-`.
    Stream(String),
}

impl TextSource {
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stream(name) => name.clone(),
        }
    }

    /// The origin of a document of this text; both count from 1.
    pub fn origin(&self, document: usize, line: usize) -> Origin {
        match self {
            Self::File(path) => Origin::File {
                path: path.clone(),
                document,
                line,
            },
            Self::Stream(name) => Origin::Stream {
                name: name.clone(),
                document,
                line,
            },
        }
    }
}

/// Reads every file, folder (its `.yaml`, `.yml` and `.json` files, at any depth), URL and
/// `-` that `-f` names. `authorities` are trusted besides the system's.
///
/// # Errors
/// One of them cannot be read; a folder without such files.
pub(crate) async fn read(
    names: &[OsString],
    authorities: &[CertificateDer<'static>],
) -> Result<Vec<Text>, Error> {
    let mut texts = Vec::new();
    let mut left = MAX_TOTAL;
    for name in names {
        let url = name
            .to_str()
            .filter(|name| name.starts_with("https://") || name.starts_with("http://"));
        if let Some(url) = url {
            texts.push(url::read(url, authorities).await?);
        } else {
            let name = name.clone();
            texts.extend(aside("reading -f", move || read_local(&name, left)).await?);
        }
        let total: usize = texts.iter().map(|text: &Text| text.text.len()).sum();
        left = MAX_TOTAL
            .checked_sub(total as u64)
            .ok_or_else(|| unreadable("-f", &too_large(MAX_TOTAL)))?;
    }
    Ok(texts)
}

/// Works on a thread that may wait for a pipe or a slow disk, so that the task goes on to hear
/// signals and time limits.
///
/// # Errors
/// What the work gives, or that it ended in a fault of this program.
pub(crate) async fn aside<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|fault| {
            Err(Error::Input {
                message: format!("internal error in {what}: {fault}"),
                hint: String::new(),
            })
        })
}

/// The texts of a file, a folder or standard input, of at most `left` bytes together.
fn read_local(name: &OsStr, mut left: u64) -> Result<Vec<Text>, Error> {
    if name == "-" {
        let mut bytes = Vec::new();
        std::io::stdin()
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable("standard input", &error.to_string()))?;
        return Ok(vec![
            text(TextSource::Stream("-".to_owned()), bytes)?.intact()?,
        ]);
    }
    let path = Path::new(name);
    let kind = fs::metadata(path).map_err(|error| not_there(path, &error))?;
    if !kind.is_dir() {
        return Ok(vec![read_file(path.to_owned())?.intact()?]);
    }
    let mut files = Vec::new();
    find_files(path, 0, &mut files)?;
    if files.is_empty() {
        return Err(Error::Input {
            message: format!(
                "{}: no .yaml, .yml or .json file in this folder",
                path.display()
            ),
            hint: "Pass the folder with the Modules' manifests.".to_owned(),
        });
    }
    let mut texts = Vec::new();
    for file in files {
        let text = read_file(file)?;
        left = left
            .checked_sub(text.text.len() as u64)
            .ok_or_else(|| unreadable(&path.display().to_string(), &too_large(MAX_TOTAL)))?;
        texts.push(Text {
            found: true,
            ..text
        });
    }
    Ok(texts)
}

fn too_large(limit: u64) -> String {
    format!("larger than {} MiB", limit >> 20)
}

fn find_files(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(unreadable(
            &dir.display().to_string(),
            &format!("folders are nested deeper than {MAX_DEPTH}"),
        ));
    }
    let fault = |error: std::io::Error| unreadable(&dir.display().to_string(), &error.to_string());
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(fault)? {
        entries.push(entry.map_err(fault)?.path());
    }
    entries.sort();
    for path in entries {
        let is_manifest = path
            .extension()
            .is_some_and(|ext| ext == "yaml" || ext == "yml" || ext == "json");
        if path.is_dir() {
            // A link to a folder may lead back up.
            if !path.is_symlink() {
                find_files(&path, depth + 1, files)?;
            }
        } else if is_manifest {
            if files.len() == MAX_FILES {
                let why = format!("more than {MAX_FILES} files");
                return Err(unreadable(&dir.display().to_string(), &why));
            }
            files.push(path);
        }
    }
    Ok(())
}

fn read_file(path: PathBuf) -> Result<Text, Error> {
    let mut bytes = Vec::new();
    fs::File::open(&path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| not_there(&path, &error))?;
    text(TextSource::File(path), bytes)
}

pub(super) fn text(place: TextSource, bytes: Vec<u8>) -> Result<Text, Error> {
    let name = place.name();
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(&name, &too_large(MAX_BYTES)));
    }
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (text, is_damaged) = match decoded(&bytes) {
        Some(text) => (text, false),
        None => (lossy(&bytes), true),
    };
    Ok(Text {
        place,
        text,
        found: false,
        is_damaged,
    })
}

impl Text {
    /// The text, where its bytes are one.
    ///
    /// # Errors
    /// They are not.
    pub(crate) fn intact(self) -> Result<Self, Error> {
        match self.is_damaged {
            true => Err(unreadable(
                &self.place.name(),
                "neither UTF-8 nor UTF-16 text",
            )),
            false => Ok(self),
        }
    }
}

/// The text of bytes: UTF-16 where its byte order mark says so, as go-yaml and so kubectl reads
/// it, else UTF-8. Marks at the start of a line are those of files that were put together.
fn decoded(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        _ => std::str::from_utf8(bytes).ok()?.to_owned(),
    };
    Some(match text.contains("\n\u{feff}") {
        true => text.replace("\n\u{feff}", "\n"),
        false => text,
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: Option<String> = char::decode_utf16(units).map(Result::ok).collect();
    text.filter(|_| rest.is_empty())
}

fn not_there(path: &Path, error: &std::io::Error) -> Error {
    unreadable(&path.display().to_string(), &error.to_string())
}

pub(super) fn unreadable(name: &str, why: &str) -> Error {
    Error::Input {
        message: format!("{name}: {why}"),
        hint: "Pass a file, a folder, a URL, or - for standard input.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_at_any_depth_and_in_order() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(dir.path().join("b/c")).expect("folders");
        for name in ["z.yaml", "a.txt", "b/c/x.yml", "b/y.json"] {
            fs::write(dir.path().join(name), "").expect("a file");
        }
        let mut files = Vec::new();
        find_files(dir.path(), 0, &mut files).expect("a readable folder");
        let names: Vec<_> = files
            .iter()
            .map(|file| file.strip_prefix(dir.path()).expect("below it").to_owned())
            .collect();
        assert_eq!(
            names,
            ["b/c/x.yml", "b/y.json", "z.yaml"].map(PathBuf::from)
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for bytes in [
            &b"\xff\xff"[..],
            b"\xff\xfea",
            b"\xff\xfe\x00\xd8",
            b"a\x00\xe9",
        ] {
            let text = text(TextSource::Stream("-".into()), bytes.to_vec()).expect("bytes");
            let error = text.intact().expect_err("no text");
            assert_eq!(error.to_string(), "-: neither UTF-8 nor UTF-16 text");
        }
    }

    #[test]
    fn a_byte_order_mark_tells_the_encoding() {
        let written = "kind: Module\r\nname: \u{e9}\u{1f600}\r\n";
        let marked: Vec<u16> = std::iter::once(0xFEFF)
            .chain(written.encode_utf16())
            .collect();
        let little = marked.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big = marked.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big, written.as_bytes().to_vec()] {
            assert_eq!(decoded(&bytes).as_deref(), Some(written));
        }
        let joined = "\u{feff}a: 1\n---\n\u{feff}b: 2\n";
        let kept = "\u{feff}a: 1\n---\nb: 2\n";
        assert_eq!(decoded(joined.as_bytes()).as_deref(), Some(kept));
    }
}
