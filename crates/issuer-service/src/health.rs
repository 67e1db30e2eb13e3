//! Health of the store: the last writes tell whether it can be written.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use issuer_store::StoreErrorKind;

use crate::{Error, ErrorKind};

/// For how long a write that worked says that the next one will: a disk that fills up while nobody writes is found after
/// this.
pub(crate) const HOLDS_FOR: Duration = Duration::from_secs(5);

/// For how long a write that found no space outweighs test writes: those are small, and fit on a full disk where others do
/// not.
pub(crate) const NO_SPACE_HOLDS_FOR: Duration = Duration::from_secs(30);

/// The last write that changed something: whether it worked, and when.
#[derive(Debug)]
pub(crate) struct Health {
    since: Instant,
    /// When it worked, in milliseconds since `since`; 0 where it failed, or there was none.
    worked_at: AtomicU64,
    /// The last write that failed, where it found no space, and when.
    no_space: Mutex<Option<(Instant, Error)>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            worked_at: AtomicU64::new(0),
            no_space: Mutex::default(),
        }
    }
}

impl Health {
    /// Notes how a write ended. One that worked and changed nothing, as `changed` says of its answer, may not have reached
    /// the disk, and tells nothing.
    pub(crate) fn note<T>(&self, written: &Result<T, Error>, changed: impl FnOnce(&T) -> bool) {
        let found_no_space = |error: &&Error| *error.kind() == ErrorKind::Store(StoreErrorKind::Full);
        if let Some(error) = written.as_ref().err().filter(found_no_space) {
            *self.no_space() = Some((Instant::now(), error.clone()));
        }
        self.note_test(written, changed);
    }

    /// Notes how a test write ended.
    pub(crate) fn note_test<T>(&self, written: &Result<T, Error>, changed: impl FnOnce(&T) -> bool) {
        match written {
            Ok(answer) if changed(answer) => {
                let before = self.worked_at.swap(self.now(), Ordering::Relaxed);
                if before == 0 {
                    *self.no_space() = None;
                }
            }
            Ok(_) => {}
            Err(_) => self.worked_at.store(0, Ordering::Relaxed),
        }
    }

    /// The failure of a write that found no space, not long ago.
    pub(crate) fn found_no_space(&self) -> Option<Error> {
        let found = self.no_space();
        let lately = found.as_ref().filter(|(at, _)| at.elapsed() < NO_SPACE_HOLDS_FOR);
        lately.map(|(_, error)| error.clone())
    }

    fn no_space(&self) -> MutexGuard<'_, Option<(Instant, Error)>> {
        self.no_space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the last write worked, and not too long ago.
    pub(crate) fn last_write_worked(&self) -> bool {
        let worked_at = self.worked_at.load(Ordering::Relaxed);
        let age = self.now().saturating_sub(worked_at);
        worked_at > 0 && u128::from(age) < HOLDS_FOR.as_millis()
    }

    /// At least 1, and enough for as long as a process may run.
    fn now(&self) -> u64 {
        let millis = self.since.elapsed().as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).max(1)
    }
}
