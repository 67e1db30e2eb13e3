//! Logs: for a person on a terminal, JSON lines otherwise, always on standard error.

use std::io::{IsTerminal as _, stderr};

use tracing::Level;

/// Sends what the libraries log to standard error.
///
/// A panic is logged with its place and without its message, which may hold what no log may.
pub(crate) fn init(level: Level) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(stderr);
    if stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).with_ansi(false).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked: this is a defect");
    }));
}
