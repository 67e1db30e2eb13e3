//! Logs: for a person on a terminal, JSON lines otherwise, always on standard error.

use std::{
    io::{IsTerminal as _, stderr},
    sync::mpsc,
    thread,
    time::Duration,
};

use tracing::{Dispatch, Level, dispatcher};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    access_line::AccessLines,
    failure::Failure,
    log_lines::{Lines, write_all},
};

/// The time for which a process that ends waits for the reader of standard error.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Held while there is something to log. Dropped, it waits until the lines are written, for [`PATIENCE`].
#[must_use]
pub(crate) struct Log(Lines);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.close(PATIENCE);
    }
}

/// Sends what the libraries log to standard error. Whoever logs never waits for the reader of standard error: lines that
/// it does not take are dropped, and counted by a line in their place.
///
/// A panic is logged with its place and without its message, which may hold what no log may.
pub(crate) fn init(level: Level) -> Result<Log, Failure> {
    let lines = Lines::default();
    let is_terminal = stderr().is_terminal();
    let failed = |error: String| Failure::machine(format!("nothing can be logged: {error}"));
    dispatcher::set_global_default(subscriber(is_terminal, level, lines.clone()))
        .map_err(|error| failed(error.to_string()))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked: this is a defect");
    }));
    let queue = lines.clone();
    thread::Builder::new()
        .name("issuer-log".to_owned())
        .spawn(move || queue.write_to(stderr(), |count| missing(is_terminal, count)))
        .map_err(|error| failed(error.to_string()))?;
    Ok(Log(lines))
}

fn subscriber<W>(is_terminal: bool, level: Level, writer: W) -> Dispatch
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer);
    if is_terminal {
        builder.with_target(false).finish().into()
    } else {
        let json = builder.json().flatten_event(true).with_ansi(false);
        json.map_event_format(AccessLines).finish().into()
    }
}

/// The line that stands where lines are missing. It does not go through the queue, which may be full again.
fn missing(is_terminal: bool, dropped_lines: u64) -> Vec<u8> {
    let line = Lines::default();
    dispatcher::with_default(&subscriber(is_terminal, Level::WARN, line.clone()), || {
        tracing::warn!(
            dropped_lines,
            "lines of the log were dropped here: standard error did not take them"
        );
    });
    line.take()
}

/// Writes a text that is not of the log to standard error. Waits for its reader, but not for ever: where standard error is
/// closed or nobody reads it, the exit code still tells.
pub(crate) fn say(text: impl AsRef<[u8]> + Send + 'static) {
    patiently(move || {
        let _ = write_all(&mut stderr(), text.as_ref());
    });
}

/// Does what may wait for the reader of standard error, and goes on without it after [`PATIENCE`].
pub(crate) fn patiently(write: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel::<()>();
    let writer = thread::Builder::new().spawn(move || {
        write();
        drop(done);
    });
    if writer.is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}
