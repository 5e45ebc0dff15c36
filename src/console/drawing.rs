//! The terminal that progress is drawn on.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressDrawTarget, TermLike};
use terminal_size::{Height, Width};

/// How often progress is drawn, in a second.
const RATE: u8 = 8;

/// Stderr, with the cursor on the line below what is drawn. What a terminal shows of the
/// user's keys, such as `^C`, then goes with the next drawing; at the end of a full line it
/// would begin another one, and the first line of the drawing would be left behind.
#[derive(Debug, Default)]
struct Below(Mutex<Pending>);

#[derive(Debug, Default)]
struct Pending {
    text: String,
    draws: bool,
    is_below: bool,
}

/// Where to draw.
pub(super) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Below::default()), RATE)
}

impl Below {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut pending.is_below) {
            pending.text.push_str("\r\u{1b}[J\u{1b}[A");
        }
        pending
    }

    fn moved(&self, lines: usize, direction: char) {
        if lines > 0 {
            let text = &mut self.pending().text;
            text.push_str(&format!("\u{1b}[{lines}{direction}"));
        }
    }
}

fn size() -> (u16, u16) {
    terminal_size::terminal_size_of(io::stderr())
        .map_or((80, 24), |(Width(width), Height(height))| (width, height))
}

/// The terminal's columns.
pub(super) fn columns() -> usize {
    usize::from(size().0)
}

impl TermLike for Below {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.moved(lines, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.moved(lines, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.moved(columns, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.moved(columns, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut pending = self.pending();
        pending.text.push_str(text);
        pending.draws |= !text.is_empty();
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.pending().text.push_str("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut pending.draws) {
            pending.text.push('\n');
            pending.is_below = true;
        }
        let text = std::mem::take(&mut pending.text);
        io::stderr().lock().write_all(text.as_bytes())
    }
}
