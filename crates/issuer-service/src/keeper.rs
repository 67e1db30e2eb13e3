//! Background maintenance: changes to the API keys are read, dead rows are purged, and a test write tells whether the store can
//! be written.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use issuer::state::{Control, Expect, Versioned};
use issuer_store::{Effect, Outcome, Store};

use crate::{
    Clock, Error, api_keys::ApiKeys, error::ErrorKind, fresh, guard, health::Health, live_tokens::LiveTokens,
    reply::Reply, trouble::Trouble,
};

/// How often the control record is read: a change holds on every server within a second.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// When dead rows are first looked for: a process of one command is over by then, and leaves it to others.
const FIRST_PURGE_AFTER: Duration = Duration::from_millis(500);

/// How often dead rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(30);

/// The longest pause after purges that failed.
const PURGE_AT_LEAST_EVERY: Duration = Duration::from_mins(10);

/// Rows of one batch of a purge: some milliseconds of a writer's time where each of them is on another page of the disk.
const PURGE_BATCH: usize = 32;

/// Callers come first: a pause between two batches is this many times as long as the batch took, which leaves them three
/// quarters of the writer's time.
const PURGE_PAUSES: u32 = 3;

/// Rows stay for this long after their death: `verify` can say why a token is dead, and a clock that ran
/// ahead by less kills nothing for good.
const PURGE_AFTER_SECONDS: i64 = 3_600;

/// After a test write that failed, the next one is made this much later at the earliest: whoever asks in between gets the
/// same answer.
const TEST_WRITE_EVERY: Duration = Duration::from_secs(1);

/// Attempts at a test write while others change the same record.
const TEST_WRITE_ROUNDS: usize = 8;

/// Stops what runs in the background. Refreshing and purging have a thread each: a purge that waits for a
/// writer's turn must not keep a revoked API key alive.
#[derive(Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    /// Those who wait for a test write.
    asking: Vec<Reply<()>>,
}

impl Keeper {
    /// Reads the API keys again and again, until it is stopped.
    pub(crate) fn refresh(&self, keys: &ApiKeys, store: &dyn Store) {
        let mut trouble = Trouble::new("the API keys cannot be read", "the API keys can be read again");
        while !self.sleep(REFRESH_EVERY) {
            // Whoever presents a key is told of a failure, too.
            trouble.note(&keys.refresh(store));
        }
    }

    /// Deletes dead rows, a batch at a time, and makes test writes for those who ask, until it is stopped.
    pub(crate) fn purge(&self, store: &dyn Store, clock: &dyn Clock, health: &Health, live: &LiveTokens) {
        let mut trouble = Trouble::new("dead rows cannot be purged", "dead rows can be purged again");
        let mut failed: Option<(Instant, Error)> = None;
        let (mut begun, mut pause) = (Instant::now(), FIRST_PURGE_AFTER);
        while let Some(asking) = self.sleep_or_ask(pause.saturating_sub(begun.elapsed())) {
            if !asking.is_empty() {
                failed = failed.filter(|(at, _)| at.elapsed() < TEST_WRITE_EVERY);
                let result = match &failed {
                    // A write of a caller may have worked while they waited.
                    _ if health.last_write_worked() => Ok(()),
                    Some((_, error)) => Err(error.clone()),
                    None => test_write(store, health),
                };
                if let (None, Err(error)) = (&failed, &result) {
                    failed = Some((Instant::now(), error.clone()));
                }
                for reply in asking {
                    reply.send(result.clone());
                }
                continue;
            }
            begun = Instant::now();
            let purged = guard::write(|| {
                let dead_before = clock.timestamp().saturating_add_seconds(-PURGE_AFTER_SECONDS);
                live.purges(dead_before);
                store.purge(dead_before, PURGE_BATCH)
            });
            trouble.note(&purged);
            health.note(&purged, |rows| *rows > 0);
            pause = match purged {
                Ok(rows) if rows >= PURGE_BATCH => begun.elapsed().saturating_mul(PURGE_PAUSES),
                Ok(_) => PURGE_EVERY,
                // Dead rows that stay only take space.
                Err(_) => trouble.pause(PURGE_EVERY, PURGE_AT_LEAST_EVERY),
            };
            begun = Instant::now();
        }
    }

    /// Has a test write made, and answers with its outcome.
    pub(crate) fn ask(&self, reply: Reply<()>) {
        let mut state = self.lock();
        if state.is_stopped {
            return reply.send(Err(Error::new(ErrorKind::ShuttingDown)));
        }
        // Only a caller that waits costs a place here.
        state.asking.retain(Reply::waits);
        state.asking.push(reply);
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Sleeps; `true` if it is time to stop.
    fn sleep(&self, time: Duration) -> bool {
        let slept = self
            .changed
            .wait_timeout_while(self.lock(), time, |state| !state.is_stopped);
        slept.unwrap_or_else(PoisonError::into_inner).0.is_stopped
    }

    /// Sleeps until then or until somebody asks; `None` if it is time to stop.
    fn sleep_or_ask(&self, time: Duration) -> Option<Vec<Reply<()>>> {
        let slept = self.changed.wait_timeout_while(self.lock(), time, |state| {
            !state.is_stopped && state.asking.is_empty()
        });
        let mut state = slept.unwrap_or_else(PoisonError::into_inner).0;
        let asking = std::mem::take(&mut state.asking);
        if !state.is_stopped {
            return Some(asking);
        }
        drop(state);
        let stopped = || Error::new(ErrorKind::ShuttingDown);
        for reply in asking {
            reply.send(Err(stopped()));
        }
        None
    }

    // Nothing below the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the control record as it is, under a new version.
fn test_write(store: &dyn Store, health: &Health) -> Result<(), Error> {
    if let Some(error) = health.found_no_space() {
        return Err(error);
    }
    for _ in 0..TEST_WRITE_ROUNDS {
        let control = guard::read(|| store.control())?;
        let (expect, value) = match control {
            Some(control) => (Expect::Version(control.version), control.value),
            None => (Expect::Absent, Control::default()),
        };
        let next = Versioned {
            version: fresh::version(),
            value,
        };
        let written = guard::write(|| store.set_control(expect, &next));
        health.note_test(&written, |outcome| *outcome == Outcome::Applied);
        match written.map_err(|error| error.with_effect(Effect::None))? {
            Outcome::Applied => return Ok(()),
            Outcome::Conflict => {}
        }
    }
    Err(Error::new(ErrorKind::Contended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_of_the_crate_says_how_often_and_how_much() {
        let page = include_str!("lib.rs").replace("\n//!", "");
        assert_eq!((REFRESH_EVERY.as_millis(), PURGE_AFTER_SECONDS), (500, 3_600));
        let design = include_str!("../../../docs/design.md");
        let batches = format!("in slices of {PURGE_BATCH}, with pauses three times as long as a slice took");
        assert!(design.contains(&batches) && PURGE_PAUSES == 3);
        let said = format!(
            "one reads the API keys again every half a second, and one deletes dead rows, {PURGE_BATCH} at a time, an hour after \
             their death"
        );
        assert!(page.contains(&said), "{said}");
    }

    #[test]
    fn the_documentation_of_ready_says_what_a_write_tells_and_for_how_long() {
        let page = include_str!("service.rs").replace("\n    ///", "");
        let holds = (crate::health::HOLDS_FOR, crate::health::NO_SPACE_HOLDS_FOR);
        assert_eq!(
            (holds.0.as_secs(), holds.1.as_secs(), TEST_WRITE_EVERY.as_secs()),
            (5, 30, 1)
        );
        let said = format!(
            "its last write worked, less than {} seconds ago",
            crate::health::HOLDS_FOR.as_secs()
        );
        assert!(page.contains(&said), "{said}");
        assert!(page.contains("Within a second after a test write that failed"));
        let operations = include_str!("../../../docs/operations.md");
        assert!(operations.contains("has not written for 5 s\nmakes a test write"));
        assert!(operations.contains("for 30 s after a write that found no space"));
        let said = format!(
            "in the {} seconds after a write that found no space",
            crate::health::NO_SPACE_HOLDS_FOR.as_secs()
        );
        assert!(page.contains(&said), "{said}");
    }
}
