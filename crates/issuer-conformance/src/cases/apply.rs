//! Preconditions, order, and all or nothing.

use issuer::state::{Expect, UserRecord};
use issuer_store::{Outcome, Store};

use crate::{
    fixture::{
        Draft, assigned, at, creating, held_by, id, issued, replay, revoked, until, updating, user, version,
        writing,
    },
    probe::{applied, apply, conflicts, export, find, holder, load, snapshot, sorted, tokens, version_of},
};

use Outcome::{Applied, Conflict};

pub fn no_commits_have_no_outcomes(store: &dyn Store) {
    assert_eq!(store.apply(&[]).expect("apply"), []);
}

pub fn a_user_is_created_once(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    conflicts(store, creating("amy", 2));
    assert_eq!(version_of(store, "amy"), Some(version(1)));
}

pub fn an_update_of_a_user_who_is_not_there_is_a_conflict(store: &dyn Store) {
    conflicts(store, updating("amy", 1, 2).user(user("amy")));
    assert_eq!(snapshot(store, "amy").user, None);
}

pub fn an_update_of_the_version_that_is_there_is_applied(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    let renamed = UserRecord {
        nickname: None,
        updated_at: at(9),
        ..user("amy")
    };
    applied(store, [updating("amy", 1, 2).user(renamed.clone())]);
    let amy = snapshot(store, "amy").user.expect("amy");
    assert_eq!((amy.version, amy.value), (version(2), renamed));
}

pub fn an_update_of_an_older_version_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2).user(user("amy"))]);
    conflicts(store, updating("amy", 1, 3).user(user("amy")));
    assert_eq!(version_of(store, "amy"), Some(version(2)));
}

pub fn an_update_of_a_version_that_never_was_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    conflicts(store, updating("amy", 7, 8).user(user("amy")));
    assert_eq!(version_of(store, "amy"), Some(version(1)));
}

pub fn an_update_of_a_user_who_was_deleted_and_made_anew_is_a_conflict(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2).erase()]);
    applied(store, [creating("amy", 3)]);
    conflicts(store, updating("amy", 1, 4).user(user("amy")));
    conflicts(store, updating("amy", 2, 5).user(user("amy")));
    assert_eq!(version_of(store, "amy"), Some(version(3)));
}

pub fn a_commit_that_expects_nothing_is_applied_to_a_user_and_to_none(store: &dyn Store) {
    applied(store, [writing("amy", Expect::Any, 1).user(user("amy"))]);
    applied(store, [writing("amy", Expect::Any, 2).user(user("amy"))]);
    assert_eq!(version_of(store, "amy"), Some(version(2)));
}

pub fn the_version_is_the_commits_even_where_it_puts_no_user(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2).token(issued("a"))]);
    assert_eq!(version_of(store, "amy"), Some(version(2)));
    assert_eq!(
        snapshot(store, "amy").user.map(|user| user.value),
        Some(user("amy"))
    );
    applied(store, [updating("amy", 2, 3).replay(replay("key"))]);
    applied(store, [updating("amy", 3, 4).tombstone("text", at(9))]);
    assert_eq!(version_of(store, "amy"), Some(version(4)));
}

pub fn the_version_is_the_commits_even_where_it_has_no_rows(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2)]);
    assert_eq!(version_of(store, "amy"), Some(version(2)));
    conflicts(store, updating("amy", 1, 3));
}

pub fn a_commit_that_puts_no_user_makes_none(store: &dyn Store) {
    applied(
        store,
        [writing("amy", Expect::Absent, 1).tombstone("text", at(9))],
    );
    assert_eq!(snapshot(store, "amy").user, None);
    applied(store, [creating("amy", 2)]);
}

pub fn a_commit_touches_no_other_user(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1).token(issued("a")).replay(replay("key")),
            creating("bob", 2),
        ],
    );
    applied(
        store,
        [updating("bob", 2, 3).token(issued("b")).user(user("bob"))],
    );
    applied(store, [updating("bob", 3, 4).erase()]);
    let amy = load(store, "amy", &["key"], &[]);
    assert_eq!(amy.user.map(|user| user.version), Some(version(1)));
    assert_eq!(amy.tokens, [issued("a")]);
    assert_eq!(amy.replays[0].1, Some(replay("key")));
}

pub fn outcomes_come_in_the_order_of_the_commits(store: &dyn Store) {
    applied(store, [creating("bob", 1)]);
    let outcomes = apply(
        store,
        [
            creating("amy", 2),
            creating("bob", 3),
            creating("cy", 4),
            updating("dee", 5, 6),
            updating("bob", 1, 7),
        ],
    );
    assert_eq!(outcomes, [Applied, Conflict, Applied, Conflict, Applied]);
}

pub fn a_commit_sees_what_the_ones_before_it_wrote(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1),
            updating("amy", 1, 2).token(issued("a")),
            updating("amy", 2, 3),
        ],
    );
    assert_eq!(version_of(store, "amy"), Some(version(3)));
    assert_eq!(tokens(store, "amy"), [issued("a")]);
}

pub fn a_commit_does_not_see_what_the_ones_after_it_write(store: &dyn Store) {
    let outcomes = apply(
        store,
        [updating("amy", 1, 2).token(issued("a")), creating("amy", 1)],
    );
    assert_eq!(outcomes, [Conflict, Applied]);
    assert_eq!(tokens(store, "amy"), []);
}

pub fn of_two_commits_on_one_version_the_first_is_applied(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    let outcomes = apply(
        store,
        [
            updating("amy", 1, 2).token(issued("a")),
            updating("amy", 1, 3).token(issued("b")),
        ],
    );
    assert_eq!(outcomes, [Applied, Conflict]);
    assert_eq!(tokens(store, "amy"), [issued("a")]);
    assert_eq!(version_of(store, "amy"), Some(version(2)));
}

pub fn nothing_of_a_conflict_is_written(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).token(assigned("hers"))],
    );
    let before = export(store, 100);
    let rows = |draft: Draft| {
        draft
            .user(UserRecord {
                nickname: None,
                ..user("amy")
            })
            .token(issued("b"))
            .token(assigned("c"))
            .token(revoked(issued("a"), at(1)))
            .replay(replay("key"))
            .tombstone("d", at(9))
    };
    conflicts(store, rows(creating("amy", 2)));
    conflicts(store, rows(updating("amy", 7, 2)));
    conflicts(
        store,
        rows(updating("amy", 1, 2).claim("c", Some(held_by("amy")))),
    );
    conflicts(store, rows(updating("amy", 7, 2)).erase());
    assert_eq!(export(store, 100), before);
    assert_eq!(load(store, "amy", &["key"], &[]).replays[0].1, None);
    assert_eq!(holder(store, "c"), None);
    assert_eq!(holder(store, "d"), None);
    assert_eq!(find(store, "amy", &issued("b")), None);
}

pub fn nothing_of_a_conflict_is_written_where_its_last_row_is_the_reason(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(assigned("hers"))]);
    let before = export(store, 100);
    conflicts(
        store,
        creating("bob", 2)
            .token(issued("b"))
            .replay(replay("key"))
            .tombstone("d", at(9))
            .token(assigned("hers")),
    );
    assert_eq!(export(store, 100), before);
}

pub fn a_conflict_does_not_touch_the_others_of_its_slice(store: &dyn Store) {
    applied(store, [creating("bob", 1)]);
    let outcomes = apply(
        store,
        [
            creating("amy", 2).token(issued("a")),
            creating("bob", 3).token(issued("b")),
            creating("cy", 4).token(issued("c")),
        ],
    );
    assert_eq!(outcomes, [Applied, Conflict, Applied]);
    assert_eq!(tokens(store, "amy"), [issued("a")]);
    assert_eq!(tokens(store, "bob"), []);
    assert_eq!(tokens(store, "cy"), [issued("c")]);
}

pub fn changes_are_written_in_their_order(store: &dyn Store) {
    let last = UserRecord {
        nickname: None,
        ..user("amy")
    };
    applied(
        store,
        [creating("amy", 1)
            .user(last.clone())
            .token(revoked(issued("a"), at(1)))
            .token(issued("a"))
            .token(issued("b"))
            .token(revoked(issued("b"), at(1)))],
    );
    assert_eq!(snapshot(store, "amy").user.map(|user| user.value), Some(last));
    assert_eq!(tokens(store, "amy"), [issued("a")]);
}

pub fn a_token_that_is_put_again_is_replaced(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a")).token(issued("b"))]);
    let longer = until(issued("a"), at(7_200));
    applied(store, [updating("amy", 1, 2).token(longer.clone())]);
    assert_eq!(tokens(store, "amy"), sorted(vec![longer, issued("b")]));
    assert_eq!(export(store, 100).len(), 3);
}

pub fn an_idempotency_record_that_is_put_again_is_replaced(store: &dyn Store) {
    applied(store, [creating("amy", 1).replay(replay("key"))]);
    let mut later = replay("key");
    later.forgotten_at = at(7_200);
    applied(store, [updating("amy", 1, 2).replay(later)]);
    assert_eq!(load(store, "amy", &["key"], &[]).replays[0].1, Some(later));
    assert_eq!(export(store, 100).len(), 2);
}

pub fn one_jti_may_belong_to_two_users(store: &dyn Store) {
    // A `jti` is a name among the tokens of its user, so that no store needs an index over all of them.
    applied(
        store,
        [
            creating("amy", 1).token(issued("same")),
            creating("bob", 2).token(issued("same")),
        ],
    );
    applied(
        store,
        [updating("bob", 2, 3).token(revoked(issued("same"), at(1)))],
    );
    assert_eq!(tokens(store, "amy"), [issued("same")]);
    assert_eq!(
        find(store, "amy", &issued("same")).map(|found| found.user.id),
        Some(id("amy"))
    );
    assert_eq!(tokens(store, "bob"), []);
}

pub fn a_slice_may_hold_a_thousand_commits(store: &dyn Store) {
    let name = |n: u64| format!("user{n:04}");
    // Every tenth comes twice.
    let drafts = (0..1_000).map(|n| creating(&name(n - u64::from(n % 10 == 9)), n).token(issued(&name(n))));
    let outcomes = apply(store, drafts);
    for (n, outcome) in (0_u64..).zip(outcomes) {
        let expected = if n % 10 == 9 { Conflict } else { Applied };
        assert_eq!(outcome, expected, "commit {n}");
    }
    assert_eq!(tokens(store, "user0998"), [issued("user0998")]);
    assert_eq!(tokens(store, "user0999"), []);
    assert_eq!(export(store, 100).len(), 1_800);
}

pub fn a_thousand_commits_may_build_on_each_other(store: &dyn Store) {
    applied(store, [creating("amy", 0)]);
    applied(store, (1..=1_000).map(|n| updating("amy", n - 1, n)));
    assert_eq!(version_of(store, "amy"), Some(version(1_000)));
}
