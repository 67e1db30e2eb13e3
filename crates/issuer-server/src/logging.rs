//! Logs: for a person on a terminal, JSON lines otherwise, always on standard error.

use std::{
    io::{IsTerminal as _, stderr},
    thread,
};

use tracing::Level;

use crate::{access_line::AccessLines, log_lines::Lines};

/// Held while there is something to log. Dropped, it writes what is still kept.
#[must_use]
pub(crate) struct Log(Lines);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Sends what the libraries log to standard error.
///
/// A panic is logged with its place and without its message, which may hold what no log may.
pub(crate) fn init(level: Level) -> Log {
    let lines = Lines::to(stderr());
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(lines.clone());
    if stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        let json = builder.json().flatten_event(true).with_ansi(false);
        json.map_event_format(AccessLines).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked: this is a defect");
    }));
    let writer = lines.clone();
    let writer = thread::Builder::new()
        .name("issuer-log".to_owned())
        .spawn(move || writer.write_on_time());
    if writer.is_err() {
        // Then nobody writes later, and all is written at once.
        lines.close();
    }
    Log(lines)
}
