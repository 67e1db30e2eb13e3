//! The reference store.

mod tables;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};

use crate::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};
use tables::Tables;

/// A store in memory: every promise of [`Store`] but durability. For tests, and for hosts that can afford
/// to lose every token at a restart.
///
/// What [`Outcome::Applied`] promises here: every later read of this process shows it.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    // A commit is checked whole before its first row is written, so that a poisoned lock guards whole commits.
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        let tables = self.read();
        Ok(lookups.iter().map(|lookup| tables.snapshot(lookup)).collect())
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        let tables = self.read();
        Ok(tokens.iter().map(|token| tables.token_state(token)).collect())
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        Ok(self.read().list(page))
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.read().export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut tables = self.write();
        Ok(commits.iter().map(|commit| tables.apply(commit)).collect())
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        Ok(self.write().purge(dead_before, limit))
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        Ok(self.read().control.clone())
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        let mut tables = self.write();
        if !expect.accepts(tables.control.as_ref().map(|control| control.version)) {
            return Ok(Outcome::Conflict);
        }
        tables.control = Some(next.clone());
        Ok(Outcome::Applied)
    }
}
