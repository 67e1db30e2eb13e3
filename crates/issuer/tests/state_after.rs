//! What `Snapshot::after` and `Commit::fold` promise, on rows that the rules do not write yet.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod given;

use given::{Rows, amy, assigned, at, fresh, id, idempotency_key, sorted};
use issuer::{
    Digest, TokenId,
    decide::{self, Decision},
    state::{
        Change, Claim, Commit, Expect, Holder, Replay, Snapshot, TokenName, Tombstone, UserRecord, Version,
    },
};

const DIGEST: Digest = Digest::from_bytes([1; 32]);
const OTHER: Digest = Digest::from_bytes([2; 32]);

/// Amy with one assigned token, a tombstone of nobody's, and one idempotency key.
fn rows() -> Rows {
    let mut rows = Rows::default();
    let Decision::Commit(mut commit, _) =
        decide::write_profile(&Snapshot::default(), &amy(), at(0), fresh(at(0), 1))
    else {
        panic!("no commit");
    };
    commit.changes.extend([
        Change::PutToken(assigned(1, at(0), at(100))),
        Change::PutTombstone(Tombstone {
            digest: OTHER,
            until: at(50),
        }),
        Change::PutReplay(Replay {
            key: replay_key(),
            request: OTHER,
            token: TokenId::from_bytes([1; 16]),
            forgotten_at: at(10),
        }),
    ]);
    rows.apply(&commit);
    rows
}

fn replay_key() -> Digest {
    idempotency_key("key", "k").digest()
}

fn version(number: u128) -> Version {
    Version::from_bytes(number.to_be_bytes())
}

fn commit(expect: Expect, next: u128, changes: Vec<Change>) -> Commit {
    Commit {
        user: id("amy"),
        expect,
        next: version(next),
        claims: Vec::new(),
        changes,
    }
}

fn tombstone(digest: Digest) -> Change {
    Change::PutTombstone(Tombstone {
        digest,
        until: at(100),
    })
}

fn load(rows: &Rows) -> Snapshot {
    sorted(rows.load(&id("amy"), &[replay_key()], &[DIGEST, OTHER]))
}

#[track_caller]
fn after_is_what_a_store_would_return(commit: &Commit) {
    let mut rows = rows();
    let after = load(&rows).after(commit);
    rows.apply(commit);
    assert_eq!(sorted(after), load(&rows));
}

#[test]
fn an_erased_user_leaves_the_tombstones_that_were_written_before() {
    let changes = vec![tombstone(DIGEST), Change::EraseUser];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn an_erased_user_leaves_the_tombstones_that_are_written_after() {
    let changes = vec![Change::EraseUser, tombstone(DIGEST)];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn an_erased_user_leaves_nothing_else() {
    let changes = vec![Change::EraseUser];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn a_revoked_token_shows_the_tombstone_that_was_written_before() {
    let mut revoked = assigned(1, at(0), at(100));
    revoked.revoked_at = Some(at(1));
    let changes = vec![tombstone(DIGEST), Change::PutToken(revoked)];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn a_revoked_token_shows_no_tombstone_of_another_digest() {
    let mut revoked = assigned(1, at(0), at(100));
    revoked.revoked_at = Some(at(1));
    let changes = vec![tombstone(OTHER), Change::PutToken(revoked)];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn a_living_token_hides_the_tombstone_of_its_digest() {
    let changes = vec![Change::PutToken(assigned(2, at(60), at(100))), tombstone(OTHER)];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn a_commit_without_a_user_row_still_gives_the_user_its_version() {
    let changes = vec![Change::PutToken(assigned(1, at(0), at(70)))];
    after_is_what_a_store_would_return(&commit(Expect::Version(version(1)), 2, changes));
}

#[test]
fn a_user_that_is_erased_and_made_again_in_one_fold_has_only_the_new_rows() {
    let mut one_by_one = rows();
    let mut folded_rows = one_by_one.clone();
    let erase = commit(
        Expect::Version(version(1)),
        2,
        vec![tombstone(DIGEST), Change::EraseUser],
    );
    let after = load(&one_by_one).after(&erase);
    let Decision::Commit(again, _) = decide::issue(
        &after,
        &given::idempotent(amy(), "key", "k"),
        &given::rules(),
        at(5),
        fresh(at(5), 3),
    ) else {
        panic!("no commit");
    };
    assert_eq!(again.expect, Expect::Absent);
    one_by_one.apply(&erase);
    one_by_one.apply(&again);

    let mut folded = erase;
    folded.fold(again);
    folded_rows.apply(&folded);
    assert_eq!(folded_rows, one_by_one);
    assert_eq!(folded_rows.tokens.len(), 1);
}

#[test]
fn a_fold_has_the_precondition_of_the_first_and_the_version_of_the_last() {
    let mut folded = commit(Expect::Version(version(1)), 2, Vec::new());
    folded.fold(commit(Expect::Version(version(2)), 3, Vec::new()));
    folded.fold(commit(Expect::Version(version(3)), 4, Vec::new()));
    assert_eq!(folded, commit(Expect::Version(version(1)), 4, Vec::new()));
}

#[test]
fn a_fold_claims_of_each_digest_what_the_store_has_to_hold_before_the_first_commit() {
    let token = assigned(3, at(0), at(100));
    let TokenName::Assigned(digest) = token.name() else {
        panic!("not assigned");
    };
    let claim = |holder| Claim { digest, holder };
    let held = Holder::Token {
        user: id("amy"),
        expires_at: at(100),
    };
    let mut first = commit(
        Expect::Version(version(1)),
        2,
        vec![Change::PutToken(token.clone())],
    );
    first.claims = vec![claim(None)];
    let mut second = commit(Expect::Version(version(2)), 3, vec![Change::PutToken(token)]);
    let about_another = Claim {
        digest: OTHER,
        holder: Some(Holder::Tombstone { until: at(50) }),
    };
    second.claims = vec![claim(Some(held)), about_another.clone()];

    first.fold(second);
    assert_eq!(first.claims, [claim(None), about_another]);
    assert_eq!(first.changes.len(), 1);
}

#[test]
fn a_fold_claims_nothing_of_a_digest_that_the_first_commit_took_or_buried() {
    let token = assigned(1, at(0), at(100));
    for change in [Change::PutToken(token), tombstone(DIGEST)] {
        let mut first = commit(Expect::Version(version(1)), 2, vec![change]);
        let mut second = commit(Expect::Version(version(2)), 3, Vec::new());
        second.claims = vec![Claim {
            digest: DIGEST,
            holder: Some(Holder::Tombstone { until: at(100) }),
        }];
        first.fold(second);
        assert_eq!(first.claims, []);
    }
}

#[test]
fn a_fold_claims_a_digest_once() {
    let claims = |holder| Commit {
        claims: vec![Claim {
            digest: DIGEST,
            holder,
        }],
        ..commit(Expect::Version(version(1)), 2, Vec::new())
    };
    let mut folded = claims(None);
    folded.fold(claims(Some(Holder::Tombstone { until: at(100) })));
    assert_eq!(folded.claims, claims(None).claims);
}

#[test]
fn a_fold_writes_each_row_once() {
    let record = rows().users[&id("amy")].1.clone();
    let put = |until| {
        vec![
            Change::PutUser(UserRecord {
                updated_at: at(until),
                ..record.clone()
            }),
            Change::PutToken(assigned(1, at(0), at(until))),
            Change::PutReplay(Replay {
                key: replay_key(),
                request: OTHER,
                token: TokenId::from_bytes([1; 16]),
                forgotten_at: at(until),
            }),
            tombstone(OTHER),
        ]
    };
    let mut folded = commit(Expect::Version(version(1)), 2, put(10));
    folded.fold(commit(Expect::Version(version(2)), 3, put(20)));
    assert_eq!(folded.changes, put(20));
}

#[test]
fn a_fold_keeps_the_rows_of_other_keys() {
    let put = |number: u8| {
        vec![
            Change::PutToken(assigned(number, at(0), at(10))),
            Change::PutReplay(Replay {
                key: Digest::from_bytes([number; 32]),
                request: OTHER,
                token: TokenId::from_bytes([1; 16]),
                forgotten_at: at(10),
            }),
            tombstone(Digest::from_bytes([number; 32])),
        ]
    };
    let mut folded = commit(Expect::Version(version(1)), 2, put(1));
    folded.fold(commit(Expect::Version(version(2)), 3, put(2)));
    assert_eq!(folded.changes, [put(1), put(2)].concat());
}

#[test]
fn a_fold_that_erases_writes_nothing_of_the_user_but_tombstones_and_assigned_tokens() {
    let Decision::Commit(mut folded, _) = decide::issue(
        &Snapshot::default(),
        &given::idempotent(amy(), "key", "k"),
        &given::rules(),
        at(0),
        fresh(at(0), 1),
    ) else {
        panic!("no commit");
    };
    assert_eq!(folded.changes.len(), 3);
    let kept = [Change::PutToken(assigned(1, at(0), at(100))), tombstone(DIGEST)];
    folded.changes.extend(kept.clone());
    folded.fold(commit(Expect::Any, 3, vec![Change::EraseUser]));
    assert_eq!(folded.changes, [kept.to_vec(), vec![Change::EraseUser]].concat());
}

#[test]
fn a_fold_that_takes_a_token_from_another_user_and_erases_leaves_the_other_without_it() {
    let mut one_by_one = rows();
    let mut folded_rows = one_by_one.clone();
    let bobs = |expect, next, changes| Commit {
        user: id("bob"),
        ..commit(expect, next, changes)
    };
    let record = UserRecord {
        id: id("bob"),
        ..one_by_one.users[&id("amy")].1.clone()
    };
    let take = bobs(
        Expect::Absent,
        2,
        vec![
            Change::PutUser(record),
            Change::PutToken(assigned(1, at(100), at(200))),
        ],
    );
    let erase = bobs(
        Expect::Version(version(2)),
        3,
        vec![tombstone(DIGEST), Change::EraseUser],
    );
    one_by_one.apply(&take);
    one_by_one.apply(&erase);
    let mut folded = take;
    folded.fold(erase);
    folded_rows.apply(&folded);
    assert!(folded_rows.tokens.is_empty());
    assert_eq!(folded_rows, one_by_one);
}
