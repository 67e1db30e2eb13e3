//! A store that counts what is asked of the one below it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};

/// Counts slices that wrote, commits and purged rows. Each slice that writes is one sync of the disk, which is what
/// `Store::apply` promises; the tests of the backends hold them to it.
pub(crate) struct Counted {
    store: Arc<dyn Store>,
    counts: Arc<Counts>,
}

#[derive(Default)]
pub(crate) struct Counts {
    slices: AtomicU64,
    commits: AtomicU64,
    purged: AtomicU64,
}

impl Counted {
    pub(crate) fn new(store: Arc<dyn Store>) -> (Self, Arc<Counts>) {
        let counts = Arc::new(Counts::default());
        (
            Self {
                store,
                counts: Arc::clone(&counts),
            },
            counts,
        )
    }
}

impl Counts {
    /// Slices of which at least one commit was applied.
    pub(crate) fn slices(&self) -> u64 {
        self.slices.load(Ordering::Relaxed)
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub(crate) fn purged(&self) -> u64 {
        self.purged.load(Ordering::Relaxed)
    }
}

impl Store for Counted {
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.store.apply(commits)?;
        let applied = outcomes
            .iter()
            .filter(|outcome| **outcome == Outcome::Applied)
            .count();
        self.counts.commits.fetch_add(applied as u64, Ordering::Relaxed);
        self.counts
            .slices
            .fetch_add(u64::from(applied > 0), Ordering::Relaxed);
        Ok(outcomes)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let purged = self.store.purge(dead_before, limit)?;
        self.counts.purged.fetch_add(purged as u64, Ordering::Relaxed);
        Ok(purged)
    }

    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.store.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.store.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.store.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.store.export(after, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.store.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.store.set_control(expect, next)
    }
}

#[cfg(test)]
mod tests {
    use issuer_store::MemoryStore;

    use super::*;
    use crate::{host, population};

    #[test]
    fn a_slice_is_counted_once_however_many_commits_it_holds_and_not_at_all_where_none_is_applied() {
        let (store, counts) = Counted::new(Arc::new(MemoryStore::new()));
        let keys = host::keys();
        let commits: Vec<_> = (0..3).map(|number| population::commit(number, &keys)).collect();
        store.apply(&commits).unwrap();
        assert_eq!((counts.slices(), counts.commits()), (1, 3));
        // They exist now, and are conflicts.
        store.apply(&commits).unwrap();
        assert_eq!((counts.slices(), counts.commits()), (1, 3));
    }
}
