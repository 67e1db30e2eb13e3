//! Whether the last write worked.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// Whether the last write worked. Nothing was written before the first one, which may not work either.
#[derive(Debug, Default)]
pub(crate) struct Health {
    last_write_worked: AtomicBool,
}

impl Health {
    /// Notes how a write ended.
    pub(crate) fn note<T>(&self, written: &Result<T, Error>) {
        let worked = written.is_ok();
        // Read far more often than it changes.
        if self.last_write_worked() != worked {
            self.last_write_worked.store(worked, Ordering::Relaxed);
        }
    }

    pub(crate) fn last_write_worked(&self) -> bool {
        self.last_write_worked.load(Ordering::Relaxed)
    }
}
