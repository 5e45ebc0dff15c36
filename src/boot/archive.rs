//! Archives that the kernel unpacks as its first file system: cpio in its "new ASCII" form
//! (kernel, Documentation/driver-api/early-userspace/buffer-format.rst). Several of them, one
//! behind the other, are one file system.

use std::collections::BTreeSet;
use std::io::{self, Write};

const DIR: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// An archive that is being written. Paths are relative to the root; the folders that a path
/// leads through are made.
#[derive(Debug)]
pub(crate) struct Archive<W> {
    out: W,
    entries: u32,
    written: u64,
    folders: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            entries: 0,
            written: 0,
            folders: BTreeSet::new(),
        }
    }

    /// A folder.
    pub(crate) fn folder(&mut self, path: &str) -> io::Result<()> {
        let path = path.trim_matches('/');
        self.parents(path)?;
        if path.is_empty() || !self.folders.insert(path.to_owned()) {
            return Ok(());
        }
        self.entry(path, DIR | 0o755, (0, 0), b"")
    }

    /// A regular file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let path = path.trim_matches('/');
        self.parents(path)?;
        self.entry(path, FILE | (mode & 0o777), (0, 0), bytes)
    }

    /// A symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        let path = path.trim_matches('/');
        self.parents(path)?;
        self.entry(path, LINK | 0o777, (0, 0), target.as_bytes())
    }

    /// A character device.
    pub(crate) fn device(&mut self, path: &str, number: (u32, u32)) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, CHARACTER_DEVICE | 0o600, number, b"")
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), b"")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            if self.folders.insert(path[..at].to_owned()) {
                self.entry(&path[..at], DIR | 0o755, (0, 0), b"")?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        (major, minor): (u32, u32),
        bytes: &[u8],
    ) -> io::Result<()> {
        let size = u32::try_from(bytes.len())
            .map_err(|_| io::Error::other(format!("{path} is larger than 4 GiB")))?;
        self.entries += 1;
        let header = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            major,
            minor,
            u32::try_from(path.len() + 1).unwrap_or(u32::MAX),
            0,
        ];
        let mut text = String::from("070701");
        for field in header {
            text.push_str(&format!("{field:08X}"));
        }
        self.put(text.as_bytes())?;
        self.put(path.as_bytes())?;
        self.put(b"\0")?;
        self.pad()?;
        self.put(bytes)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let over = (self.written % 4) as usize;
        match over {
            0 => Ok(()),
            over => self.put(&[0; 3][..4 - over]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_folders_come_before_what_is_in_them() {
        let mut archive = Archive::new(Vec::new());
        archive.file("opt/lib/a", 0o644, b"hello").expect("memory");
        archive.link("opt/lib/b", "a").expect("memory");
        archive.folder("/opt/lib/").expect("memory");
        archive.device("dev/kmsg", (1, 11)).expect("memory");
        let bytes = archive.finish().expect("memory");
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<&str> = text
            .match_indices("070701")
            .map(|(at, _)| text[at + 110..].split('\0').next().unwrap_or_default())
            .collect();
        assert_eq!(
            names,
            [
                "opt",
                "opt/lib",
                "opt/lib/a",
                "opt/lib/b",
                "dev",
                "dev/kmsg",
                "TRAILER!!!"
            ]
        );
        for (at, _) in text.match_indices("070701") {
            assert_eq!(at % 4, 0);
        }
        let size = &text[text.find("hello").map_or(0, |at| at - 12 - 110)..];
        assert!(size.contains("00000005"), "{size}");
    }
}
