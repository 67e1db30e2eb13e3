//! Which commits are applied, in which order, and what is said of them.

use std::{thread, time::Duration};

use issuer::{
    Digest,
    state::{Change, Claim, Commit, Expect, Holder, TokenBody, Version},
};
use issuer_store::{Lookup, MemoryStore, Outcome, Store, StoreError, StoreErrorKind};

use super::{BrokenStore, Fault, broken};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "loses updates",
        rejected_by: &[
            "an_update_of_an_older_version_is_a_conflict",
            "of_two_commits_on_one_version_the_first_is_applied",
            "of_many_who_update_one_version_one_wins",
            "no_update_is_lost",
        ],
        make: broken::<LosesUpdates>,
    },
    BrokenStore {
        name: "creates a user who is there",
        rejected_by: &["a_user_is_created_once", "of_many_who_create_one_user_one_wins"],
        make: broken::<CreatesAgain>,
    },
    BrokenStore {
        name: "checks a moment before it writes",
        rejected_by: &[
            "of_many_who_create_one_user_one_wins",
            "of_many_who_update_one_version_one_wins",
            "no_update_is_lost",
        ],
        make: broken::<ChecksBeforeItWrites>,
    },
    BrokenStore {
        name: "checks a whole slice before it writes any of it",
        rejected_by: &[
            "of_two_commits_on_one_version_the_first_is_applied",
            "a_commit_sees_what_the_ones_before_it_wrote",
        ],
        make: broken::<ChecksTheWholeSlice>,
    },
    BrokenStore {
        name: "makes a slice all or nothing",
        rejected_by: &["a_conflict_does_not_touch_the_others_of_its_slice"],
        make: broken::<AllOrNothing>,
    },
    BrokenStore {
        name: "applies a slice in another order",
        rejected_by: &[
            "a_commit_sees_what_the_ones_before_it_wrote",
            "a_commit_does_not_see_what_the_ones_after_it_write",
        ],
        make: broken::<LastFirst>,
    },
    BrokenStore {
        name: "mixes outcomes up",
        rejected_by: &["outcomes_come_in_the_order_of_the_commits"],
        make: broken::<ConflictsLast>,
    },
    BrokenStore {
        name: "makes a conflict an error",
        rejected_by: &["a_user_is_created_once"],
        make: broken::<ConflictIsAnError>,
    },
    BrokenStore {
        name: "takes no more than a hundred commits",
        rejected_by: &[
            "a_slice_may_hold_a_thousand_commits",
            "a_thousand_commits_may_build_on_each_other",
        ],
        make: broken::<AtMostAHundred>,
    },
    BrokenStore {
        name: "ignores claims",
        rejected_by: &[
            "a_digest_that_is_claimed_as_free_but_held_is_a_conflict",
            "a_digest_that_is_claimed_as_free_but_buried_is_a_conflict",
            "a_digest_that_is_claimed_as_held_but_free_is_a_conflict",
            "a_claim_is_checked_though_no_row_follows_it",
            "of_many_who_claim_one_digest_one_wins",
        ],
        make: broken::<IgnoresClaims>,
    },
    BrokenStore {
        name: "compares a claim's user, not its date",
        rejected_by: &["a_claim_that_names_another_date_is_a_conflict"],
        make: broken::<IgnoresDates>,
    },
    BrokenStore {
        name: "lets anybody take a digest unclaimed",
        rejected_by: &[
            "an_unclaimed_digest_that_another_user_holds_is_a_conflict",
            "an_unclaimed_digest_that_is_expired_in_another_hand_is_a_conflict",
            "an_unclaimed_digest_that_was_taken_earlier_in_the_slice_is_a_conflict",
        ],
        make: broken::<TakesUnclaimed>,
    },
    BrokenStore {
        name: "wants a claim for every digest that is taken",
        rejected_by: &[
            "a_buried_digest_needs_no_claim",
            "a_digest_is_put_again_by_its_user_without_a_claim",
        ],
        make: broken::<WantsClaims>,
    },
];

/// The version of each commit's user, as it is now.
fn version(good: &MemoryStore, commit: &Commit) -> Option<Version> {
    let snapshot = good.load(&[Lookup::user(&commit.user)]).expect("memory");
    snapshot[0].user.as_ref().map(|user| user.version)
}

fn holder(good: &MemoryStore, digest: Digest, commit: &Commit) -> Option<Holder> {
    let lookup = Lookup {
        digests: &[digest],
        ..Lookup::user(&commit.user)
    };
    good.load(&[lookup]).expect("memory")[0].holders[0].1.clone()
}

/// Applies commits one by one, each as `rewrite` makes it.
fn one_by_one(
    good: &MemoryStore,
    commits: &[Commit],
    rewrite: impl Fn(Commit) -> Commit,
) -> Result<Vec<Outcome>, StoreError> {
    let mut outcomes = Vec::new();
    for commit in commits {
        outcomes.extend(good.apply(&[rewrite(commit.clone())])?);
    }
    Ok(outcomes)
}

fn whatever_version(commit: Commit) -> Commit {
    match commit.expect {
        Expect::Version(_) => Commit {
            expect: Expect::Any,
            ..commit
        },
        Expect::Absent | Expect::Any => commit,
    }
}

#[derive(Default)]
struct LosesUpdates;

impl Fault for LosesUpdates {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, whatever_version)
    }
}

#[derive(Default)]
struct CreatesAgain;

impl Fault for CreatesAgain {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, |commit| match commit.expect {
            Expect::Absent => Commit {
                expect: Expect::Any,
                ..commit
            },
            Expect::Version(_) | Expect::Any => commit,
        })
    }
}

#[derive(Default)]
struct ChecksBeforeItWrites;

impl Fault for ChecksBeforeItWrites {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = Vec::new();
        for commit in commits {
            if commit.expect.accepts(version(good, commit)) {
                thread::sleep(Duration::from_millis(1));
                let unchecked = Commit {
                    expect: Expect::Any,
                    ..commit.clone()
                };
                outcomes.extend(good.apply(&[unchecked])?);
            } else {
                outcomes.push(Outcome::Conflict);
            }
        }
        Ok(outcomes)
    }
}

#[derive(Default)]
struct ChecksTheWholeSlice;

impl Fault for ChecksTheWholeSlice {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let checked: Vec<bool> = commits
            .iter()
            .map(|commit| commit.expect.accepts(version(good, commit)))
            .collect();
        let mut outcomes = Vec::new();
        for (commit, good_to_go) in commits.iter().zip(checked) {
            let unchecked = Commit {
                expect: Expect::Any,
                ..commit.clone()
            };
            if good_to_go {
                outcomes.extend(good.apply(&[unchecked])?);
            } else {
                outcomes.push(Outcome::Conflict);
            }
        }
        Ok(outcomes)
    }
}

#[derive(Default)]
struct AllOrNothing;

impl Fault for AllOrNothing {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let checked = |commit: &Commit| commit.expect.accepts(version(good, commit));
        if commits.len() == 1 || commits.iter().all(checked) {
            return good.apply(commits);
        }
        Ok(vec![Outcome::Conflict; commits.len()])
    }
}

#[derive(Default)]
struct LastFirst;

impl Fault for LastFirst {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let reversed: Vec<Commit> = commits.iter().rev().cloned().collect();
        let mut outcomes = good.apply(&reversed)?;
        outcomes.reverse();
        Ok(outcomes)
    }
}

#[derive(Default)]
struct ConflictsLast;

impl Fault for ConflictsLast {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = good.apply(commits)?;
        outcomes.sort_by_key(|outcome| *outcome == Outcome::Conflict);
        Ok(outcomes)
    }
}

#[derive(Default)]
struct ConflictIsAnError;

impl Fault for ConflictIsAnError {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        if outcomes.contains(&Outcome::Conflict) {
            return Err(StoreError::new(
                StoreErrorKind::Busy,
                "a precondition did not hold",
            ));
        }
        Ok(outcomes)
    }
}

#[derive(Default)]
struct AtMostAHundred;

impl Fault for AtMostAHundred {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = good.apply(commits.get(..100).unwrap_or(commits))?;
        outcomes.resize(commits.len(), Outcome::Applied);
        Ok(outcomes)
    }
}

/// The commit with claims that hold, for the digests of these rows.
fn claiming_what_is(good: &MemoryStore, commit: Commit, digests: Vec<Digest>) -> Commit {
    let claims = digests
        .into_iter()
        .map(|digest| Claim {
            digest,
            holder: holder(good, digest, &commit),
        })
        .collect();
    Commit { claims, ..commit }
}

fn assigned(commit: &Commit) -> Vec<Digest> {
    let digest = |change: &Change| match change {
        Change::PutToken(token) => match token.body {
            TokenBody::Assigned(digest) => Some(digest),
            TokenBody::Issued(_) => None,
        },
        _ => None,
    };
    commit.changes.iter().filter_map(digest).collect()
}

#[derive(Default)]
struct IgnoresClaims;

impl Fault for IgnoresClaims {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, |commit| {
            let claimed = commit.claims.iter().map(|claim| claim.digest).collect();
            claiming_what_is(good, commit, claimed)
        })
    }
}

#[derive(Default)]
struct IgnoresDates;

impl Fault for IgnoresDates {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, |mut commit| {
            for at in 0..commit.claims.len() {
                let found = holder(good, commit.claims[at].digest, &commit);
                let alike = match (&found, &commit.claims[at].holder) {
                    (Some(Holder::Token { user: a, .. }), Some(Holder::Token { user: b, .. })) => a == b,
                    (Some(Holder::Tombstone { .. }), Some(Holder::Tombstone { .. })) => true,
                    _ => false,
                };
                if alike {
                    commit.claims[at].holder = found;
                }
            }
            commit
        })
    }
}

#[derive(Default)]
struct TakesUnclaimed;

impl Fault for TakesUnclaimed {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, |commit| {
            let claims = commit.claims.clone();
            let mut unclaimed = assigned(&commit);
            unclaimed.retain(|digest| !claims.iter().any(|claim| claim.digest == *digest));
            let mut commit = claiming_what_is(good, commit, unclaimed);
            commit.claims.extend(claims);
            commit
        })
    }
}

#[derive(Default)]
struct WantsClaims;

impl Fault for WantsClaims {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        one_by_one(good, commits, |mut commit| {
            for digest in assigned(&commit) {
                if !commit.claims.iter().any(|claim| claim.digest == digest) {
                    commit.claims.push(Claim { digest, holder: None });
                }
            }
            commit
        })
    }
}
