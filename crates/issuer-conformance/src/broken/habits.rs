//! Bad habits that only a kill shows, over any good store.

use std::sync::{Mutex, PoisonError};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};

/// What a store does that it must not; nothing of it shows as long as its process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Says `Applied`, and writes with the next call.
    AcknowledgesBeforeItWrites,
    /// Writes a commit in two, with a sync of its own each.
    TearsCommits,
}

/// A good store with a bad habit, to see a [`kill_suite!`](crate::kill_suite) reject it.
#[derive(Debug)]
pub struct WithHabit<S> {
    good: S,
    habit: Habit,
    /// Acknowledged, and not written.
    kept: Mutex<Vec<Commit>>,
}

impl<S: Store> WithHabit<S> {
    /// This store with this habit.
    pub const fn new(good: S, habit: Habit) -> Self {
        Self {
            good,
            habit,
            kept: Mutex::new(Vec::new()),
        }
    }

    /// Writes what is kept, so that nobody sees that it was not.
    fn written(&self) -> Result<&S, StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.is_empty() {
            self.good.apply(&kept)?;
            kept.clear();
        }
        drop(kept);
        Ok(&self.good)
    }

    fn keep(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.written()?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(commits);
        Ok(vec![Outcome::Applied; commits.len()])
    }

    fn tear(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let (mut first, mut rest) = (commits.to_vec(), commits.to_vec());
        for (first, rest) in first.iter_mut().zip(&mut rest) {
            rest.changes = first.changes.split_off(first.changes.len() / 2);
            rest.expect = Expect::Version(first.next);
        }
        let outcomes = self.good.apply(&first)?;
        self.good.apply(&rest)?;
        Ok(outcomes)
    }
}

impl<S: Store> Store for WithHabit<S> {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.written()?.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.written()?.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.written()?.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.written()?.export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        match self.habit {
            Habit::AcknowledgesBeforeItWrites => self.keep(commits),
            Habit::TearsCommits => self.tear(commits),
        }
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.written()?.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.written()?.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.written()?.set_control(expect, next)
    }
}
