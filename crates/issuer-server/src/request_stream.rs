//! The bytes of a connection, handed to hyper one request at a time.
//!
//! hyper has one time limit for the wait between two requests and for the next head, and does not say which of the two it is
//! in. Here it gets the bytes of a request up to the end of its head, then its body, and then those of the next request, so
//! that the first byte of a head is seen when it comes. hyper gets all that it asks for, and it alone decides what a request
//! is: where it sees an end that is not seen here, or the other way round, a time limit may be the wrong one and no more.
//!
//! One thing is changed: hyper answers a `Transfer-Encoding` that it does not know with a bare 400, where RFC 9112 section 6.1
//! wants 501. Such a line gets another name on its way to hyper and its own again behind it, for the router to refuse. Its
//! beginning waits here until the line is whole.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, header};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// The longest time that the head of a request may take to arrive, from its first byte.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(10);

/// The longest time for which a client may take no byte of an answer.
pub(crate) const WRITE_TIME: Duration = Duration::from_secs(30);

/// A name of the same length as `Transfer-Encoding`, for a coding that hyper must not see.
const HIDDEN: HeaderName = HeaderName::from_static("x-transfer-coding");

const CODING: &[u8] = b"transfer-encoding";

/// A longer `Transfer-Encoding` is left to hyper: bytes that are held back cost memory.
const MAX_CODING_LINE: usize = 1_024;

/// The progress of a connection. Clones share it; one task at a time uses it.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    phase: Phase,
    expects: Expects,
    hides_coding: bool,
    /// Since when the client takes nothing of an answer.
    stalled: Option<Instant>,
    unread: Unread,
}

/// Bytes that have come and that the runtime has not been told of yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// It is not asked whether there are some.
    NotAsked,
    /// The next read that finds nothing is to look for some.
    Asked,
    Found,
}

/// The event that a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of the next request, since the last answer.
    Request(Instant),
    /// The end of a head, since its first byte.
    Head(Instant),
    /// The end of a body, which has a time limit of its own.
    Body,
    /// The answer.
    Answer,
}

/// The part of a request that the next bytes of the stream belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Head,
    /// Of a body, so many bytes.
    Body(u64),
    /// A body whose end only hyper sees. The connection ends with its answer.
    Rest,
}

impl Progress {
    /// Of a connection whose first byte has just come.
    pub(crate) fn begun() -> Self {
        Self(Arc::new(Mutex::new(State {
            phase: Phase::Head(Instant::now()),
            expects: Expects::Head,
            hides_coding: false,
            stalled: None,
            unread: Unread::NotAsked,
        })))
    }

    /// hyper has read a head. `body` is the length of the body, where the head says it.
    pub(crate) fn head_is_read(&self, headers: &mut HeaderMap, body: Option<u64>) {
        let mut state = self.state();
        (state.phase, state.expects) = match body {
            Some(0) => (Phase::Answer, Expects::Head),
            Some(length) => (Phase::Body, Expects::Body(length)),
            None => (Phase::Body, Expects::Rest),
        };
        if std::mem::take(&mut state.hides_coding) {
            let codings: Vec<_> = headers.get_all(HIDDEN).iter().cloned().collect();
            headers.remove(HIDDEN);
            for coding in codings {
                headers.append(header::TRANSFER_ENCODING, coding);
            }
        }
    }

    /// The whole request has arrived.
    pub(crate) fn body_is_read(&self) {
        self.state().phase = Phase::Answer;
    }

    /// The answer is there, and may still have to be written.
    pub(crate) fn is_answered(&self) {
        self.state().phase = Phase::Request(Instant::now());
    }

    /// True while the server waits for the client.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.state().phase != Phase::Answer
    }

    /// Has the next read that finds nothing look for bytes that the runtime has not been told of yet.
    pub(crate) fn look_for_unread(&self) {
        self.state().unread = Unread::Asked;
    }

    /// True if such a read has found some.
    pub(crate) fn has_unread(&self) -> bool {
        std::mem::replace(&mut self.state().unread, Unread::NotAsked) == Unread::Found
    }

    /// When the client has taken too long, unless it moves.
    pub(crate) fn deadline(&self, idle_timeout: Duration) -> Option<Instant> {
        let state = self.state();
        let of_phase = match state.phase {
            Phase::Request(since) => Some(since + idle_timeout),
            Phase::Head(since) => Some(since + HEAD_TIME),
            Phase::Body | Phase::Answer => None,
        };
        let of_write = state.stalled.map(|since| since + WRITE_TIME);
        of_phase.into_iter().chain(of_write).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of requests.
#[derive(Debug)]
pub(crate) struct RequestStream<S> {
    stream: S,
    progress: Progress,
    line: Line,
    /// Bytes that were read and not handed over.
    ahead: Vec<u8>,
    /// So many bytes of it may be handed over.
    ready: usize,
    has_unread: fn(&S) -> bool,
}

/// Where in a line of a head the last byte was that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the request line: empty lines there are skipped (RFC 9112 section 2.2).
    BeforeRequest,
    /// At the start of a field line.
    Start,
    /// The same, and a carriage return has come.
    Return,
    /// In the middle.
    Middle,
}

impl<S> RequestStream<S> {
    /// `has_unread` asks the system, past the runtime, whether bytes have come.
    pub(crate) const fn new(stream: S, progress: Progress, has_unread: fn(&S) -> bool) -> Self {
        Self {
            stream,
            progress,
            line: Line::BeforeRequest,
            ahead: Vec::new(),
            ready: 0,
            has_unread,
        }
    }

    /// Looks for bytes that the runtime does not know of, where a read has found nothing and that is asked for.
    fn read<T>(&self, polled: Poll<T>) -> Poll<T> {
        let mut state = self.progress.state();
        if polled.is_pending() && state.unread == Unread::Asked && (self.has_unread)(&self.stream) {
            state.unread = Unread::Found;
        }
        polled
    }
}

/// The number of these bytes, the next ones, that may be handed over now: up to the end of a head or of a body, and
/// without the beginning of a line that has to be seen whole.
fn admit(progress: &Progress, line: &mut Line, bytes: &mut [u8]) -> usize {
    let mut state = progress.state();
    match state.expects {
        Expects::Rest => bytes.len(),
        Expects::Body(left) => {
            let admitted = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - admitted as u64;
            state.expects = if left == 0 {
                Expects::Head
            } else {
                Expects::Body(left)
            };
            admitted
        }
        Expects::Head => {
            if let Phase::Request(_) = state.phase {
                state.phase = Phase::Head(Instant::now());
            }
            let (admitted, hides_coding) = admit_head(line, bytes);
            state.hides_coding |= hides_coding;
            admitted
        }
    }
}

/// The same in a head, and whether the name of a line was changed.
fn admit_head(line: &mut Line, bytes: &mut [u8]) -> (usize, bool) {
    let (mut admitted, mut hides_coding) = (0, false);
    for part in bytes.split_inclusive_mut(|byte| *byte == b'\n') {
        let is_whole = part.ends_with(b"\n");
        if *line == Line::Start && is_coding(part) {
            if !is_whole && part.len() < MAX_CODING_LINE {
                break;
            }
            hides_coding |= hide_coding(part);
        }
        admitted += part.len();
        let is_blank = matches!(&*part, b"\n" | b"\r\n" | b"\r");
        *line = match (*line, is_blank, is_whole) {
            (Line::BeforeRequest, true, _) => Line::BeforeRequest,
            (Line::Start | Line::Return, true, true) => {
                // The end of the head.
                *line = Line::BeforeRequest;
                break;
            }
            (Line::Start, true, false) => Line::Return,
            (_, _, true) => Line::Start,
            (_, _, false) => Line::Middle,
        };
    }
    (admitted, hides_coding)
}

/// True if this line is a `Transfer-Encoding`, or may become one.
fn is_coding(line: &[u8]) -> bool {
    let name = line.get(..CODING.len()).unwrap_or(line);
    let is_name = CODING
        .get(..name.len())
        .is_some_and(|start| name.eq_ignore_ascii_case(start));
    is_name && line.get(CODING.len()).is_none_or(|byte| *byte == b':')
}

/// Changes the name of a `Transfer-Encoding` that is not `chunked` alone.
fn hide_coding(line: &mut [u8]) -> bool {
    let Some((name, value)) = line.split_at_mut_checked(CODING.len()) else {
        return false;
    };
    let coding = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
    if coding.eq_ignore_ascii_case(b"chunked") {
        return false;
    }
    name.copy_from_slice(HIDDEN.as_str().as_bytes());
    true
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.is_empty() {
            let before = buffer.filled().len();
            let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
            ready!(this.read(polled))?;
            let read = buffer.filled_mut().get_mut(before..).unwrap_or_default();
            if read.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let admitted = admit(&this.progress, &mut this.line, read);
            this.ahead
                .extend_from_slice(read.get(admitted..).unwrap_or_default());
            buffer.set_filled(before + admitted);
            if admitted > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            if this.ready == 0 {
                this.ready = admit(&this.progress, &mut this.line, &mut this.ahead);
            }
            if this.ready > 0 {
                let now = this.ready.min(buffer.remaining());
                buffer.put_slice(this.ahead.get(..now).unwrap_or_default());
                this.ready -= now;
                if now == this.ahead.len() {
                    this.ahead = Vec::new();
                } else {
                    this.ahead.drain(..now);
                }
                return Poll::Ready(Ok(()));
            }
            // The beginning of a line that has to be seen whole.
            let mut more = [0; MAX_CODING_LINE];
            let mut more = ReadBuf::new(&mut more);
            let polled = Pin::new(&mut this.stream).poll_read(context, &mut more);
            ready!(this.read(polled))?;
            if more.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.ahead.extend_from_slice(more.filled());
        }
    }
}

impl<S> RequestStream<S> {
    /// Notes whether the client takes what it is sent.
    fn wrote<T>(&self, polled: Poll<T>) -> Poll<T> {
        let mut state = self.progress.state();
        if polled.is_ready() {
            state.stalled = None;
        } else if state.stalled.is_none() {
            state.stalled = Some(Instant::now());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// What comes out of a stream when these pieces go in, piece by piece.
    fn handed_over(pieces: &[&[u8]], space: usize, progress: &Progress) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Without the limit after which tokio lets other tasks run: pending means here that nothing has come.
        runtime.block_on(tokio::task::unconstrained(async {
            let (mut client, server) = tokio::io::duplex(1 << 16);
            let mut stream = RequestStream::new(server, progress.clone(), |_| false);
            let mut out = Vec::new();
            for piece in pieces {
                tokio::io::AsyncWriteExt::write_all(&mut client, piece)
                    .await
                    .unwrap();
                loop {
                    let mut bytes = vec![0; space];
                    let mut buffer = ReadBuf::new(&mut bytes);
                    let polled =
                        poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_read(context, &mut buffer)))
                            .await;
                    if polled.is_pending() {
                        break;
                    }
                    out.push(String::from_utf8(buffer.filled().to_vec()).unwrap());
                }
            }
            out
        }))
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[test]
    fn requests_in_one_piece_are_handed_over_one_by_one() {
        for blank in ["\r\n", "\n"] {
            let first = format!("GET /1 HTTP/1.1{blank}Host: a{blank}{blank}");
            let second = format!("{blank}{blank}GET /2 HTTP/1.1{blank}{blank}");
            let all = format!("{first}{second}GET /3");
            let out = handed_over(&[all.as_bytes()], 100, &Progress::begun());
            assert_eq!(out, [&*first, &*second, "GET /3"]);
        }
    }

    #[test]
    fn however_the_bytes_come_all_of_them_are_handed_over_in_their_order() {
        let text = format!(
            "\r\n{GET}POST / HTTP/1.1\r\ntransfer-encoder: a\r\nTransfer-Encoding: chunked\r\n\r\n{GET}Trans"
        );
        for cut in 1..40 {
            for space in [1, 7, 1_000] {
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
                let out = handed_over(&pieces, space, &Progress::begun());
                assert_eq!(out.concat(), text, "{cut} {space}");
            }
        }
    }

    #[test]
    fn a_coding_that_hyper_does_not_know_gets_another_name_however_it_comes() {
        let text = "POST /Transfer-Encoding HTTP/1.1\r\nTRANSFER-encoding: gzip\r\nTransfer-Encoding:\tChunked \r\n\
                    X: Transfer-Encoding: y\r\ntransfer-encoding:\r\n\r\n";
        let expected = "POST /Transfer-Encoding HTTP/1.1\r\nx-transfer-coding: gzip\r\nTransfer-Encoding:\tChunked \r\n\
                        X: Transfer-Encoding: y\r\nx-transfer-coding:\r\n\r\n";
        for cut in 1..200 {
            for space in [1, 1_000] {
                let progress = Progress::begun();
                let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
                assert_eq!(handed_over(&pieces, space, &progress).concat(), expected, "{cut}");
                let mut headers = HeaderMap::new();
                headers.insert(HIDDEN, "gzip".parse().unwrap());
                progress.head_is_read(&mut headers, None);
                assert_eq!(headers.get(header::TRANSFER_ENCODING).unwrap(), "gzip");
                assert!(!headers.contains_key(HIDDEN));
            }
        }
        // Where nothing was changed, the name is the client's.
        let progress = Progress::begun();
        let mut headers = HeaderMap::new();
        headers.insert(HIDDEN, "gzip".parse().unwrap());
        progress.head_is_read(&mut headers, None);
        assert!(headers.contains_key(HIDDEN));
    }

    #[test]
    fn a_line_that_may_become_a_coding_is_not_held_without_end() {
        let line = format!("Transfer-Encoding: {}", "x".repeat(5_000));
        let text = format!("GET / HTTP/1.1\r\n{line}");
        let out = handed_over(&[text.as_bytes()], 10_000, &Progress::begun()).concat();
        assert_eq!(out.len(), text.len());
    }

    #[test]
    fn the_limit_is_that_of_what_the_connection_waits_for() {
        let idle = Duration::from_secs(75);
        let progress = Progress::begun();
        // Of the limits that there are, the one that is left of now, on a machine that may be busy.
        let left = |progress: &Progress| {
            let left = progress.deadline(idle)?.duration_since(Instant::now());
            [10, 75]
                .into_iter()
                .find(|limit| left <= Duration::from_secs(*limit))
        };
        assert_eq!(left(&progress), Some(10));
        handed_over(&[GET.as_bytes()], 100, &progress);
        progress.head_is_read(&mut HeaderMap::new(), Some(0));
        assert_eq!(left(&progress), None);
        progress.is_answered();
        assert_eq!(left(&progress), Some(75));
        handed_over(&[b"P"], 100, &progress);
        assert_eq!(left(&progress), Some(10));
        progress.head_is_read(&mut HeaderMap::new(), Some(3));
        assert_eq!(left(&progress), None);
        // The first byte behind the body is that of the next head, also where it came before the answer.
        assert_eq!(handed_over(&[b"abcGET"], 100, &progress), ["abc", "GET"]);
        let progress = Progress::begun();
        progress.head_is_read(&mut HeaderMap::new(), Some(3));
        handed_over(&[b"abc"], 100, &progress);
        progress.is_answered();
        assert_eq!(left(&progress), Some(75));
        handed_over(&[b"G"], 100, &progress);
        assert_eq!(left(&progress), Some(10));
    }

    #[test]
    fn a_client_that_takes_nothing_of_an_answer_has_thirty_seconds() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut client, server) = tokio::io::duplex(4);
            let progress = Progress::begun();
            progress.head_is_read(&mut HeaderMap::new(), Some(0));
            let mut stream = RequestStream::new(server, progress.clone(), |_| false);
            let mut write = async |bytes: &[u8]| {
                poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, bytes).is_ready()))
                    .await
            };
            assert!(write(b"HTTP").await);
            assert_eq!(progress.deadline(Duration::from_secs(75)), None);
            assert!(!write(b"/1.1").await);
            let deadline = progress.deadline(Duration::from_secs(75)).unwrap();
            assert!(deadline <= Instant::now() + WRITE_TIME);
            // Another attempt gives no more time.
            assert!(!write(b"/1.1").await);
            assert_eq!(progress.deadline(Duration::from_secs(75)), Some(deadline));
            tokio::io::AsyncReadExt::read_exact(&mut client, &mut [0; 4])
                .await
                .unwrap();
            assert!(write(b"/1.1").await);
            assert_eq!(progress.deadline(Duration::from_secs(75)), None);
        });
    }
}
