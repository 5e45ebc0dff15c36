//! The commands: each wires the stages together and returns what is to be printed.

pub mod complete;
pub(crate) mod completion;
pub(crate) mod delete;
pub(crate) mod explain;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod kernel;
pub mod run;
pub(crate) mod status;
pub(crate) mod targets;
pub(crate) mod version;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures::poll;
use tokio_util::sync::CancellationToken;

use crate::cli::config::Settings;
use crate::cli::output::{OutputArgs, ProgressMode};
use crate::cli::screen::Surroundings;
use crate::cli::{Cli, Command};
use crate::console::output::{Console, Done};
use crate::error::Error;
use crate::findings::accept::Accept;
use crate::report::{Format, render};

/// Runs the command that was asked for, on a thread of its own: whatever that thread is busy
/// with, an interruption ends the process in time.
///
/// # Errors
/// Whatever keeps the command from running; what its checks saw is in the report.
pub fn run(cli: Cli, settings: &Settings) -> Result<Done, Error> {
    let own = settings.clone();
    let (sender, answer) = mpsc::channel();
    let escape = Escape::watching(wish_to_end(), sender.clone());
    let command = thread::Builder::new()
        .name("command".to_owned())
        .stack_size(COMMAND_STACK)
        .spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| dispatch(cli, &own, &escape)));
            drop(sender.send(done));
        });
    if let Err(error) = command {
        return Err(Error::Cluster {
            message: format!("cannot start a thread for the command: {error}"),
            hint: String::new(),
        });
    }
    match answer.recv() {
        Ok(Ok(done)) => done.map(|mut done| {
            done.note(&settings.notes);
            done
        }),
        Ok(Err(panic)) => resume_unwind(panic),
        Err(mpsc::RecvError) => Err(Error::Interrupted),
    }
}

/// What the first thread of a process has.
const COMMAND_STACK: usize = 8 << 20;

/// How a command ends: with a result, or with what it panicked with.
type Ending = thread::Result<Result<Done, Error>>;

/// What a command that is too busy to give a result leaves, after this time.
type LastResult = (Duration, Result<Done, Error>);

/// How an interruption reaches the command, and ends the wait for one that does not hear it.
struct Escape {
    interrupt: CancellationToken,
    hold: Arc<AtomicBool>,
    last_result: mpsc::Sender<LastResult>,
}

impl Escape {
    /// Waits for signals, on a thread that does nothing else. The command starts when their
    /// handlers are there: a signal that comes early leaves nothing behind.
    fn watching(
        signals: impl Future<Output = ()> + Send + 'static,
        answer: mpsc::Sender<Ending>,
    ) -> Self {
        let (last_result, prepared) = mpsc::channel();
        let escape = Self {
            interrupt: CancellationToken::new(),
            hold: Arc::default(),
            last_result,
        };
        let (interrupt, hold) = (escape.interrupt.clone(), Arc::clone(&escape.hold));
        let (installed, are_installed) = mpsc::channel::<()>();
        let watch = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else {
                return;
            };
            runtime.block_on(async {
                let mut signals = pin!(signals);
                let first = poll!(signals.as_mut());
                drop(installed);
                if first.is_pending() {
                    signals.await;
                }
            });
            interrupt.cancel();
            // A command that prepares nothing by then has nothing to say.
            let (patience, last_result) = prepared
                .recv_timeout(GRACE)
                .unwrap_or((Duration::ZERO, Err(Error::Interrupted)));
            thread::sleep(patience + GRACE);
            while hold.load(Ordering::Relaxed) {
                thread::sleep(LAST_WORDS);
                if !hold.load(Ordering::Relaxed) {
                    // What it did is still to be printed.
                    thread::sleep(LAST_WORDS);
                }
            }
            drop(answer.send(Ok(last_result)));
        };
        let name = "signals".to_owned();
        if let Err(error) = thread::Builder::new().name(name).spawn(watch) {
            tracing::warn!("cannot start a thread for signals: {error}");
        }
        let _ = are_installed.recv();
        escape
    }
}

fn dispatch(cli: Cli, settings: &Settings, escape: &Escape) -> Result<Done, Error> {
    let accepts = |given: &[Accept]| [given, settings.accepts.as_slice()].concat();
    let output = &cli.output;
    crate::console::logging::start(output.verbose);
    match cli.command {
        Command::Run(args) => {
            let given = (&*accepts(&args.accept), settings);
            in_runtime_or(Interrupted::Report, escape, output, given, async |c| {
                run::run(&args, c, &settings.words).await
            })
        }
        Command::Status(args) => {
            let given = (&*accepts(&args.accept), settings);
            in_runtime_or(Interrupted::Report, escape, output, given, async |c| {
                status::run(&args, c).await
            })
        }
        Command::Generate(args) => in_runtime(escape, output, settings, async |c| {
            let accepts = accepts(&args.in_cluster.accept);
            generate::run(&args, c.format, &settings.words, &accepts).await
        }),
        Command::Delete(args) => in_runtime(escape, output, settings, async |c| {
            delete::run(&args, c.format).await
        }),
        Command::Explain(args) if args.list => {
            let screen = Surroundings::of_stdout().screen(output.color);
            explain::code::list(output.output, &screen)
        }
        Command::Explain(args) if !args.codes.is_empty() => {
            let screen = Surroundings::of_stdout().screen(output.color);
            explain::code::run(&args.codes, output.output, &screen)
        }
        Command::Explain(args) => in_runtime(escape, output, settings, async |c| {
            let screen = Surroundings::of_stdout().screen(output.color);
            explain::run(&args, c, &screen).await
        }),
        Command::Kernel(args) => in_runtime(escape, output, settings, async |c| {
            let screen = Surroundings::of_stdout().screen(output.color);
            kernel::run(&args, c.format, &screen).await
        }),
        Command::Targets(args) => in_runtime(escape, output, settings, async |c| {
            let screen = Surroundings::of_stdout().screen(output.color);
            targets::run(&args, c.format, &screen).await
        }),
        Command::Inspect(args) => in_runtime(escape, output, settings, async |c| {
            let screen = Surroundings::of_stdout().screen(output.color);
            inspect::run(&args, c.format, &screen).await
        }),
        Command::Completion(args) => completion::run(&args),
        Command::Version(args) => in_runtime(escape, output, settings, async |c| {
            let screen = Surroundings::of_stdout().screen(output.color);
            version::run(&args.connection, c.format, &screen).await
        }),
    }
}

/// Runs a command that waits for something; Ctrl-C and SIGTERM end its wait.
fn in_runtime(
    escape: &Escape,
    output: &OutputArgs,
    settings: &Settings,
    command: impl AsyncFnOnce(&Console<'_>) -> Result<Done, Error>,
) -> Result<Done, Error> {
    let given = (&[][..], settings);
    in_runtime_or(Interrupted::AtOnce, escape, output, given, command)
}

/// What an interruption leaves of a command.
#[derive(Clone, Copy)]
enum Interrupted {
    /// Nothing: the command ends at once.
    AtOnce,
    /// A report of what is known by then, in every case.
    Report,
}

impl Interrupted {
    /// How long the command may take to say what it knows.
    fn patience(self) -> Duration {
        match self {
            Self::AtOnce => Duration::ZERO,
            Self::Report => LAST_WORDS,
        }
    }

    fn ending(self, console: &Console<'_>, result: Result<Done, Error>) -> Result<Done, Error> {
        match self {
            Self::AtOnce => result,
            Self::Report => console.or_empty_report(result),
        }
    }
}

/// The same for a command that may leave a report when it is interrupted.
fn in_runtime_or(
    interrupted: Interrupted,
    escape: &Escape,
    output: &OutputArgs,
    (accepts, settings): (&[Accept], &Settings),
    command: impl AsyncFnOnce(&Console<'_>) -> Result<Done, Error>,
) -> Result<Done, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Cluster {
            message: format!("cannot start the asynchronous runtime: {error}"),
            hint: String::new(),
        })?;
    let console = Console {
        format: output.output,
        progress: match output.quiet {
            true => ProgressMode::None,
            false => output.progress,
        },
        render: &|report, format| {
            let screen = Surroundings::of_stdout().screen(output.color);
            render(report, format, output.quiet, &screen)
        },
        render_progress: &|report| {
            let screen = Surroundings::of_stderr().screen(output.color);
            render(report, Format::Table, false, &screen)
        },
        accepts,
        settings: &settings.notes,
        interrupt: escape.interrupt.clone(),
        hold: Arc::clone(&escape.hold),
    };
    let patience = interrupted.patience();
    let last_result = interrupted.ending(&console, Err(Error::Interrupted));
    drop(escape.last_result.send((patience, last_result)));
    let done = unless_interrupted(&console, patience, command(&console));
    let done = runtime.block_on(done);
    // A look that hangs in a system call must not keep the process.
    runtime.shutdown_background();
    interrupted.ending(&console, done)
}

/// How long an interrupted command may take to say what it knows.
const LAST_WORDS: Duration = Duration::from_millis(800);
/// How much longer the thread for signals waits.
const GRACE: Duration = Duration::from_millis(100);

/// A command's result, unless the user has ended it and it says nothing in time.
async fn unless_interrupted(
    console: &Console<'_>,
    patience: Duration,
    command: impl Future<Output = Result<Done, Error>>,
) -> Result<Done, Error> {
    let last_words = async {
        console.interrupt.cancelled().await;
        tokio::time::sleep(patience).await;
        while console.hold.load(Ordering::Relaxed) {
            tokio::time::sleep(LAST_WORDS).await;
        }
    };
    tokio::select! {
        biased;
        done = command => done,
        () = last_words => Err(Error::Interrupted),
    }
}

/// True when SIGHUP is known not to be ignored: bit 0 of `SigIgn` in Linux's
/// `/proc/self/status`. Elsewhere it keeps its default, which ends the process.
#[cfg(unix)]
fn may_hang_up() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let ignored = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(ignored.trim(), 16).ok()
        })
        .is_some_and(|ignored| ignored & 1 == 0)
}

/// Ctrl-C, or where there are such signals SIGTERM, and SIGHUP of a terminal that goes away:
/// what `--cleanup` and a build have to remove would be left behind.
async fn wish_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = async {
            // `nohup` has it ignored, which a handler would undo.
            if !may_hang_up() {
                return std::future::pending().await;
            }
            match signal(SignalKind::hangup()) {
                Ok(mut hang_up) => hang_up.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hang_up => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests;
