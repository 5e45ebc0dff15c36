//! Warnings and, with `-v`, what the program does, on stderr.

use std::{fmt, io};

use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, fmt as logging};
use tracing_subscriber::registry::LookupSpan;

use crate::console::say;

/// The target of events that are told at every level.
pub(crate) const NOTE: &str = "kmm_preflight::note";

/// Starts logging: without `-v` warnings only, as the other messages on stderr look; `-v` tells
/// what is done, `-vv` and `-vvv` ever more. Only this program's own events are shown, which
/// name no secrets.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let logging = logging()
        .with_env_filter(EnvFilter::new(format!("kmm_preflight={level},{NOTE}=info")))
        .with_writer(|| Gate)
        .with_ansi(false)
        .with_target(false);
    // Only a second call in one process would fail, and the first one's logging then goes on.
    let _ = match verbose {
        0 => logging.event_format(Plain).try_init(),
        _ => logging.try_init(),
    };
}

/// Stderr, for events: each is written as a whole, and holds texts from outside.
struct Gate;

impl io::Write for Gate {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        say(&String::from_utf8_lossy(event)
            .trim_end()
            .replace('\n', "\n  "));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `warning: MESSAGE`, or `note: MESSAGE`
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let word = match event.metadata().target() {
            NOTE => "note",
            _ => "warning",
        };
        write!(writer, "{word}: ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
