//! A store that takes every write for done: what the tests here must find out.

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};

/// It swallows the errors of the store below it.
#[derive(Debug)]
pub struct Careless<S>(
    /// The store below.
    pub S,
);

impl<S: Store> Store for Careless<S> {
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.0.apply(commits);
        Ok(outcomes.unwrap_or_else(|_| vec![Outcome::Applied; commits.len()]))
    }

    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.0.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.0.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.0.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.0.export(after, limit)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.0.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.0.set_control(expect, next)
    }
}
