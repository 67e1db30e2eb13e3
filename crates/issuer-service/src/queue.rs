//! A bounded queue that is emptied whole: whatever arrived while the last batch ran is the next one.

use std::{
    collections::VecDeque,
    thread,
    time::{Duration, Instant},
};

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    bound: usize,
    linger: Duration,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Takers that must be woken: to wake nobody is a system call, too.
    asleep: usize,
    open: bool,
}

/// Why an item was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    Full,
    Closed,
}

impl<T> Queue<T> {
    /// Takes in `bound` items at most. A taker that finds none looks again for `linger` before it sleeps: to wake it
    /// costs whoever comes, and itself, more than that.
    pub(crate) fn new(bound: usize, linger: Duration) -> Self {
        let state = State {
            waiting: VecDeque::new(),
            asleep: 0,
            open: true,
        };
        Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            bound,
            linger,
        }
    }

    /// Takes an item in, or refuses it at once.
    pub(crate) fn push(&self, item: T) -> Result<(), Rejected> {
        let mut state = self.lock();
        if !state.open {
            return Err(Rejected::Closed);
        }
        if state.waiting.len() >= self.bound {
            return Err(Rejected::Full);
        }
        state.waiting.push_back(item);
        self.wake_one(state);
        Ok(())
    }

    /// Waits for an item and returns it with those that wait behind it, at most `limit`; `None` once the
    /// queue is closed and empty.
    pub(crate) fn take(&self, limit: usize) -> Option<Vec<T>> {
        let mut state = self.linger();
        while state.waiting.is_empty() {
            if !state.open {
                return None;
            }
            state.asleep += 1;
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
        let count = state.waiting.len().min(limit);
        let batch = state.waiting.drain(..count).collect();
        if !state.waiting.is_empty() {
            // The pushes that woke this taker were for what it leaves, too.
            self.wake_one(state);
        }
        Some(batch)
    }

    fn wake_one(&self, state: MutexGuard<'_, State<T>>) {
        let asleep = state.asleep;
        drop(state);
        if asleep > 0 {
            self.arrived.notify_one();
        }
    }

    /// The state, once there is something to take or the time is up.
    fn linger(&self) -> MutexGuard<'_, State<T>> {
        let mut state = self.lock();
        let begun = Instant::now();
        while state.waiting.is_empty() && state.open && begun.elapsed() < self.linger {
            drop(state);
            thread::yield_now();
            state = self.lock();
        }
        state
    }

    /// Lets nothing more in; what is in is still taken.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.arrived.notify_all();
    }

    // Nothing below the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_refuses_at_once() {
        let queue = Queue::new(1, Duration::ZERO);
        assert_eq!(queue.push(1), Ok(()));
        assert_eq!(queue.push(2), Err(Rejected::Full));
    }

    #[test]
    fn what_was_let_in_is_still_taken_after_the_queue_closed() {
        let queue = Queue::new(8, Duration::ZERO);
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(queue.push(2), Err(Rejected::Closed));
        assert_eq!(queue.take(8), Some(vec![1]));
        assert_eq!(queue.take(8), None);
    }

    #[test]
    fn a_batch_is_what_waits_up_to_the_limit_in_order_of_arrival() {
        let queue = Queue::new(8, Duration::ZERO);
        for item in 0..5 {
            queue.push(item).unwrap();
        }
        assert_eq!(queue.take(3), Some(vec![0, 1, 2]));
        assert_eq!(queue.take(3), Some(vec![3, 4]));
    }

    #[test]
    fn a_taker_that_lingers_takes_what_arrives_and_sees_the_close() {
        let queue = Queue::new(8, Duration::from_mins(1));
        thread::scope(|scope| {
            let taker = scope.spawn(|| (queue.take(8), queue.take(8)));
            queue.push(1).unwrap();
            thread::sleep(Duration::from_millis(1));
            queue.close();
            assert_eq!(taker.join().unwrap(), (Some(vec![1]), None));
        });
    }

    #[test]
    fn a_taker_that_waits_is_woken_by_the_close() {
        let queue = std::sync::Arc::new(Queue::<u8>::new(8, Duration::ZERO));
        let taker = thread::spawn({
            let queue = queue.clone();
            move || queue.take(1)
        });
        queue.close();
        assert_eq!(taker.join().unwrap(), None);
    }
}
