//! The binary on a pseudo-terminal, and what an emulator shows of it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::{Cell, Color, Parser, Screen};

use crate::preflight::Preflight;

/// How long anything may take to be shown.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which streams of the call are the terminal; the others are files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Both.
    Both,
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A call that runs on a terminal.
#[expect(missing_debug_implementations, reason = "the emulator has none")]
pub struct Terminal {
    keyboard: File,
    child: Child,
    shown: Arc<Mutex<Shown>>,
    reader: JoinHandle<()>,
    elsewhere: File,
    // Holds the home folder of the call.
    _call: Option<Preflight>,
}

/// What came to the terminal so far.
struct Shown {
    bytes: Vec<u8>,
    emulator: Parser,
}

/// What a call left on its terminal.
#[derive(Debug)]
pub struct Left {
    /// The exit code.
    pub code: Option<i32>,
    /// The lines of the screen, those above it that were scrolled away included.
    pub lines: Vec<String>,
    /// The lines of the screen with their colours, as escape sequences.
    pub styled: Vec<String>,
    /// True when a cell has a colour.
    pub is_coloured: bool,
    /// True when the cursor cannot be seen.
    pub is_cursor_hidden: bool,
    /// All that was written.
    pub bytes: String,
    /// What went into the file in the place of a stream.
    pub elsewhere: String,
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn positive(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a size")
}

impl Terminal {
    /// Starts a call on a terminal of this size, which is its controlling one: Ctrl-C there
    /// is a signal.
    pub fn start(call: Preflight, streams: Streams, rows: u16, columns: u16) -> Self {
        let mut terminal = Self::of(&call.command(), streams, rows, columns);
        terminal._call = Some(call);
        terminal
    }

    /// Starts a program in the same way, with these variables and no others.
    pub fn of(inner: &Command, streams: Streams, rows: u16, columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&ours).expect("its other end");
        unlockpt(&ours).expect("its other end");
        tcsetwinsize(&ours, size(rows, columns)).expect("its size");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("a terminal");
        let elsewhere = tempfile::tempfile().expect("a file");
        let terminal = || Stdio::from(theirs.try_clone().expect("a terminal"));
        let file = || Stdio::from(elsewhere.try_clone().expect("a file"));
        // setsid(1) makes the terminal the controlling one, and then becomes the program.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(inner.get_program());
        command.args(inner.get_args()).env_clear();
        if let Some(folder) = inner.get_current_dir() {
            command.current_dir(folder);
        }
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(terminal());
        command.stdout(match streams {
            Streams::Both | Streams::Stdout => terminal(),
            Streams::Stderr => file(),
        });
        command.stderr(match streams {
            Streams::Both | Streams::Stderr => terminal(),
            Streams::Stdout => file(),
        });
        let child = command.spawn().expect("setsid starts");
        drop(command);
        drop(theirs);
        let keyboard = File::from(ours);
        let shown = Arc::new(Mutex::new(Shown {
            bytes: Vec::new(),
            emulator: Parser::new(positive(rows), positive(columns), 1000),
        }));
        let reader = read(keyboard.try_clone().expect("a reader"), Arc::clone(&shown));
        Self {
            keyboard,
            child,
            shown,
            reader,
            elsewhere,
            _call: None,
        }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("a terminal");
    }

    /// Gives the terminal another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let mut shown = self.shown.lock().expect("the reader lives");
        let screen = shown.emulator.screen_mut();
        screen.set_size(positive(rows), positive(columns));
        tcsetwinsize(&self.keyboard, size(rows, columns)).expect("another size");
    }

    /// The lines on the screen now.
    pub fn lines(&self) -> Vec<String> {
        let mut shown = self.shown.lock().expect("the reader lives");
        lines(&mut shown.emulator)
    }

    /// Waits until the screen is as wished, and returns its lines.
    #[track_caller]
    pub fn wait_until(&self, wished: impl Fn(&[String]) -> bool) -> Vec<String> {
        let start = Instant::now();
        loop {
            let lines = self.lines();
            if wished(&lines) {
                return lines;
            }
            assert!(start.elapsed() < PATIENCE, "{}", lines.join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the program, whatever it does.
    pub fn stop(mut self) {
        // It fails only for one that has ended.
        let _ = self.child.kill();
        self.child.wait().expect("the program's state");
    }

    /// Waits for the end of the call.
    pub fn end(mut self) -> Left {
        let start = Instant::now();
        while self.child.try_wait().expect("the call's state").is_none() {
            if start.elapsed() > PATIENCE {
                self.child.kill().expect("the call can be killed");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let code = self.child.wait().expect("the call's state").code();
        // With the last program that has it open, the terminal ends.
        self.reader.join().expect("the terminal is read");
        let mut elsewhere = String::new();
        std::io::Seek::rewind(&mut self.elsewhere).expect("a file");
        self.elsewhere
            .read_to_string(&mut elsewhere)
            .expect("a text");
        let mut shown = self.shown.lock().expect("the reader is done");
        let screen = shown.emulator.screen();
        let (rows, columns) = screen.size();
        let cells = (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |at| (row, at)));
        let is_coloured = cells
            .filter_map(|(row, column)| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != Color::Default || cell.bold());
        let mut styled: Vec<String> = (0..rows.get())
            .map(|row| self::styled(screen, row))
            .collect();
        while styled.last().is_some_and(String::is_empty) {
            styled.pop();
        }
        Left {
            code,
            styled,
            is_coloured,
            is_cursor_hidden: screen.hide_cursor(),
            lines: lines(&mut shown.emulator),
            bytes: String::from_utf8_lossy(&shown.bytes).into_owned(),
            elsewhere,
        }
    }
}

/// A line of the screen with its colours.
fn styled(screen: &Screen, row: u16) -> String {
    let columns = screen.size().1.get();
    let cells = (0..columns).filter_map(|column| screen.cell(row, column));
    let cells: Vec<&Cell> = cells.collect();
    let used = cells
        .iter()
        .rposition(|cell| !cell.contents().trim().is_empty());
    let mut line = String::new();
    let mut before = (false, Color::Default);
    for cell in cells.iter().take(used.map_or(0, |at| at + 1)) {
        let style = (cell.bold(), cell.fgcolor());
        if style != before {
            line.push_str("\u{1b}[0m");
            if style.0 {
                line.push_str("\u{1b}[1m");
            }
            if let Color::Idx(colour @ 0..8) = style.1 {
                line.push_str(&format!("\u{1b}[3{colour}m"));
            }
            before = style;
        }
        match cell.contents() {
            "" if cell.is_wide_continuation() => {}
            "" => line.push(' '),
            text => line.push_str(text),
        }
    }
    if before != (false, Color::Default) {
        line.push_str("\u{1b}[0m");
    }
    line
}

fn read(mut terminal: File, shown: Arc<Mutex<Shown>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Linux ends a terminal that nobody has open any more with an error.
        while let Ok(count @ 1..) = terminal.read(&mut buffer) {
            let mut shown = shown.lock().expect("no test panicked here");
            shown.bytes.extend_from_slice(&buffer[..count]);
            shown.emulator.process(&buffer[..count]);
        }
    })
}

/// What can be seen, with what was scrolled away, without empty lines at the end.
fn lines(emulator: &mut Parser) -> Vec<String> {
    let screen = emulator.screen_mut();
    let (rows, columns) = screen.size();
    let (rows, columns) = (usize::from(rows.get()), columns.get());
    let away = screen.scrollback_len();
    let mut lines: Vec<String> = Vec::new();
    let mut offset = away;
    while offset > 0 {
        screen.set_scrollback(offset);
        let count = offset.min(rows);
        lines.extend(screen.rows(0, columns).take(count));
        offset -= count;
    }
    screen.set_scrollback(0);
    lines.extend(screen.rows(0, columns));
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
