//! Connections that are opened and held: silent, in the middle of a head, or in the middle of a body.

use std::{
    io::{ErrorKind, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::{draft::Draft, wire::connect};

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) at_most: usize,
    /// Those that the server had closed, as it should after a while, and that were opened again.
    pub(crate) again: u64,
}

/// Holds so many connections, and says how many there are, until it is told to stop; then they are closed.
pub(crate) fn hold(to: SocketAddr, count: usize, now: &AtomicUsize, stop: &AtomicBool) -> Held {
    let mut held = Held::default();
    let mut streams: Vec<TcpStream> = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let before = streams.len();
        streams.retain(is_open);
        held.again += (before - streams.len()) as u64;
        // A few at a time: the honest client, too, stands in the queue for new connections.
        for _ in 0..200.min(count - streams.len()) {
            let Some(stream) = open(to, streams.len() as u64) else {
                break;
            };
            streams.push(stream);
        }
        held.at_most = held.at_most.max(streams.len());
        now.store(streams.len(), Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
    }
    held
}

fn open(to: SocketAddr, number: u64) -> Option<TcpStream> {
    let mut stream = connect(to, number).ok()?;
    stream.set_nonblocking(true).ok()?;
    let draft = Draft::issue("nobody").bytes();
    let so_far = match number % 3 {
        0 => 0,
        1 => 40,
        _ => draft.len() - 5,
    };
    let _ = stream.write_all(&draft[..so_far]);
    Some(stream)
}

/// It has neither been closed nor answered.
fn is_open(stream: &TcpStream) -> bool {
    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}
