//! Digests that do not move, and tombstones that do not last.

use issuer::{
    Digest, Timestamp,
    state::{Change, Commit, Expect, Holder, TokenBody, Tombstone},
};
use issuer_store::{Lookup, MemoryStore, Outcome, Store, StoreError};

use super::{BrokenStore, Fault, broken, rows::with_rows};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "leaves a claimed digest where it is",
        rejected_by: &[
            "a_digest_moves_to_the_user_who_claims_it",
            "a_digest_that_moved_is_not_erased_with_its_former_user",
        ],
        make: broken::<MovesNoDigest>,
    },
    BrokenStore {
        name: "forgets a tombstone once its token lives again",
        rejected_by: &["a_tombstone_shows_again_once_its_token_is_revoked"],
        make: broken::<ForgetsTombstones>,
    },
];

#[derive(Default)]
struct MovesNoDigest;

impl Fault for MovesNoDigest {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let moves = |row: &&Change| {
                let Some(digest) = live_digest(row) else {
                    return false;
                };
                let lookup = Lookup {
                    digests: &[digest],
                    ..Lookup::user(&commit.user)
                };
                let holder = good.load(&[lookup]).expect("memory")[0].holders[0].1.clone();
                matches!(holder, Some(Holder::Token { user, .. }) if user != commit.user)
            };
            commit.changes.iter().filter(|row| !moves(row)).cloned().collect()
        })
    }
}

#[derive(Default)]
struct ForgetsTombstones;

impl Fault for ForgetsTombstones {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        for (commit, outcome) in commits.iter().zip(&outcomes) {
            let digests = commit.changes.iter().filter_map(live_digest);
            for digest in digests.filter(|_| *outcome == Outcome::Applied) {
                let until = Timestamp::MIN;
                good.apply(&[Commit {
                    expect: Expect::Any,
                    claims: Vec::new(),
                    changes: vec![Change::PutTombstone(Tombstone { digest, until })],
                    ..commit.clone()
                }])?;
                good.purge(until, 1)?;
            }
        }
        Ok(outcomes)
    }
}

/// The digest of which this row makes a token that is not revoked.
fn live_digest(row: &Change) -> Option<Digest> {
    match row {
        Change::PutToken(token) if token.revoked_at.is_none() => match token.body {
            TokenBody::Assigned(digest) => Some(digest),
            TokenBody::Issued(_) => None,
        },
        _ => None,
    }
}
