//! Connections that are opened and held: silent, in the middle of a head, or in the middle of a body.

use std::{
    io::{ErrorKind, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::{draft::Draft, wire::connect};

/// Silent, in a head, in a body.
const KINDS: usize = 3;

/// How it went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) at_most: usize,
    /// Added up over all looks at them.
    sum: usize,
    looks: usize,
    /// Those that the server had closed, as it should after a while, and that were opened again.
    pub(crate) again: u64,
}

impl Held {
    pub(crate) fn on_average(&self) -> usize {
        self.sum / self.looks.max(1)
    }

    pub(crate) fn and(self, later: Self) -> Self {
        Self {
            at_most: self.at_most.max(later.at_most),
            sum: self.sum + later.sum,
            looks: self.looks + later.looks,
            again: self.again + later.again,
        }
    }
}

/// Holds so many connections, and says how many there are, until it is told to stop; then they are closed.
pub(crate) fn hold(to: SocketAddr, count: usize, now: &AtomicUsize, stop: &AtomicBool) -> Held {
    let mut held = Held::default();
    let mut streams: Vec<(usize, TcpStream)> = Vec::new();
    let mut opened = 0;
    while !stop.load(Ordering::Relaxed) {
        let before = streams.len();
        streams.retain(|(_, stream)| is_open(stream));
        held.again += (before - streams.len()) as u64;
        // A few at a time: the honest client, too, stands in the queue for new connections.
        for _ in 0..200.min(count - streams.len()) {
            // A third of each kind, though the server closes some of them sooner.
            let of = |kind: usize| streams.iter().filter(|(known, _)| *known == kind).count();
            let kind = (0..KINDS)
                .map(|kind| (kind + opened) % KINDS)
                .find(|kind| of(*kind) < count.div_ceil(KINDS))
                .unwrap_or(0);
            opened += 1;
            let Some(stream) = open(to, streams.len() as u64, kind) else {
                break;
            };
            streams.push((kind, stream));
        }
        held.at_most = held.at_most.max(streams.len());
        held.sum += streams.len();
        held.looks += 1;
        now.store(streams.len(), Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
    }
    held
}

fn open(to: SocketAddr, number: u64, kind: usize) -> Option<TcpStream> {
    let mut stream = connect(to, number).ok()?;
    stream.set_nonblocking(true).ok()?;
    let draft = Draft::issue("nobody").bytes();
    let so_far = match kind {
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
