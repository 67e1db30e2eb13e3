//! The way back to a caller: exactly one answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use issuer_store::Effect;
use oneshot::TryRecvError;

use crate::{
    Error,
    deadlines::Expire,
    error::ErrorKind,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Whoever answers holds this. Dropped without an answer, it tells the caller that the request was lost, so
/// that a panic leaves nobody waiting.
pub(crate) struct Reply<T>(Arc<Slot<T>>);

/// Where the answer arrives.
pub(crate) struct Pending<T>(oneshot::Receiver<Result<T, Error>>);

/// What the one who answers and the watch over deadlines share: the first to come takes the sender.
struct Slot<T>(Mutex<State<T>>);

struct State<T> {
    sender: Option<oneshot::Sender<Result<T, Error>>>,
    /// What the request has left behind if it is given up now.
    effect: Effect,
}

pub(crate) fn channel<T: Send>() -> (Reply<T>, Pending<T>) {
    let (sender, receiver) = oneshot::channel();
    let state = State {
        sender: Some(sender),
        effect: Effect::None,
    };
    (Reply(Arc::new(Slot(Mutex::new(state)))), Pending(receiver))
}

impl<T> Reply<T> {
    /// Begins the request, which may leave `effect` behind from now on; `false` if nobody waits for it any
    /// more, so that it must not begin.
    pub(crate) fn begin(&self, effect: Effect) -> bool {
        let mut state = self.0.lock();
        let waits = state.waits();
        if waits {
            state.effect = effect;
        }
        waits
    }

    /// True while a caller waits for the answer.
    pub(crate) fn waits(&self) -> bool {
        self.0.lock().waits()
    }

    pub(crate) fn send(self, answer: Result<T, Error>) {
        self.0.answer(|_| answer);
    }
}

impl<T: Send + 'static> Reply<T> {
    /// For the watch over deadlines.
    pub(crate) fn watched(&self) -> Arc<dyn Expire> {
        self.0.clone()
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        self.0.give_up(ErrorKind::Internal);
    }
}

impl<T> Slot<T> {
    fn give_up(&self, kind: ErrorKind) {
        self.answer(|effect| Err(Error::new(kind).with_effect(effect)));
    }

    /// Answers, unless somebody did. Between taking the sender and reading the effect nobody can begin.
    fn answer(&self, answer: impl FnOnce(Effect) -> Result<T, Error>) {
        let mut state = self.lock();
        let (sender, effect) = (state.sender.take(), state.effect);
        drop(state);
        if let Some(sender) = sender {
            // A caller that went away needs no answer. To wake one that waits runs code of its runtime: if
            // that panics, it is no concern of the others who are answered on this thread.
            let _ = catch_unwind(AssertUnwindSafe(|| sender.send(answer(effect))));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn waits(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

impl<T: Send> Expire for Slot<T> {
    fn waits(&self) -> bool {
        self.lock().waits()
    }

    fn expire(&self) {
        self.give_up(ErrorKind::DeadlineExceeded);
    }
}

impl<T> Pending<T> {
    /// For async callers, on any runtime.
    pub(crate) async fn answer(self) -> Result<T, Error> {
        self.0.await.unwrap_or_else(|_| Err(lost()))
    }

    /// For blocking callers, with no runtime at all. They look for the answer for `linger` before they sleep.
    pub(crate) fn wait(self, linger: Duration) -> Result<T, Error> {
        let begun = Instant::now();
        while begun.elapsed() < linger {
            match self.0.try_recv() {
                Err(TryRecvError::Empty) => thread::yield_now(),
                Ok(answer) => return answer,
                Err(TryRecvError::Disconnected) => return Err(lost()),
            }
        }
        self.0.recv().unwrap_or_else(|_| Err(lost()))
    }
}

/// For the type alone: whoever takes the sender sends.
fn lost() -> Error {
    Error::new(ErrorKind::Internal).with_effect(Effect::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_counts() {
        let (reply, pending) = channel();
        reply.watched().expire();
        reply.send(Ok(1));
        assert_eq!(
            pending.wait(Duration::ZERO).unwrap_err().kind(),
            &ErrorKind::DeadlineExceeded
        );
    }

    #[test]
    fn a_caller_that_lingers_has_the_answer_that_is_there_and_the_one_that_comes() {
        let (reply, pending) = channel();
        reply.send(Ok(1));
        assert_eq!(pending.wait(Duration::from_mins(1)).unwrap(), 1);

        let (reply, pending) = channel();
        let told = thread::scope(|scope| {
            let caller = scope.spawn(|| pending.wait(Duration::from_mins(1)));
            thread::sleep(Duration::from_millis(1));
            reply.send(Ok(2));
            caller.join().unwrap()
        });
        assert_eq!(told.unwrap(), 2);
    }

    #[test]
    fn a_request_that_was_given_up_does_not_begin() {
        let (reply, pending) = channel::<()>();
        reply.watched().expire();
        assert!(!reply.begin(Effect::Unknown));
        assert_eq!(pending.wait(Duration::ZERO).unwrap_err().effect(), Effect::None);
    }

    #[test]
    fn a_request_whose_caller_went_away_does_not_begin_and_is_not_watched() {
        let (reply, pending) = channel::<()>();
        drop(pending);
        assert!(!reply.begin(Effect::Unknown));
        assert!(!reply.watched().waits());
    }

    #[test]
    fn a_reply_that_is_dropped_tells_the_caller_what_the_request_may_have_left() {
        for effect in [Effect::None, Effect::Unknown] {
            let (reply, pending) = channel::<()>();
            let watched = reply.watched();
            assert!(reply.begin(effect));
            drop(reply);
            let error = pending.wait(Duration::ZERO).unwrap_err();
            assert_eq!((error.kind(), error.effect()), (&ErrorKind::Internal, effect));
            assert!(!watched.waits());
        }
    }

    #[test]
    fn whoever_is_told_that_nothing_was_begun_can_rely_on_it() {
        for _ in 0..2_000 {
            let (reply, pending) = channel::<()>();
            let watched = reply.watched();
            let begun = thread::scope(|scope| {
                scope.spawn(|| watched.expire());
                reply.begin(Effect::Unknown)
            });
            let told = pending.wait(Duration::ZERO).unwrap_err().effect();
            assert_eq!(told, if begun { Effect::Unknown } else { Effect::None });
        }
    }
}
