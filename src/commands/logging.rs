//! `-v`: what the program does, on stderr.

use tracing_subscriber::EnvFilter;

/// Starts logging: `-v` tells what is done, `-vv` and `-vvv` ever more. Only this program's
/// own events are shown, which name no secrets.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let logging = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("kmm_preflight={level}")))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // Only a second call in one process would fail, and the first one's logging then goes on.
    let _ = logging.try_init();
}
