//! The way back to a caller: exactly one answer, at the deadline at the latest.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Error, error::ErrorKind};

/// Whoever answers holds this; the first answer counts.
pub(crate) struct Reply<T>(Mutex<State<T>>);

struct State<T> {
    sender: Option<oneshot::Sender<Result<T, Error>>>,
    begun: bool,
}

/// Where the answer arrives.
pub(crate) struct Pending<T>(oneshot::Receiver<Result<T, Error>>);

pub(crate) fn channel<T: Send>() -> (Arc<Reply<T>>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    let state = State {
        sender: Some(sender),
        begun: false,
    };
    (Arc::new(Reply(Mutex::new(state))), Pending(receiver))
}

impl<T> Reply<T> {
    /// Marks the request as begun; `false` if nobody waits for it any more, so that it must not begin.
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.lock();
        state.begun = state.sender.as_ref().is_some_and(|sender| !sender.is_closed());
        state.begun
    }

    pub(crate) fn send(&self, answer: Result<T, Error>) {
        let sender = self.lock().sender.take();
        if let Some(sender) = sender {
            // A caller that went away needs no answer.
            let _ = sender.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Pending<T> {
    /// For async callers, on any runtime.
    pub(crate) async fn answer(self) -> Result<T, Error> {
        self.0.await.unwrap_or_else(|_| Err(lost()))
    }

    /// For blocking callers, with no runtime at all.
    pub(crate) fn wait(self) -> Result<T, Error> {
        self.0.recv().unwrap_or_else(|_| Err(lost()))
    }
}

/// The batch that the request was in panicked.
fn lost() -> Error {
    Error::new(ErrorKind::Internal).maybe_applied()
}

/// A request that can be given up.
pub(crate) trait Expire: Send + Sync {
    fn is_answered(&self) -> bool;
    fn expire(&self);
}

impl<T: Send> Expire for Reply<T> {
    fn is_answered(&self) -> bool {
        self.lock().sender.is_none()
    }

    fn expire(&self) {
        let begun = self.lock().begun;
        let error = Error::new(ErrorKind::DeadlineExceeded);
        self.send(Err(if begun { error.maybe_applied() } else { error }));
    }
}

/// Gives up what is not answered in time. All requests have the same time, so that they expire in the
/// order of their arrival.
pub(crate) struct Deadlines {
    state: Mutex<Watch>,
    closed: Condvar,
    time: Duration,
}

struct Watch {
    watched: VecDeque<(Instant, Arc<dyn Expire>)>,
    open: bool,
}

impl Deadlines {
    pub(crate) fn new(time: Duration) -> Self {
        let state = Watch {
            watched: VecDeque::new(),
            open: true,
        };
        Self {
            state: Mutex::new(state),
            closed: Condvar::new(),
            time,
        }
    }

    pub(crate) fn watch(&self, reply: Arc<dyn Expire>) {
        let mut state = self.lock();
        // Two out for one in: what is answered does not pile up.
        for _ in 0..2 {
            if state
                .watched
                .front()
                .is_some_and(|(_, first)| first.is_answered())
            {
                state.watched.pop_front();
            }
        }
        state.watched.push_back((Instant::now() + self.time, reply));
    }

    /// Gives up what is overdue, until the watch is closed.
    pub(crate) fn run(&self) {
        // Fine enough for deadlines of seconds, and nothing has to be woken when a request arrives.
        let tick = (self.time / 20).clamp(Duration::from_millis(1), Duration::from_millis(100));
        let mut state = self.lock();
        while state.open {
            let now = Instant::now();
            let mut overdue = Vec::new();
            while state
                .watched
                .front()
                .is_some_and(|(end, first)| *end <= now || first.is_answered())
            {
                overdue.extend(state.watched.pop_front());
            }
            drop(state);
            for (_, reply) in overdue {
                reply.expire();
            }
            state = self
                .closed
                .wait_timeout(self.lock(), tick)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.closed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
