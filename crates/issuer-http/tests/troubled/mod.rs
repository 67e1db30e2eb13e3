//! A store in memory that panics, fails or hangs when it is told to.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{
    Cursor, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, StoreErrorKind, TokenRef, UserPage,
};

/// What the store does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// What it should.
    None,
    /// It panics.
    Panic,
    /// It returns an error.
    Fail,
    /// It waits until it is told otherwise, and then does what it should.
    Hang,
}

/// Clones share one store.
#[derive(Clone)]
pub(crate) struct TroubledStore(Arc<Inner>);

struct Inner {
    store: MemoryStore,
    trouble: Mutex<Trouble>,
    changed: Condvar,
}

/// See [`TroubledStore::hangs`].
#[must_use]
pub(crate) struct Hanging(TroubledStore);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.meets(Trouble::None);
    }
}

impl TroubledStore {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            store: MemoryStore::new(),
            trouble: Mutex::new(Trouble::None),
            changed: Condvar::new(),
        }))
    }

    /// From now on every call meets this.
    pub(crate) fn meets(&self, trouble: Trouble) {
        *self.trouble() = trouble;
        self.0.changed.notify_all();
    }

    /// From now on every call waits, until what is returned is dropped: also where the test has failed, or the
    /// end of the service would wait for a store that never answers.
    pub(crate) fn hangs(&self) -> Hanging {
        self.meets(Trouble::Hang);
        Hanging(self.clone())
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[allow(clippy::panic, reason = "that is what it is for")]
    fn quiet(&self) -> Result<&MemoryStore, StoreError> {
        let mut trouble = self.trouble();
        while *trouble == Trouble::Hang {
            trouble = self
                .0
                .changed
                .wait(trouble)
                .unwrap_or_else(PoisonError::into_inner);
        }
        match *trouble {
            Trouble::Panic => panic!("the store panics"),
            Trouble::Fail => Err(StoreError::new(StoreErrorKind::Io, "the disk is on fire")),
            Trouble::None | Trouble::Hang => Ok(&self.0.store),
        }
    }
}

impl Store for TroubledStore {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.quiet()?.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.quiet()?.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.quiet()?.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.quiet()?.export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.quiet()?.apply(commits)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.quiet()?.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.quiet()?.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.quiet()?.set_control(expect, next)
    }
}
