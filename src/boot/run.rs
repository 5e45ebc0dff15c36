//! Runs one guest, and ends it: by its own last word, by its time, or by what it writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::boot::console::{Answer, Console, Ended, LONGEST_LINE};
use crate::boot::guest::{Accelerator, Machine};

/// How long a guest may take to its first program: one second where this machine's processor
/// runs it, ten where it is emulated and nothing else runs.
const TO_FIRST_PROGRAM: [(Accelerator, Duration); 2] = [
    (Accelerator::Kvm, Duration::from_secs(8)),
    (Accelerator::Tcg, Duration::from_secs(300)),
];
/// How long a call of `modprobe` may take, be it that the kernel goes in circles.
const OF_A_CASE: Duration = Duration::from_secs(100);
/// How long it may take to unload what a case has loaded.
const OF_UNLOADING: Duration = Duration::from_secs(60);
/// The most bytes that a guest writes between two words of its first program.
const MOST_OUTPUT: usize = 2 << 20;
/// What QEMU says where this machine's processor cannot run the guest.
const KVM_FAULTS: [&str; 3] = [
    "KVM internal error",
    "failed to initialize kvm",
    "Could not access KVM",
];

/// [`OF_A_CASE`], or what a test has no time for more than.
pub(super) fn of_a_case() -> Duration {
    #[cfg(feature = "test-env")]
    if let Ok(seconds) = std::env::var("KMM_TEST_BOOT_SECONDS")
        && let Ok(seconds) = seconds.parse()
    {
        return Duration::from_secs(seconds);
    }
    OF_A_CASE
}

/// Why a guest ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It said its last word.
    Done,
    /// QEMU ended: the kernel crashed, or QEMU could not start it.
    Exited,
    /// It took too long.
    Late,
    /// It wrote too much.
    Flooded,
    /// This machine's processor does not run it.
    NoKvm,
}

/// What came of one guest.
#[derive(Debug)]
pub(super) enum Booted {
    /// The answers; cases that are not among them were not reached.
    Answers(BTreeMap<usize, Answer>),
    /// It did not come to its first program, and why.
    NotReady(String),
    /// This machine's processor does not run it.
    NoKvm,
}

/// Boots a guest whose first program begins its lines with `mark`. Whoever drops this ends the
/// guest.
///
/// # Errors
/// QEMU cannot be started.
pub(super) async fn boot(qemu: &Path, machine: &Machine<'_>, mark: &str) -> Result<Booted, String> {
    let started = command(qemu)
        .args(machine.arguments())
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.map_err(|fault| format!("{}: {fault}", qemu.display()))?;
    let (mut out, mut faults) = (Reader::of(child.stdout.take()), Faults::default());
    let mut errors = Reader::of(child.stderr.take());
    let mut console = Console::new(mark);
    let end = follow(
        machine.accelerator,
        &mut console,
        &mut out,
        &mut errors,
        &mut faults,
    )
    .await;
    kill(&mut child).await;
    if end == End::NoKvm {
        return Ok(Booted::NoKvm);
    }
    if !console.is_ready() {
        let kvm = machine.accelerator == Accelerator::Kvm;
        return Ok(if kvm {
            Booted::NoKvm
        } else {
            Booted::NotReady(not_ready(end, &console, &faults))
        });
    }
    Ok(Booted::Answers(console.into_answers(match end {
        End::Done | End::NoKvm => None,
        End::Exited => Some(Ended::Crashed),
        End::Late => Some(Ended::Hung),
        End::Flooded => Some(Ended::Flooded),
    })))
}

/// QEMU with a shell before it, which ends it once nobody holds the other end of its input: no
/// guest outlives this program, however that ends. What a terminal sends to this program's group
/// does not reach them.
#[cfg(unix)]
fn command(qemu: &Path) -> Command {
    const KEEPER: &str = r#""$@" </dev/null & exec >/dev/null 2>&1; read -r _; kill -9 $!; wait"#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", KEEPER, "sh"]).arg(qemu);
    command.process_group(0).stdin(Stdio::piped());
    command
}

#[cfg(not(unix))]
fn command(qemu: &Path) -> Command {
    let mut command = Command::new(qemu);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Reads until the guest ends, or has to.
async fn follow(
    accelerator: Accelerator,
    console: &mut Console,
    out: &mut Reader,
    errors: &mut Reader,
    faults: &mut Faults,
) -> End {
    let first = TO_FIRST_PROGRAM.iter().find(|(of, _)| *of == accelerator);
    let first = first.map_or_else(of_a_case, |(_, limit)| *limit);
    let mut deadline = Instant::now() + first;
    let mut written = 0;
    loop {
        let before = state(console);
        let read = tokio::select! {
            biased;
            () = tokio::time::sleep_until(deadline) => return End::Late,
            read = out.next() => read,
            Read { lines, .. } = errors.next() => {
                lines.iter().for_each(|line| faults.line(line));
                if accelerator == Accelerator::Kvm && faults.are_of_kvm() {
                    return End::NoKvm;
                }
                continue;
            }
        };
        read.lines.iter().for_each(|line| console.line(line));
        if read.bytes == 0 {
            let rest = async {
                while !errors.is_over {
                    errors
                        .next()
                        .await
                        .lines
                        .iter()
                        .for_each(|line| faults.line(line));
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
            return match accelerator == Accelerator::Kvm && faults.are_of_kvm() {
                true => End::NoKvm,
                false => End::Exited,
            };
        }
        written += read.bytes;
        if console.is_done() {
            return End::Done;
        }
        if state(console) != before {
            written = 0;
            deadline = Instant::now()
                + match console.running() {
                    Some(_) => of_a_case(),
                    None => OF_UNLOADING,
                };
        }
        if written > MOST_OUTPUT {
            return End::Flooded;
        }
    }
}

fn state(console: &Console) -> (bool, Option<usize>, usize) {
    (console.is_ready(), console.running(), console.answered())
}

fn not_ready(end: End, console: &Console, faults: &Faults) -> String {
    let what = match end {
        End::Exited | End::Done | End::NoKvm => "the virtual machine exited before init started",
        End::Late => "the virtual machine timed out before init started",
        End::Flooded => "the virtual machine flooded its console before init started",
    };
    let mut last = console.tail();
    let keep = last.len().saturating_sub(8);
    last.drain(..keep);
    last.extend(faults.lines.iter().cloned());
    match last.is_empty() {
        true => format!("{what} and wrote nothing to its console"),
        false => format!("{what}; its last lines: {}", last.join(" | ")),
    }
}

async fn kill(child: &mut Child) {
    if cfg!(unix) {
        drop(child.stdin.take());
    } else {
        let _ = child.start_kill();
    }
    let _ = child.wait().await;
}

/// Lines of QEMU itself.
#[derive(Debug, Default)]
struct Faults {
    lines: Vec<String>,
}

impl Faults {
    fn line(&mut self, line: &[u8]) {
        if self.lines.len() < 8 && !line.is_empty() {
            let line = String::from_utf8_lossy(line);
            self.lines.push(line.trim_end().to_owned());
        }
    }

    fn are_of_kvm(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| KVM_FAULTS.iter().any(|fault| line.contains(fault)))
    }
}

/// What was read at once.
struct Read {
    bytes: usize,
    lines: Vec<Vec<u8>>,
}

/// A stream in lines of bounded length.
struct Reader {
    stream: Option<Box<dyn AsyncRead + Send + Unpin>>,
    line: Vec<u8>,
    is_over: bool,
}

impl Reader {
    fn of(stream: Option<impl AsyncRead + Send + Unpin + 'static>) -> Self {
        Self {
            is_over: stream.is_none(),
            stream: stream.map(|stream| Box::new(stream) as Box<dyn AsyncRead + Send + Unpin>),
            line: Vec::new(),
        }
    }

    /// Reads once. At the end it gives no bytes, and then never returns again.
    async fn next(&mut self) -> Read {
        let mut bytes = [0; 8 << 10];
        let read = match &mut self.stream {
            Some(stream) if !self.is_over => stream.read(&mut bytes).await.unwrap_or(0),
            _ => std::future::pending().await,
        };
        let mut lines = Vec::new();
        for byte in &bytes[..read] {
            if *byte == b'\n' {
                lines.push(std::mem::take(&mut self.line));
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(*byte);
            }
        }
        if read == 0 {
            self.is_over = true;
            lines.push(std::mem::take(&mut self.line));
        }
        Read { bytes: read, lines }
    }
}
