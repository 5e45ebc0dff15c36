//! What a builder says: lines without secrets, and the log of one build: all of it in a file
//! as far as a limit allows, the beginning and the end beyond it, and the last lines for the
//! finding.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::image_build::redaction::Redaction;
use crate::own_files::folder::OwnFolder;

/// Bytes that are kept of a log's beginning.
const HEAD: usize = 12 << 20;
/// Bytes that are kept of its end.
const TAIL: usize = 1 << 20;
/// Longer lines are broken.
pub(crate) const LONGEST_LINE: usize = 64 << 10;

/// A log that is being written.
#[derive(Debug)]
pub(crate) struct BuildLog {
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
    written: usize,
    left_out: u64,
    tail: VecDeque<String>,
    tail_bytes: usize,
}

impl BuildLog {
    /// A log in a file that only its owner may read, replacing an older one; without a
    /// path, or where the file cannot be written, only the end is kept, in memory.
    pub(crate) fn create(path: Option<&Path>) -> Self {
        let file = path.and_then(|path| match open(path) {
            Ok(file) => Some(file),
            Err(fault) => {
                tracing::warn!("the build log is not kept: {}: {fault}", path.display());
                None
            }
        });
        Self {
            path: path.filter(|_| file.is_some()).map(Path::to_owned),
            file: file.map(BufWriter::new),
            written: 0,
            left_out: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
        }
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, line: &str) {
        if self.written < HEAD {
            self.written += line.len() + 1;
            self.write(line);
            if self.written >= HEAD {
                self.flush();
            }
        } else {
            self.left_out += line.len() as u64 + 1;
        }
        self.tail_bytes += line.len() + 1;
        self.tail.push_back(line.to_owned());
        while self.tail_bytes > TAIL {
            let Some(oldest) = self.tail.pop_front() else {
                break;
            };
            self.tail_bytes -= oldest.len() + 1;
        }
    }

    /// The file, where there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The last lines that are not empty, oldest first.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<&str> {
        let mut lines: Vec<&str> = self
            .tail
            .iter()
            .rev()
            .map(|line| line.trim_end())
            .filter(|line| !line.is_empty())
            .take(count)
            .collect();
        lines.reverse();
        lines
    }

    /// A full disk must not end a build that would succeed.
    fn write(&mut self, line: &str) {
        if let Some(file) = &mut self.file
            && writeln!(file, "{line}").is_err()
        {
            self.file = None;
        }
    }

    fn flush(&mut self) {
        if let Some(file) = &mut self.file
            && file.flush().is_err()
        {
            self.file = None;
        }
    }
}

/// The end of a log reaches the file on every way out, also when its build is given up.
impl Drop for BuildLog {
    fn drop(&mut self) {
        if self.left_out > 0 {
            let in_tail = (self.tail_bytes as u64).min(self.left_out);
            let gap = self.left_out - in_tail;
            if gap > 0 {
                self.write(&format!("... {gap} bytes omitted ..."));
            }
            let mut skip = (self.tail_bytes as u64) - in_tail;
            for line in std::mem::take(&mut self.tail) {
                let length = line.len() as u64 + 1;
                if skip >= length {
                    skip -= length;
                } else {
                    self.write(&line);
                }
            }
        }
        self.flush();
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    match (path.parent(), path.file_name().and_then(OsStr::to_str)) {
        (Some(folder), Some(name)) => OwnFolder::create(folder)?.new_file(name),
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

/// Breaks a stream of bytes into lines without secrets, at newlines, carriage returns
/// (progress bars) and after about [`LONGEST_LINE`] bytes.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    pending: Vec<u8>,
    redaction: &'a Redaction,
}

impl<'a> Lines<'a> {
    /// Nothing is read yet.
    pub(crate) fn new(redaction: &'a Redaction) -> Self {
        Self {
            pending: Vec::new(),
            redaction,
        }
    }

    /// Takes the next bytes and hands over every line that is complete.
    pub(crate) fn take(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        let limit = LONGEST_LINE + self.redaction.reach();
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = rest.len().min(limit - self.pending.len());
            let end = rest[..room]
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'));
            self.pending.extend_from_slice(&rest[..end.unwrap_or(room)]);
            rest = &rest[end.map_or(room, |end| end + 1)..];
            if end.is_some() {
                self.end(&mut each);
            } else if self.pending.len() == limit {
                self.break_off(&mut each);
            }
        }
    }

    /// Hands over what is left at the end of the stream.
    pub(crate) fn end(&mut self, mut each: impl FnMut(&str)) {
        if !self.pending.is_empty() {
            let text = String::from_utf8_lossy(&self.pending);
            each(&self.redaction.apply(&text));
            self.pending.clear();
        }
    }

    /// Hands over the beginning of a line that is too long. Its end may be the beginning of a
    /// secret, and waits for what follows.
    fn break_off(&mut self, each: &mut impl FnMut(&str)) {
        let begun = self.pending.split_off(whole_characters(&self.pending));
        let text = String::from_utf8_lossy(&self.pending);
        let text = self.redaction.apply(&text);
        let end = text.len().saturating_sub(self.redaction.reach());
        let boundary = (0..=end).rfind(|at| text.is_char_boundary(*at));
        let (ready, held) = text.split_at(boundary.unwrap_or(0));
        each(ready);
        self.pending = [held.as_bytes(), &begun].concat();
    }
}

/// The length without a character that has only begun at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(3);
    let begun = (start..bytes.len()).find(|at| {
        let rest = std::str::from_utf8(&bytes[*at..]);
        rest.is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    });
    begun.unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_newlines_and_at_the_limit() {
        let mut seen = Vec::new();
        let redaction = Redaction::default();
        let mut lines = Lines::new(&redaction);
        for chunk in [
            &b"a\nb"[..],
            b"c\r\n",
            &vec![b'x'; LONGEST_LINE - 1],
            "\u{e9}y".as_bytes(),
            b"\xff",
        ] {
            lines.take(chunk, |line| seen.push(line.to_owned()));
        }
        lines.end(|line| seen.push(line.to_owned()));
        assert_eq!(seen[..2], ["a", "bc"]);
        assert_eq!(seen[2].len(), LONGEST_LINE - 1);
        assert_eq!(seen[3..], ["\u{e9}y\u{fffd}"]);
    }

    #[test]
    fn a_secret_is_hidden_wherever_a_long_line_is_broken() {
        let secret = "s3cr3t-\u{e9}t\u{e9}-token";
        let redaction = Redaction::of([secret.as_bytes(), b"another"]);
        let reach = redaction.reach();
        for before in LONGEST_LINE - reach - 2..LONGEST_LINE + 2 * reach {
            let filler = "x".repeat(before);
            let mut seen = Vec::new();
            let mut lines = Lines::new(&redaction);
            let text = format!("{filler}{secret}{filler}another{filler}");
            for chunk in text.as_bytes().chunks(1000) {
                lines.take(chunk, |line| seen.push(line.to_owned()));
            }
            lines.end(|line| seen.push(line.to_owned()));
            assert!(seen.len() > 2 && seen.iter().all(|line| line.len() < 2 * LONGEST_LINE));
            assert_eq!(
                seen.concat(),
                format!("{filler}(hidden){filler}(hidden){filler}"),
                "{before} bytes before it"
            );
        }
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("logs/build.log");
        let mut log = BuildLog::create(Some(&path));
        log.line("first");
        let filler = "x".repeat(60_000);
        for _ in 0..400 {
            log.line(&filler);
        }
        log.line("last");
        assert_eq!(log.last_lines(1), ["last"]);
        drop(log);
        let text = std::fs::read_to_string(&path).expect("a log");
        assert!(text.starts_with("first\n"));
        assert!(text.ends_with("\nlast\n"));
        assert!(text.contains("bytes omitted"));
        assert!(text.len() < HEAD + TAIL + 200_000, "{}", text.len());
    }

    #[test]
    fn a_short_log_is_kept_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("build.log");
        let mut log = BuildLog::create(Some(&path));
        for line in ["one", "", "two"] {
            log.line(line);
        }
        assert_eq!(log.last_lines(5), ["one", "two"]);
        drop(log);
        assert_eq!(
            std::fs::read_to_string(&path).expect("a log"),
            "one\n\ntwo\n"
        );
    }
}
