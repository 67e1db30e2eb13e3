//! Erasures that leave something behind, or take too much.

use issuer::state::{Change, Commit};
use issuer_store::{Lookup, MemoryStore, Outcome, Store, StoreError};

use super::{BrokenStore, Fault, broken, rows::with_rows};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "buries nothing with a user",
        rejected_by: &["tombstones_outlive_their_user"],
        make: broken::<NoTombstoneOnErase>,
    },
    BrokenStore {
        name: "leaves tokens behind",
        rejected_by: &[
            "an_erased_user_is_gone_with_every_token_and_idempotency_record",
            "a_user_who_was_made_anew_does_not_revive_what_was_erased",
        ],
        make: broken::<LeavesTokens>,
    },
    BrokenStore {
        name: "erases first, whatever the order",
        rejected_by: &["an_erasure_takes_what_its_own_commit_put_before_it"],
        make: broken::<ErasesFirst>,
    },
    BrokenStore {
        name: "erases last, whatever the order",
        rejected_by: &["an_erasure_spares_what_its_own_commit_puts_after_it"],
        make: broken::<ErasesLast>,
    },
];

#[derive(Default)]
struct NoTombstoneOnErase;

impl Fault for NoTombstoneOnErase {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            if rows.contains(&Change::EraseUser) {
                rows.retain(|row| !matches!(row, Change::PutTombstone(_)));
            }
            rows
        })
    }
}

#[derive(Default)]
struct LeavesTokens;

impl Fault for LeavesTokens {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            if rows.contains(&Change::EraseUser) {
                let left = good
                    .load(&[Lookup::user(&commit.user)])
                    .expect("memory")
                    .remove(0);
                rows.extend(left.tokens.into_iter().map(Change::PutToken));
            }
            rows
        })
    }
}

#[derive(Default)]
struct ErasesFirst;

impl Fault for ErasesFirst {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            rows.sort_by_key(|row| *row != Change::EraseUser);
            rows
        })
    }
}

#[derive(Default)]
struct ErasesLast;

impl Fault for ErasesLast {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            rows.sort_by_key(|row| *row == Change::EraseUser);
            rows
        })
    }
}
