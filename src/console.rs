//! What a command shows while it runs: progress, live tables, logs.

mod counter;
pub(crate) mod drawing;
pub(crate) mod live;
pub(crate) mod logging;
pub(crate) mod output;
pub(crate) mod progress;

use std::io::Write;

use crate::model::printable::printable;

/// Writes lines to stderr while a command runs. A reader that has gone away misses them and
/// nothing else.
pub(crate) fn say(text: &str) {
    let text = printable(text.trim_end());
    let _ = writeln!(std::io::stderr(), "{text}");
}
