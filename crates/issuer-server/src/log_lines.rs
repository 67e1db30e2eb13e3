//! Lines of the log on their way out.

use std::{
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::access_line::ACCESS;

/// How long the lines of answered requests are kept, to be written together: a line alone costs a system call, which is
/// a tenth of what a request takes.
const KEPT_FOR: Duration = Duration::from_millis(50);

/// Bytes at which they are written at once, by whoever comes.
const KEPT_BYTES: usize = 64 << 10;

/// Writes lines in the order in which they came. Those of answered requests are kept for a moment, until anything else is
/// written, or until this is closed.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    out: Box<dyn Write + Send>,
    kept: Vec<u8>,
    is_open: bool,
}

impl Lines {
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        let state = State {
            out: Box::new(out),
            kept: Vec::new(),
            is_open: true,
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Writes what is kept whenever its time is up, until this is closed.
    pub(crate) fn write_on_time(&self) {
        loop {
            let mut state = self.0.lock();
            while state.is_open && state.kept.is_empty() {
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if !state.is_open {
                return;
            }
            drop(state);
            thread::sleep(KEPT_FOR);
            self.0.lock().write_kept();
        }
    }

    /// Writes what is kept, and from now on every line at once.
    pub(crate) fn close(&self) {
        let mut state = self.0.lock();
        state.is_open = false;
        state.write_kept();
        drop(state);
        self.0.changed.notify_all();
    }
}

impl Shared {
    // Nothing below the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write_kept(&mut self) {
        // Where the log has nowhere to go there is nobody left to tell.
        let _ = self.out.write_all(&self.kept);
        self.kept.clear();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            shared: &self.0,
            may_wait: false,
        }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line {
            shared: &self.0,
            may_wait: event.target() == ACCESS,
        }
    }
}

/// One line of the log.
pub(crate) struct Line<'a> {
    shared: &'a Shared,
    may_wait: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.lock();
        let is_first = state.kept.is_empty();
        state.kept.extend_from_slice(line);
        if !self.may_wait || !state.is_open || state.kept.len() >= KEPT_BYTES {
            state.write_kept();
        } else if is_first {
            self.shared.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tracing::subscriber::with_default;

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Out {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }

        fn lines(&self) -> usize {
            self.text().lines().count()
        }
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logging(work: impl FnOnce(&Lines, &Out)) {
        let out = Out::default();
        let lines = Lines::to(out.clone());
        let log = tracing_subscriber::fmt().with_writer(lines.clone()).finish();
        with_default(log, || work(&lines, &out));
    }

    fn answered(number: usize) {
        tracing::info!(target: "issuer_http::access", number, "answered");
    }

    #[test]
    fn lines_of_requests_are_written_when_their_time_is_up() {
        logging(|lines, out| {
            thread::scope(|scope| {
                scope.spawn(|| lines.write_on_time());
                for round in 1..=2 {
                    answered(round);
                    let begun = Instant::now();
                    while out.lines() < round {
                        assert!(
                            begun.elapsed() < Duration::from_secs(10),
                            "line {round} never came"
                        );
                        thread::yield_now();
                    }
                }
                lines.close();
            });
        });
    }

    #[test]
    fn any_other_line_is_written_at_once_behind_those_that_came_before_it() {
        logging(|_, out| {
            answered(1);
            assert_eq!(out.lines(), 0);
            tracing::warn!("the store failed");
            let text = out.text();
            let (first, second) = text.split_once('\n').unwrap();
            assert!(first.contains("answered"), "{text}");
            assert!(second.contains("the store failed"), "{text}");
        });
    }

    #[test]
    fn a_close_writes_what_is_kept_and_what_comes_later_is_written_at_once() {
        logging(|lines, out| {
            answered(1);
            lines.close();
            assert_eq!(out.lines(), 1);
            answered(2);
            assert_eq!(out.lines(), 2);
        });
    }

    #[test]
    fn no_more_is_kept_than_64_kib() {
        logging(|_, out| {
            for number in 0..10_000 {
                answered(number);
            }
            assert!(10_000 - out.lines() < KEPT_BYTES / "answered".len());
            assert!(out.lines() > 5_000, "{}", out.lines());
        });
    }
}
