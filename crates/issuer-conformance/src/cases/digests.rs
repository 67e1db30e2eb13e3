//! Assigned tokens: one row a digest, whoever holds it, and what a claim guards.

use issuer::state::Holder;
use issuer_store::{Outcome, Store};

use crate::{
    fixture::{assigned, at, creating, dead_until, held_by, id, issued, revoked, until, updating, version},
    probe::{applied, apply, conflicts, export, find, holder, tokens, version_of},
};

use Outcome::{Applied, Conflict};

pub fn a_claimed_digest_that_is_free_may_be_taken(store: &dyn Store) {
    applied(store, [creating("amy", 1).claim("t", None).token(assigned("t"))]);
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn a_digest_that_is_claimed_as_free_but_held_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(store, creating("bob", 2).claim("t", None).token(assigned("t")));
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn a_digest_that_is_claimed_as_free_but_buried_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1).tombstone("t", at(9))]);
    conflicts(store, creating("bob", 2).claim("t", None).token(assigned("t")));
    assert_eq!(holder(store, "t"), Some(dead_until(at(9))));
}

pub fn a_digest_that_is_claimed_as_held_but_free_is_a_conflict(store: &dyn Store) {
    conflicts(
        store,
        creating("bob", 1)
            .claim("t", Some(held_by("amy")))
            .token(assigned("t")),
    );
    conflicts(
        store,
        creating("bob", 1)
            .claim("t", Some(dead_until(at(9))))
            .token(assigned("t")),
    );
    assert_eq!(holder(store, "t"), None);
}

pub fn a_claim_that_names_another_user_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(
        store,
        creating("bob", 2)
            .claim("t", Some(held_by("cy")))
            .token(assigned("t")),
    );
    conflicts(
        store,
        creating("bob", 2)
            .claim("t", Some(held_by("bob")))
            .token(assigned("t")),
    );
}

pub fn a_claim_that_names_another_date_is_a_conflict(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(until(assigned("t"), at(3_601)))
            .tombstone("dead", at(9))],
    );
    conflicts(
        store,
        creating("bob", 2)
            .claim("t", Some(held_by("amy")))
            .token(assigned("t")),
    );
    conflicts(
        store,
        creating("bob", 2)
            .claim("dead", Some(dead_until(at(10))))
            .token(assigned("dead")),
    );
}

pub fn a_claim_is_checked_though_no_row_follows_it(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(store, creating("bob", 2).claim("t", None));
    applied(
        store,
        [creating("bob", 2)
            .claim("t", Some(held_by("amy")))
            .claim("free", None)],
    );
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn one_claim_that_fails_is_enough(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(
        store,
        creating("bob", 2)
            .claim("free", None)
            .claim("t", None)
            .claim("free too", None)
            .token(assigned("free")),
    );
    assert_eq!(holder(store, "free"), None);
}

pub fn a_claim_sees_what_the_commits_before_it_wrote(store: &dyn Store) {
    let outcomes = apply(
        store,
        [
            creating("amy", 1).claim("t", None).token(assigned("t")),
            creating("bob", 2).claim("t", None).token(assigned("t")),
            creating("cy", 3).claim("t", Some(held_by("amy"))),
            updating("amy", 1, 4).erase(),
            creating("dee", 5).claim("t", None).token(assigned("t")),
        ],
    );
    assert_eq!(outcomes, [Applied, Conflict, Applied, Applied, Applied]);
    assert_eq!(holder(store, "t"), Some(held_by("dee")));
}

pub fn a_claim_sees_the_store_as_it_was_before_its_own_rows(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    applied(
        store,
        [updating("amy", 1, 2)
            .claim("t", Some(held_by("amy")))
            .token(revoked(assigned("t"), at(1)))
            .tombstone("t", at(3_600))],
    );
    assert_eq!(holder(store, "t"), Some(dead_until(at(3_600))));
}

pub fn an_unclaimed_digest_that_another_user_holds_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(store, creating("bob", 2).token(assigned("t")));
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
    assert_eq!(version_of(store, "bob"), None);
}

pub fn an_unclaimed_digest_that_is_expired_in_another_hand_is_a_conflict(store: &dyn Store) {
    // Expired or not is a rule, and a store knows none.
    applied(
        store,
        [creating("amy", 1).token(until(assigned("t"), at(-1_000_000_000)))],
    );
    conflicts(store, creating("bob", 2).token(assigned("t")));
}

pub fn an_unclaimed_digest_that_was_taken_earlier_in_the_slice_is_a_conflict(store: &dyn Store) {
    let outcomes = apply(
        store,
        [
            creating("amy", 1).token(assigned("t")),
            creating("bob", 2).token(assigned("t")),
        ],
    );
    assert_eq!(outcomes, [Applied, Conflict]);
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
    assert_eq!(version_of(store, "bob"), None);
}

pub fn a_row_that_is_born_revoked_takes_a_digest_too(store: &dyn Store) {
    // A digest has one row: it would stand in the place of another's live token.
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(store, creating("bob", 2).token(revoked(assigned("t"), at(1))));
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn a_claim_on_one_digest_covers_no_other(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    conflicts(
        store,
        creating("bob", 2)
            .claim("u", None)
            .token(assigned("u"))
            .token(assigned("t")),
    );
}

pub fn a_digest_that_nobody_holds_needs_no_claim(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn a_buried_digest_needs_no_claim(store: &dyn Store) {
    applied(store, [creating("amy", 1).tombstone("t", at(9))]);
    applied(store, [creating("bob", 2).token(assigned("t"))]);
    assert_eq!(holder(store, "t"), Some(held_by("bob")));
}

pub fn a_digest_is_put_again_by_its_user_without_a_claim(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    let longer = until(assigned("t"), at(7_200));
    applied(store, [updating("amy", 1, 2).token(longer.clone())]);
    assert_eq!(tokens(store, "amy"), [longer]);
    assert_eq!(export(store, 100).len(), 2);
}

pub fn a_digest_whose_token_is_revoked_may_be_taken_by_another(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(revoked(assigned("t"), at(1)))]);
    assert_eq!(holder(store, "t"), None);
    applied(store, [creating("bob", 2).claim("t", None).token(assigned("t"))]);
    assert_eq!(holder(store, "t"), Some(held_by("bob")));
    assert_eq!(export(store, 100).len(), 3, "the digest has one row");
}

pub fn a_digest_moves_to_the_user_who_claims_it(store: &dyn Store) {
    let expired = until(assigned("t"), at(-60));
    applied(
        store,
        [creating("amy", 1).token(expired.clone()).token(issued("a"))],
    );
    let seen = Holder::Token {
        user: id("amy"),
        expires_at: at(-60),
    };
    applied(
        store,
        [creating("bob", 2).claim("t", Some(seen)).token(assigned("t"))],
    );
    assert_eq!(holder(store, "t"), Some(held_by("bob")));
    assert_eq!(tokens(store, "bob"), [assigned("t")]);
    assert_eq!(tokens(store, "amy"), [issued("a")]);
    assert_eq!(
        find(store, "bob", &assigned("t")).map(|found| found.user.id),
        Some(id("bob"))
    );
    assert_eq!(
        version_of(store, "amy"),
        Some(version(1)),
        "the commit is bob's alone"
    );
    assert_eq!(export(store, 100).len(), 4, "the digest has one row");
}

pub fn a_digest_that_moved_is_not_erased_with_its_former_user(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("t"))]);
    applied(
        store,
        [creating("bob", 2)
            .claim("t", Some(held_by("amy")))
            .token(assigned("t"))],
    );
    applied(store, [updating("amy", 1, 3).erase()]);
    assert_eq!(tokens(store, "bob"), [assigned("t")]);
    applied(store, [updating("bob", 2, 4).erase()]);
    assert_eq!(holder(store, "t"), None);
}

pub fn a_live_token_hides_the_tombstone_of_its_digest(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).tombstone("t", at(9)).token(assigned("t"))],
    );
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
    applied(store, [updating("amy", 1, 2).tombstone("t", at(10))]);
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn a_tombstone_shows_again_once_its_token_is_revoked(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).tombstone("t", at(9)).token(assigned("t"))],
    );
    applied(
        store,
        [updating("amy", 1, 2).token(revoked(assigned("t"), at(1)))],
    );
    assert_eq!(holder(store, "t"), Some(dead_until(at(9))));
}

pub fn a_tombstone_that_is_put_again_is_replaced(store: &dyn Store) {
    applied(store, [creating("amy", 1).tombstone("t", at(9))]);
    applied(store, [creating("bob", 2).tombstone("t", at(5))]);
    assert_eq!(holder(store, "t"), Some(dead_until(at(5))));
    assert_eq!(export(store, 100).len(), 3);
}
