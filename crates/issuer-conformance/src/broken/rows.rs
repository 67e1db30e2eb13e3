//! Which rows of a commit are written, and how.

use std::{sync::Arc, thread, time::Duration};

use issuer::{
    Timestamp,
    state::{Change, Commit, Expect, Snapshot, TokenBody, TokenRecord},
    user::UserId,
};
use issuer_store::{Lookup, MemoryStore, Outcome, Store, StoreError};

use super::{BrokenStore, Fault, broken};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "writes half a commit",
        rejected_by: &[
            "changes_are_written_in_their_order",
            "a_digest_moves_to_the_user_who_claims_it",
        ],
        make: broken::<DropsTheLastRow>,
    },
    BrokenStore {
        name: "shows half a commit",
        rejected_by: &[
            "a_load_never_sees_half_a_commit",
            "a_listed_user_is_never_half_a_commit",
            "a_user_whose_tokens_are_replaced_is_never_seen_without_one",
        ],
        make: broken::<RowByRow>,
    },
    BrokenStore {
        name: "writes the rows of a conflict",
        rejected_by: &["nothing_of_a_conflict_is_written"],
        make: broken::<WritesConflicts>,
    },
    BrokenStore {
        name: "writes the first rows of a conflict",
        rejected_by: &["nothing_of_a_conflict_is_written_where_its_last_row_is_the_reason"],
        make: broken::<StopsAtTheConflict>,
    },
    BrokenStore {
        name: "forgets idempotency records",
        rejected_by: &[
            "idempotency_records_come_in_the_order_of_the_question",
            "an_export_shows_every_row_as_it_went_in",
        ],
        make: broken::<ForgetsReplays>,
    },
    BrokenStore {
        name: "keeps the first idempotency record of a key",
        rejected_by: &["an_idempotency_record_that_is_put_again_is_replaced"],
        make: broken::<KeepsTheFirstReplay>,
    },
    BrokenStore {
        name: "keeps the version of a user whom no row puts",
        rejected_by: &[
            "the_version_is_the_commits_even_where_it_puts_no_user",
            "the_version_is_the_commits_even_where_it_has_no_rows",
        ],
        make: broken::<KeepsTheVersion>,
    },
    BrokenStore {
        name: "forgets that a token was revoked",
        rejected_by: &[
            "a_snapshot_shows_no_revoked_token",
            "a_tombstone_shows_again_once_its_token_is_revoked",
        ],
        make: broken::<ForgetsRevocations>,
    },
    BrokenStore {
        name: "revokes at the time of the revocation only",
        rejected_by: &["a_revocation_that_lies_in_the_future_counts_at_once"],
        make: broken::<RevokesByTheClock>,
    },
    BrokenStore {
        name: "folds the case of ids",
        rejected_by: &[
            "ids_that_look_alike_are_different_users",
            "odd_ids_are_listed_and_exported_as_they_are",
        ],
        make: broken::<FoldsCase>,
    },
    BrokenStore {
        name: "takes an empty audience for none",
        rejected_by: &["an_issuer_and_an_audience_may_be_missing_empty_or_odd"],
        make: broken::<EmptyIsNone>,
    },
    BrokenStore {
        name: "keeps 32 bits of a time",
        rejected_by: &["a_token_has_times_at_both_ends_of_the_range"],
        make: broken::<ThirtyTwoBits>,
    },
];

/// Applies the slice with other rows.
pub(super) fn with_rows(
    good: &MemoryStore,
    commits: &[Commit],
    rows: impl Fn(&Commit) -> Vec<Change>,
) -> Result<Vec<Outcome>, StoreError> {
    let other = |commit: &Commit| Commit {
        changes: rows(commit),
        ..commit.clone()
    };
    good.apply(&commits.iter().map(other).collect::<Vec<_>>())
}

/// Applies the slice with other tokens.
fn with_tokens(
    good: &MemoryStore,
    commits: &[Commit],
    other: impl Fn(TokenRecord) -> TokenRecord,
) -> Result<Vec<Outcome>, StoreError> {
    let row = |change: &Change| match change {
        Change::PutToken(token) => Change::PutToken(other(token.clone())),
        row => row.clone(),
    };
    with_rows(good, commits, |commit| commit.changes.iter().map(row).collect())
}

#[derive(Default)]
struct DropsTheLastRow;

impl Fault for DropsTheLastRow {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            if rows.len() > 1 {
                rows.pop();
            }
            rows
        })
    }
}

#[derive(Default)]
struct RowByRow;

impl Fault for RowByRow {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::new();
        for commit in commits {
            let check = Commit {
                changes: Vec::new(),
                ..commit.clone()
            };
            outcomes.extend(good.apply(&[check])?);
            if outcomes.last() == Some(&Outcome::Applied) {
                for row in &commit.changes {
                    thread::sleep(Duration::from_micros(100));
                    force(good, commit, row.clone())?;
                }
            }
        }
        Ok(outcomes)
    }
}

/// Writes one row without its commit's preconditions.
fn force(good: &MemoryStore, commit: &Commit, row: Change) -> Result<(), StoreError> {
    let forced = Commit {
        expect: Expect::Any,
        claims: Vec::new(),
        changes: vec![row],
        ..commit.clone()
    };
    good.apply(&[forced]).map(drop)
}

#[derive(Default)]
struct WritesConflicts;

impl Fault for WritesConflicts {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        for (commit, outcome) in commits.iter().zip(&outcomes) {
            if *outcome == Outcome::Conflict {
                for row in &commit.changes {
                    force(good, commit, row.clone())?;
                }
            }
        }
        Ok(outcomes)
    }
}

/// Finds that a digest is taken when it comes to it, and does not take back what it has written.
#[derive(Default)]
struct StopsAtTheConflict;

impl Fault for StopsAtTheConflict {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        for (commit, outcome) in commits.iter().zip(&outcomes) {
            let check = Commit {
                changes: Vec::new(),
                ..commit.clone()
            };
            if *outcome == Outcome::Conflict && good.apply(&[check])? == [Outcome::Applied] {
                for row in &commit.changes {
                    force(good, commit, row.clone())?;
                }
            }
        }
        Ok(outcomes)
    }
}

#[derive(Default)]
struct ForgetsReplays;

impl Fault for ForgetsReplays {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let mut rows = commit.changes.clone();
            rows.retain(|row| !matches!(row, Change::PutReplay(_)));
            rows
        })
    }
}

#[derive(Default)]
struct KeepsTheFirstReplay;

impl Fault for KeepsTheFirstReplay {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_rows(good, commits, |commit| {
            let is_new = |row: &Change| match row {
                Change::PutReplay(replay) => {
                    let keys = [replay.key];
                    let lookup = Lookup {
                        replays: &keys,
                        ..Lookup::user(&commit.user)
                    };
                    good.load(&[lookup]).expect("memory")[0].replays[0].1.is_none()
                }
                _ => true,
            };
            commit.changes.iter().filter(|row| is_new(row)).cloned().collect()
        })
    }
}

#[derive(Default)]
struct KeepsTheVersion;

impl Fault for KeepsTheVersion {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let kept = |commit: &Commit| {
            let puts_user = commit.changes.iter().any(|row| matches!(row, Change::PutUser(_)));
            match commit.expect {
                Expect::Version(found) if !puts_user => Commit {
                    next: found,
                    ..commit.clone()
                },
                _ => commit.clone(),
            }
        };
        good.apply(&commits.iter().map(kept).collect::<Vec<_>>())
    }
}

#[derive(Default)]
struct ForgetsRevocations;

impl Fault for ForgetsRevocations {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_tokens(good, commits, |token| TokenRecord {
            revoked_at: None,
            ..token
        })
    }
}

#[derive(Default)]
struct RevokesByTheClock;

impl Fault for RevokesByTheClock {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        with_tokens(good, commits, |token| TokenRecord {
            revoked_at: token.revoked_at.filter(|revoked| *revoked <= token.expires_at),
            ..token
        })
    }
}

#[derive(Default)]
struct FoldsCase;

fn folded(id: &UserId) -> UserId {
    UserId::parse(&id.as_str().to_ascii_lowercase()).expect("still an id")
}

impl Fault for FoldsCase {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        let users: Vec<UserId> = lookups.iter().map(|lookup| folded(lookup.user)).collect();
        let lookups: Vec<_> = lookups
            .iter()
            .zip(&users)
            .map(|(lookup, user)| Lookup { user, ..*lookup })
            .collect();
        good.load(&lookups)
    }

    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let fold = |commit: &Commit| Commit {
            user: folded(&commit.user),
            ..commit.clone()
        };
        good.apply(&commits.iter().map(fold).collect::<Vec<_>>())
    }
}

#[derive(Default)]
struct EmptyIsNone;

impl Fault for EmptyIsNone {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let some = |text: Option<Arc<str>>| text.filter(|text| !text.is_empty());
        with_tokens(good, commits, |mut token| {
            if let TokenBody::Issued(issued) = &mut token.body {
                issued.audience = some(issued.audience.take());
            }
            token
        })
    }
}

#[derive(Default)]
struct ThirtyTwoBits;

impl Fault for ThirtyTwoBits {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let cut = |moment: Timestamp| {
            let seconds = moment.as_unix().clamp(i32::MIN.into(), i32::MAX.into());
            Timestamp::from_unix(seconds).expect("within the range")
        };
        with_tokens(good, commits, |token| TokenRecord {
            expires_at: cut(token.expires_at),
            ..token
        })
    }
}
