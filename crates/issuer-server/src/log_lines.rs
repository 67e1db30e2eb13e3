//! Lines of the log: a bounded queue, and the thread that writes what is in it.
//!
//! `tracing-appender` has a queue too. It wakes its thread for each line and does not say where lines are missing; this one
//! writes many lines with one system call and does.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::access_line::ACCESS;

/// How long the lines of answered requests are kept, to be written together: a line alone costs a system call, which is
/// a tenth of what a request takes.
pub(crate) const KEPT_FOR: Duration = Duration::from_millis(50);

/// Bytes at which they are written at once.
const KEPT_BYTES: usize = 64 << 10;

/// Bytes of the lines that wait while the reader does not read. Lines beyond it are dropped and counted.
pub(crate) const MAX_QUEUED_BYTES: usize = 1 << 20;

/// Bytes that a pipe takes whole or not at all (POSIX `PIPE_BUF`: 4,096 on Linux, elsewhere at least 512). Lines are
/// written in pieces of this size, so that none is cut where the process ends while the thread waits for the reader.
const PIECE_BYTES: usize = if cfg!(target_os = "linux") { 4_096 } else { 512 };

/// The pause before the thread tries again, after lines could not be written.
const RETRY: Duration = Duration::from_secs(1);

/// The pause before the thread asks again for room, where another process made the pipe
/// non-blocking for all who share it.
const ROOM: Duration = Duration::from_millis(10);

/// A queue of lines. To put one in never waits for the reader. They are written in the order in which they came; those of
/// answered requests are kept for a moment, until any other comes or until this is closed.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queued: Vec<u8>,
    /// Lines that came after the queued ones and found no room.
    dropped: u64,
    /// The queue is written without waiting for more lines.
    is_urgent: bool,
    is_closed: bool,
    /// Everything is written, and the thread has ended.
    is_finished: bool,
}

impl Lines {
    /// Writes the lines to `out`, until this is closed and all are written. Where lines are missing, `missing` is the line
    /// that says how many.
    pub(crate) fn write_to(&self, out: impl Write, missing: impl Fn(u64) -> Vec<u8>) {
        let mut output = Output {
            out,
            missing,
            lost: 0,
            is_torn: false,
        };
        let mut lines = Vec::new();
        while let Some(dropped) = self.0.next(&mut lines, output.lost > 0) {
            output.write_lines(&lines);
            output.lost += dropped;
            output.report_lost();
        }
        self.0.lock().is_finished = true;
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written, but no longer than this: the reader may never read again.
    pub(crate) fn close(&self, patience: Duration) {
        let mut state = self.0.lock();
        state.is_closed = true;
        self.0.changed.notify_all();
        let finished = self
            .0
            .changed
            .wait_timeout_while(state, patience, |state| !state.is_finished);
        drop(finished.unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes the queued lines.
    pub(crate) fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().queued)
    }
}

impl Shared {
    // Nothing below the lock can panic half-way, and nothing below it waits for the reader.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8], may_wait: bool) {
        let mut state = self.lock();
        // Behind a line that was dropped, a shorter one would be in the wrong place.
        if state.dropped > 0 || state.queued.len() + line.len() > MAX_QUEUED_BYTES {
            state.dropped += 1;
            return;
        }
        let (was_empty, was_urgent) = (state.queued.is_empty(), state.is_urgent);
        state.queued.extend_from_slice(line);
        state.is_urgent |= !may_wait || state.queued.len() >= KEPT_BYTES;
        if was_empty || (state.is_urgent && !was_urgent) {
            self.changed.notify_all();
        }
    }

    /// Moves what is queued into `lines`, once it is time to write it; returns how many lines are missing after it. `None`:
    /// this is closed, and nothing is left. With `is_retry`, there may be nothing to write but how many were lost.
    fn next(&self, lines: &mut Vec<u8>, is_retry: bool) -> Option<u64> {
        lines.clear();
        // After a long stall it is large.
        lines.shrink_to(KEPT_BYTES);
        let mut state = self.lock();
        if is_retry {
            state = self.wait(state, RETRY, |state| !state.is_closed);
        } else {
            let is_idle = |state: &mut State| !state.is_closed && state.queued.is_empty();
            let waited = self.changed.wait_while(state, is_idle);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state = self.wait(state, KEPT_FOR, |state| !state.is_closed && !state.is_urgent);
        }
        if state.is_closed && state.queued.is_empty() && state.dropped == 0 {
            return None;
        }
        mem::swap(&mut state.queued, lines);
        state.is_urgent = false;
        Some(mem::take(&mut state.dropped))
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        time: Duration,
        goes_on: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self
            .changed
            .wait_timeout_while(state, time, |state| goes_on(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Where the lines go, and which of them did not get there.
struct Output<W, M> {
    out: W,
    missing: M,
    /// Missing lines that no line of the log has reported yet.
    lost: u64,
    /// The last line that was written lacks its end.
    is_torn: bool,
}

impl<W: Write, M: Fn(u64) -> Vec<u8>> Output<W, M> {
    fn write_lines(&mut self, mut lines: &[u8]) {
        self.report_lost();
        while !lines.is_empty() {
            let (piece, rest) = lines.split_at(piece(lines));
            // Lines that are missing before this piece are reported before it.
            let whole = if self.lost == 0 { self.write(piece) } else { 0 };
            self.lost += count(piece.get(whole..).unwrap_or_default());
            lines = rest;
        }
    }

    /// Says how many lines are missing, if any are.
    fn report_lost(&mut self) {
        if self.lost > 0 {
            let line = (self.missing)(self.lost);
            if self.write(&line) == line.len() {
                self.lost = 0;
            }
        }
    }

    /// Writes these lines; returns how many bytes of them were written.
    fn write(&mut self, lines: &[u8]) -> usize {
        if self.is_torn && write_all(&mut self.out, b"\n").is_err() {
            return 0;
        }
        self.is_torn = false;
        match write_all(&mut self.out, lines) {
            Ok(()) => lines.len(),
            Err(written) => {
                let last = written.checked_sub(1).and_then(|last| lines.get(last));
                self.is_torn = last.is_some_and(|last| *last != b'\n');
                written
            }
        }
    }
}

/// Writes all of it, however long that takes; the error says how many bytes were written.
pub(crate) fn write_all(out: &mut impl Write, bytes: &[u8]) -> Result<(), usize> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err(written),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(ROOM),
            Err(_) => return Err(written),
        }
    }
    Ok(())
}

/// The number of bytes of these lines that are written with one system call: whole lines, at least one.
fn piece(lines: &[u8]) -> usize {
    let Some(part) = lines.get(..PIECE_BYTES) else {
        return lines.len();
    };
    let is_end = |byte: &u8| *byte == b'\n';
    let end = part
        .iter()
        .rposition(is_end)
        .or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
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
        self.shared.push(line, self.may_wait);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;

    /// More than any test needs on a busy machine.
    const LONG: Duration = Duration::from_secs(30);

    /// An output that keeps what it is given, takes nothing while it is stalled, and fails at will.
    #[derive(Clone, Default)]
    struct Out(Arc<(Mutex<OutState>, Condvar)>);

    #[derive(Default)]
    struct OutState {
        bytes: Vec<u8>,
        writes: usize,
        failures: usize,
        is_stalled: bool,
        is_waited_for: bool,
        /// The bytes that it still takes before it fails.
        room: Option<usize>,
    }

    impl Out {
        fn state(&self) -> MutexGuard<'_, OutState> {
            self.0.0.lock().unwrap()
        }

        fn set(&self, change: impl FnOnce(&mut OutState)) {
            change(&mut self.state());
            self.0.1.notify_all();
        }

        #[track_caller]
        fn wait_until(&self, condition: impl Fn(&OutState) -> bool) {
            let waited = self
                .0
                .1
                .wait_timeout_while(self.state(), LONG, |state| !condition(state));
            assert!(!waited.unwrap().1.timed_out(), "it never came");
        }

        fn text(&self) -> String {
            String::from_utf8(self.state().bytes.clone()).unwrap()
        }
    }

    impl OutState {
        fn lines(&self) -> usize {
            usize::try_from(count(&self.bytes)).unwrap()
        }
    }

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.set(|state| state.is_waited_for = state.is_stalled);
            let mut state = self
                .0
                .1
                .wait_while(self.state(), |state| state.is_stalled)
                .unwrap();
            let taken = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
            if taken == 0 {
                state.failures += 1;
                self.0.1.notify_all();
                return Err(io::ErrorKind::StorageFull.into());
            }
            state.room = state.room.map(|room| room - taken);
            state.bytes.extend_from_slice(&bytes[..taken]);
            state.writes += 1;
            self.0.1.notify_all();
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn missing(lines: u64) -> Vec<u8> {
        format!("{lines} missing\n").into_bytes()
    }

    /// The lines are written while this works, and until they are closed.
    fn logging(out: &Out, work: impl FnOnce(&Lines)) {
        let lines = Lines::default();
        let log = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(lines.clone())
            .finish();
        thread::scope(|scope| {
            scope.spawn(|| lines.write_to(out.clone(), missing));
            with_default(log, || work(&lines));
            lines.close(LONG);
        });
    }

    fn answered(number: usize) {
        tracing::info!(target: "issuer_http::access", number, "answered");
    }

    #[test]
    fn lines_of_requests_are_written_when_their_time_is_up() {
        let out = Out::default();
        logging(&out, |_| {
            for round in 1..=2 {
                answered(round);
                out.wait_until(|out| out.lines() == round);
            }
        });
    }

    #[test]
    fn lines_of_many_requests_are_written_together() {
        let out = Out::default();
        logging(&out, |_| (0..1_000).for_each(answered));
        let state = out.state();
        assert_eq!(state.lines(), 1_000);
        assert!(state.writes < 200, "{} writes", state.writes);
    }

    #[test]
    fn any_other_line_is_written_at_once_behind_those_that_came_before_it() {
        let out = Out::default();
        logging(&out, |_| {
            answered(1);
            tracing::warn!("the store failed");
            out.wait_until(|out| out.lines() == 2);
        });
        let text = out.text();
        let (first, second) = text.split_once('\n').unwrap();
        assert!(first.contains("answered"), "{text}");
        assert!(second.contains("the store failed"), "{text}");
    }

    #[test]
    fn a_close_writes_what_is_kept() {
        let out = Out::default();
        logging(&out, |lines| {
            answered(1);
            lines.close(LONG);
            assert_eq!(out.state().lines(), 1);
        });
    }

    #[test]
    fn a_stalled_reader_costs_bounded_memory_and_then_reads_how_many_lines_are_missing_where_they_are_missing()
     {
        let out = Out::default();
        out.set(|out| out.is_stalled = true);
        logging(&out, |lines| {
            answered(0);
            out.wait_until(|out| out.is_waited_for);
            (1..50_000).for_each(answered);
            assert!(lines.0.lock().queued.len() <= MAX_QUEUED_BYTES);
            assert!(lines.0.lock().dropped > 10_000);
            out.set(|out| out.is_stalled = false);
            out.wait_until(|out| String::from_utf8_lossy(&out.bytes).contains("missing"));
            answered(50_000);
        });
        let text = out.text();
        let mut next = 0;
        for line in text.lines() {
            if let Some(missing) = line.strip_suffix(" missing") {
                next += missing.parse::<usize>().unwrap();
            } else {
                assert!(line.ends_with(&format!("answered number={next}")), "{line}");
                next += 1;
            }
        }
        assert_eq!((next, text.matches("missing").count()), (50_001, 1));
    }

    #[test]
    fn a_stalled_reader_holds_a_close_up_no_longer_than_its_limit() {
        let out = Out::default();
        out.set(|out| out.is_stalled = true);
        logging(&out, |lines| {
            tracing::warn!("one");
            lines.close(Duration::from_millis(10));
            out.set(|out| out.is_stalled = false);
        });
    }

    #[test]
    fn lines_that_could_not_be_written_are_counted_and_the_next_one_is_whole() {
        let out = Out::default();
        out.set(|out| out.room = Some(10));
        logging(&out, |_| {
            tracing::warn!("one");
            // Not only until there is no more room: the write must have met that.
            out.wait_until(|out| out.failures > 0);
            tracing::warn!("two");
            out.set(|out| out.room = None);
            // By itself: nothing more is logged.
            out.wait_until(|out| out.lines() >= 2);
        });
        let text = out.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].len(), 10, "{text}");
        let told: usize = lines[1].strip_suffix(" missing").unwrap().parse().unwrap();
        assert_eq!(told + lines.len() - 2, 2, "{text}");
    }

    #[test]
    fn what_goes_into_a_pipe_at_once_is_whole_lines() {
        let line = |bytes: usize| [vec![b'x'; bytes - 1], vec![b'\n']].concat();
        for (lines, bytes) in [
            (vec![line(10)], 10),
            (vec![line(10), line(PIECE_BYTES)], 10),
            (vec![line(PIECE_BYTES), line(1)], PIECE_BYTES),
            (vec![line(2 * PIECE_BYTES), line(10)], 2 * PIECE_BYTES),
            (vec![line(10), line(20), line(PIECE_BYTES)], 30),
        ] {
            assert_eq!(piece(&lines.concat()), bytes);
        }
        assert_eq!(piece(&vec![b'x'; 3 * PIECE_BYTES]), 3 * PIECE_BYTES);
    }
}
