//! Whoever is not answered in time is told so.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A request that can be given up.
pub(crate) trait Expire: Send + Sync {
    /// Whether somebody waits for an answer still.
    fn waits(&self) -> bool;

    fn expire(&self);
}

/// Gives up what is not answered in time.
///
/// What it holds is bounded: the requests that wait, which the queues bound, and those of the last tick.
pub(crate) struct Deadlines {
    state: Mutex<Watch>,
    closed: Condvar,
    time: Duration,
}

struct Watch {
    requests: Vec<Watched>,
    open: bool,
}

struct Watched {
    since: Instant,
    request: Arc<dyn Expire>,
}

impl Deadlines {
    pub(crate) const fn new(time: Duration) -> Self {
        let state = Watch {
            requests: Vec::new(),
            open: true,
        };
        Self {
            state: Mutex::new(state),
            closed: Condvar::new(),
            time,
        }
    }

    /// Watches a request that was accepted.
    pub(crate) fn watch(&self, request: Arc<dyn Expire>) {
        let since = Instant::now();
        self.lock().requests.push(Watched { since, request });
    }

    /// Gives up what is overdue, until the watch is closed.
    pub(crate) fn run(&self) {
        // Fine enough for deadlines of seconds, and nothing has to be woken when a request arrives.
        let tick = (self.time / 20).clamp(Duration::from_millis(1), Duration::from_millis(100));
        let mut state = self.lock();
        while state.open {
            let mut requests = mem::take(&mut state.requests);
            // Callers go on while this looks at what they left.
            drop(state);
            requests.retain(|watched| self.keeps(watched));
            state = self.lock();
            requests.append(&mut state.requests);
            state.requests = requests;
            state = self
                .closed
                .wait_timeout_while(state, tick, |state| state.open)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn keeps(&self, watched: &Watched) -> bool {
        if watched.since.elapsed() >= self.time {
            watched.request.expire();
            return false;
        }
        watched.request.waits()
    }

    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.closed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply;

    #[test]
    fn what_is_answered_does_not_pile_up_behind_a_request_that_hangs() {
        let deadlines = Deadlines::new(Duration::from_secs(20));
        let (hangs, _pending) = reply::channel::<()>();
        deadlines.watch(hangs.watched());
        for _ in 0..10_000 {
            let (reply, _pending) = reply::channel();
            deadlines.watch(reply.watched());
            reply.send(Ok(()));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| deadlines.run());
            let end = Instant::now() + Duration::from_secs(10);
            while deadlines.lock().requests.len() != 1 && Instant::now() < end {
                std::thread::yield_now();
            }
            let left = deadlines.lock().requests.len();
            deadlines.close();
            assert_eq!(left, 1);
        });
    }
}
