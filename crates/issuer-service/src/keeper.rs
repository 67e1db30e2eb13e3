//! What is done behind everybody's back: dead rows go, and a change to the API keys is seen.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use issuer_store::Store;

use crate::{Clock, api_keys::ApiKeys, clock, guard};

/// How often the control record is read: a change holds on every server within a second.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// How often dead rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(30);

/// Rows of one slice of a purge: a few milliseconds of a writer's time.
const PURGE_SLICE: usize = 256;

/// Between two slices, so that callers come first.
const PURGE_PAUSE: Duration = Duration::from_millis(20);

/// Rows stay for this long after their death: `verify` can say why a token is dead, and a clock that ran
/// ahead by less kills nothing for good.
const PURGE_AFTER_SECONDS: i64 = 3_600;

#[derive(Default)]
pub(crate) struct Keeper {
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Keeper {
    /// Works until it is stopped.
    pub(crate) fn run(&self, store: &dyn Store, keys: &ApiKeys, clock: &dyn Clock) {
        let mut purge_at = Instant::now();
        while !self.sleep(REFRESH_EVERY) {
            // A store that fails here fails the callers, too, and tells them; the keys stay as last read.
            let _ = keys.refresh(store);
            if Instant::now() >= purge_at {
                self.purge(store, clock);
                purge_at = Instant::now() + PURGE_EVERY;
            }
        }
    }

    fn purge(&self, store: &dyn Store, clock: &dyn Clock) {
        loop {
            let dead_before = clock::seconds(clock.now()).saturating_add_seconds(-PURGE_AFTER_SECONDS);
            let purged = guard::write(|| store.purge(dead_before, PURGE_SLICE));
            if !purged.is_ok_and(|rows| rows >= PURGE_SLICE) || self.sleep(PURGE_PAUSE) {
                return;
            }
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
