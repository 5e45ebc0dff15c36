//! What a command shows while it runs: progress, live tables, logs.

pub mod drawing;
pub mod live;
pub mod logging;
pub mod output;
pub mod progress;
