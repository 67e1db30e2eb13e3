//! Stores that break one promise each. The suite must reject every one of them: that is how it is known to
//! hold a store to anything.
//!
//! ```
//! use issuer_conformance::{CASES, broken::BROKEN_STORES};
//!
//! let lost_update = BROKEN_STORES.iter().copied().flatten().find(|store| store.name == "loses updates").unwrap();
//! let case = CASES.iter().find(|case| lost_update.rejected_by.contains(&case.name)).unwrap();
//! assert!(std::panic::catch_unwind(|| (case.run)(&*(lost_update.make)())).is_err());
//! ```

mod controls;
mod digests;
mod erasures;
mod exports;
mod habits;
mod outcomes;
mod places;
mod purges;
mod reads;
mod rows;
mod stale;

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{
    Cursor, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};

pub use habits::{Habit, WithHabit};
pub use places::{BROKEN_PLACES, BrokenPlace, Place};

/// A store that breaks one promise.
#[derive(Clone, Copy, Debug)]
pub struct BrokenStore {
    /// What is wrong with it.
    pub name: &'static str,
    /// The cases that are there for this promise: each of them rejects the store.
    pub rejected_by: &'static [&'static str],
    /// Makes an empty one.
    pub make: fn() -> Box<dyn Store>,
}

/// Every broken store, by what is wrong with it.
pub const BROKEN_STORES: &[&[BrokenStore]] = &[
    outcomes::STORES,
    rows::STORES,
    digests::STORES,
    erasures::STORES,
    reads::STORES,
    stale::STORES,
    exports::STORES,
    purges::STORES,
    controls::STORES,
];

/// What is wrong with a store: whatever a fault does not override, the reference store does.
trait Fault: Default + Send + Sync + 'static {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        good.load(lookups)
    }

    fn find(
        &self,
        good: &MemoryStore,
        tokens: &[TokenRef<'_>],
    ) -> Result<Vec<Option<TokenState>>, StoreError> {
        good.find(tokens)
    }

    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        good.list(page)
    }

    fn export(&self, good: &MemoryStore, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        good.export(after, limit)
    }

    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        good.apply(commits)
    }

    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        good.purge(dead_before, limit)
    }

    fn control(&self, good: &MemoryStore) -> Result<Option<Versioned<Control>>, StoreError> {
        good.control()
    }

    fn set_control(
        &self,
        good: &MemoryStore,
        expect: Expect,
        next: &Versioned<Control>,
    ) -> Result<Outcome, StoreError> {
        good.set_control(expect, next)
    }
}

/// The reference store with a fault.
#[derive(Debug, Default)]
struct Broken<F> {
    good: MemoryStore,
    fault: F,
}

fn broken<F: Fault>() -> Box<dyn Store> {
    Box::new(Broken::<F>::default())
}

impl<F: Fault> Store for Broken<F> {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.fault.load(&self.good, lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.fault.find(&self.good, tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.fault.list(&self.good, page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.fault.export(&self.good, after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.fault.apply(&self.good, commits)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.fault.purge(&self.good, dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.fault.control(&self.good)
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.fault.set_control(&self.good, expect, next)
    }
}
