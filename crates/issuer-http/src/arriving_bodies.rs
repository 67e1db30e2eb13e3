//! The memory of bodies that arrive in pieces: one buffer a body, and one budget for all.
//!
//! Each piece that hyper hands out keeps the buffer alive into which it was read: a body in chunks of one byte would take many
//! times its size. So pieces are copied together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Bytes that all bodies may take while they arrive.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// The bodies that are arriving. Where a new piece finds no room, the body that began first gives up its buffer: a client that
/// sends slowly costs others nothing.
#[derive(Default)]
pub(crate) struct ArrivingBodies(Mutex<Arriving>);

#[derive(Default)]
struct Arriving {
    next: u64,
    /// The sum of the capacities of the buffers.
    bytes: usize,
    /// In the order in which they began.
    buffers: BTreeMap<u64, Vec<u8>>,
}

/// One body that arrives; its buffer goes when this is dropped.
pub(crate) struct ArrivingBody<'a> {
    all: &'a ArrivingBodies,
    number: u64,
}

/// The body gave up its buffer to others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl ArrivingBodies {
    pub(crate) fn begin(&self) -> ArrivingBody<'_> {
        let mut arriving = self.lock();
        let number = arriving.next;
        arriving.next += 1;
        arriving.buffers.insert(number, Vec::new());
        ArrivingBody { all: self, number }
    }

    // Nothing below the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Arriving> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArrivingBody<'_> {
    /// Adds a piece to a body of at most `limit` bytes.
    pub(crate) fn add(&self, piece: &[u8], limit: usize) -> Result<(), NoRoom> {
        let mut arriving = self.all.lock();
        let Arriving { bytes, buffers, .. } = &mut *arriving;
        let buffer = buffers.get_mut(&self.number).ok_or(NoRoom)?;
        let before = buffer.capacity();
        let needed = buffer.len().saturating_add(piece.len());
        if needed > before {
            // Twice as much each time, so that a byte is copied once or twice, and not past what the body may have.
            let capacity = needed.max(before.saturating_mul(2).min(limit));
            buffer.reserve_exact(capacity - buffer.len());
        }
        buffer.extend_from_slice(piece);
        *bytes = *bytes - before + buffer.capacity();
        while *bytes > MAX_BYTES {
            let Some((_, oldest)) = buffers.pop_first() else {
                break;
            };
            *bytes -= oldest.capacity();
        }
        Ok(())
    }

    /// The whole body.
    pub(crate) fn finish(self) -> Result<Vec<u8>, NoRoom> {
        let body = self.all.lock().take(self.number);
        body.ok_or(NoRoom)
    }
}

impl Arriving {
    fn take(&mut self, number: u64) -> Option<Vec<u8>> {
        let buffer = self.buffers.remove(&number)?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }
}

impl Drop for ArrivingBody<'_> {
    fn drop(&mut self) {
        self.all.lock().take(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 << 10;

    fn is_empty(bodies: &ArrivingBodies) -> bool {
        let arriving = bodies.lock();
        arriving.bytes == 0 && arriving.buffers.is_empty()
    }

    #[test]
    fn pieces_become_the_body_in_a_buffer_of_no_more_than_its_limit() {
        let bodies = ArrivingBodies::default();
        let body = bodies.begin();
        let sent: Vec<u8> = (0..LIMIT).map(|n| n.to_le_bytes()[0]).collect();
        for piece in sent.chunks(7) {
            body.add(piece, LIMIT).unwrap();
            assert!(bodies.lock().bytes <= LIMIT);
        }
        assert_eq!(body.finish().unwrap(), sent);
        assert!(is_empty(&bodies));
    }

    #[test]
    fn the_body_that_began_first_gives_up_its_buffer_and_the_sum_is_kept() {
        let bodies = ArrivingBodies::default();
        let fit = MAX_BYTES / LIMIT;
        let open: Vec<_> = (0..=fit).map(|_| bodies.begin()).collect();
        for body in &open {
            body.add(&vec![7; LIMIT], LIMIT).unwrap();
            assert!(bodies.lock().bytes <= MAX_BYTES);
        }
        let mut open = open.into_iter();
        let first = open.next().unwrap();
        assert_eq!(first.add(b"x", LIMIT), Err(NoRoom));
        assert_eq!(first.finish(), Err(NoRoom));
        assert!(open.all(|body| body.finish().is_ok()));
        assert_eq!(bodies.lock().bytes, 0);
    }

    #[test]
    fn a_body_that_nobody_waits_for_any_more_makes_room() {
        let bodies = ArrivingBodies::default();
        let body = bodies.begin();
        body.add(&[7; 100], LIMIT).unwrap();
        drop(body);
        assert!(is_empty(&bodies));
    }
}
