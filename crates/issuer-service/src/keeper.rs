//! What is done behind everybody's back: a change to the API keys is seen, and dead rows go.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use issuer_store::Store;

use crate::{Clock, api_keys::ApiKeys, guard};

/// How often the control record is read: a change holds on every server within a second.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// When dead rows are first looked for: a process of one command is over by then, and leaves it to others.
const FIRST_PURGE_AFTER: Duration = Duration::from_millis(500);

/// How often dead rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(30);

/// Rows of one slice of a purge: some milliseconds of a writer's time where each of them is on another page of the disk.
const PURGE_SLICE: usize = 32;

/// Callers come first: a pause between two slices is this many times as long as the slice took, which leaves them three
/// quarters of the writer's time.
const PURGE_PAUSES: u32 = 3;

/// Rows stay for this long after their death: `verify` can say why a token is dead, and a clock that ran
/// ahead by less kills nothing for good.
const PURGE_AFTER_SECONDS: i64 = 3_600;

/// Stops what runs in the background. Refreshing and purging have a thread each: a purge that waits for a
/// writer's turn must not keep a revoked API key alive.
#[derive(Default)]
pub(crate) struct Keeper {
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Keeper {
    /// Reads the API keys again and again, until it is stopped.
    pub(crate) fn refresh(&self, keys: &ApiKeys, store: &dyn Store) {
        while !self.sleep(REFRESH_EVERY) {
            // Whoever presents a key is told of a failure.
            let _ = keys.refresh(store);
        }
    }

    /// Deletes dead rows, a slice at a time, until it is stopped.
    pub(crate) fn purge(&self, store: &dyn Store, clock: &dyn Clock) {
        let mut pause = FIRST_PURGE_AFTER;
        while !self.sleep(pause) {
            let begun = Instant::now();
            let purged = guard::write(|| {
                let dead_before = clock.timestamp().saturating_add_seconds(-PURGE_AFTER_SECONDS);
                store.purge(dead_before, PURGE_SLICE)
            });
            // Nobody waits for this, and what stays only takes space: it is tried again.
            let more = purged.is_ok_and(|rows| rows >= PURGE_SLICE);
            pause = if more {
                begun.elapsed().saturating_mul(PURGE_PAUSES)
            } else {
                PURGE_EVERY
            };
        }
    }

    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.notify_all();
    }

    /// Sleeps; `true` if it is time to stop.
    fn sleep(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stop.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
