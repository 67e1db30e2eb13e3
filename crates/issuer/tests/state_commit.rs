//! When a commit may be applied: the check that every store makes before it writes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod given;

use std::convert::Infallible;

use given::{assigned, at, id};
use issuer::{
    Digest,
    state::{Change, Claim, Commit, Expect, Holder, Version},
};

const DIGEST: Digest = Digest::from_bytes([1; 32]);
const OTHER: Digest = Digest::from_bytes([2; 32]);

fn version(number: u128) -> Version {
    Version::from_bytes(number.to_be_bytes())
}

/// A commit of amy's on her version 1.
fn commit(claims: &[(Digest, Option<Holder>)], changes: Vec<Change>) -> Commit {
    let claim = |(digest, holder): &(Digest, Option<Holder>)| Claim {
        digest: *digest,
        holder: holder.clone(),
    };
    Commit {
        user: id("amy"),
        expect: Expect::Version(version(1)),
        next: version(2),
        claims: claims.iter().map(claim).collect(),
        changes,
    }
}

/// Whether it may be applied to version 1 of amy, where this one holds [`DIGEST`] and nobody any other.
fn holds(commit: &Commit, holder: Option<&Holder>) -> bool {
    let held = |digest| Ok::<_, Infallible>(holder.filter(|_| digest == DIGEST).cloned());
    commit.holds(Some(version(1)), held).unwrap()
}

fn held_by(user: &str) -> Holder {
    Holder::Token {
        user: id(user),
        expires_at: at(100),
    }
}

#[test]
fn only_the_record_that_is_expected_is_accepted() {
    for (expect, accepted) in [
        (Expect::Absent, [true, false, false]),
        (Expect::Version(version(1)), [false, true, false]),
        (Expect::Any, [true, true, true]),
    ] {
        let found = [None, Some(version(1)), Some(version(2))];
        assert_eq!(found.map(|found| expect.accepts(found)), accepted, "{expect:?}");
    }
}

#[test]
fn a_commit_holds_on_the_version_that_it_was_decided_on_and_on_no_other() {
    let commit = commit(&[], Vec::new());
    let on = |version| commit.holds(version, |_| Ok::<_, Infallible>(None)).unwrap();
    assert!(on(Some(version(1))));
    assert!(!on(Some(version(2))));
    assert!(!on(None));
}

#[test]
fn a_claim_holds_while_the_digest_has_the_holder_that_it_had() {
    let buried = Holder::Tombstone { until: at(100) };
    let of_nobody = commit(&[(DIGEST, None)], Vec::new());
    assert!(holds(&of_nobody, None));
    assert!(!holds(&of_nobody, Some(&buried)));
    let of_a_tombstone = commit(&[(DIGEST, Some(buried.clone()))], Vec::new());
    assert!(holds(&of_a_tombstone, Some(&buried)));
    assert!(!holds(&of_a_tombstone, None));
    assert!(!holds(&of_a_tombstone, Some(&held_by("amy"))));
}

#[test]
fn a_token_is_taken_from_another_user_by_a_claim_to_it_and_not_without() {
    let put = || vec![Change::PutToken(assigned(1, at(0), at(100)))];
    let unclaimed = commit(&[], put());
    assert!(holds(&unclaimed, None));
    assert!(holds(&unclaimed, Some(&held_by("amy"))));
    assert!(!holds(&unclaimed, Some(&held_by("bob"))));
    let claimed = commit(&[(DIGEST, Some(held_by("bob")))], put());
    assert!(holds(&claimed, Some(&held_by("bob"))));
    let another_claimed = commit(&[(OTHER, None)], put());
    assert!(!holds(&another_claimed, Some(&held_by("bob"))));
}
