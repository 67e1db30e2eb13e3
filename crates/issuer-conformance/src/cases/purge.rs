//! What purge may delete, and how much at a time.

use issuer::{Timestamp, state::TokenRecord};
use issuer_store::{ExportRow, Store};

use crate::{
    fixture::{
        assigned, at, creating, dead_until, digest, held_by, issued, replay, revoked, until, updating, user,
        version,
    },
    probe::{applied, export, find, holder, load, snapshot, sorted, tokens, version_of},
};

fn purge(store: &dyn Store, dead_before: Timestamp, limit: usize) -> usize {
    store.purge(dead_before, limit).expect("purge")
}

pub fn an_empty_store_has_nothing_to_purge(store: &dyn Store) {
    assert_eq!(purge(store, Timestamp::MAX, 100), 0);
}

pub fn a_purge_takes_what_died_by_then_and_spares_the_rest(store: &dyn Store) {
    let mut old_key = replay("old");
    old_key.forgotten_at = at(10);
    let mut new_key = replay("new");
    new_key.forgotten_at = at(11);
    applied(
        store,
        [creating("amy", 1)
            .token(until(issued("expired"), at(10)))
            .token(until(issued("alive"), at(11)))
            .token(until(assigned("expired"), at(10)))
            .token(until(assigned("alive"), at(11)))
            .token(revoked(issued("revoked"), at(10)))
            .token(revoked(issued("revoked later"), at(11)))
            .replay(old_key)
            .replay(new_key)
            .tombstone("over", at(10))
            .tombstone("not over", at(11))],
    );
    assert_eq!(purge(store, at(9), 100), 0);
    assert_eq!(purge(store, at(10), 100), 5);
    assert_eq!(purge(store, at(10), 100), 0);
    let amy = load(
        store,
        "amy",
        &["old", "new"],
        &["expired", "alive", "over", "not over"],
    );
    let names: Vec<_> = sorted(amy.tokens).iter().map(TokenRecord::name).collect();
    let mut left = vec![issued("alive").name(), assigned("alive").name()];
    left.sort_unstable();
    assert_eq!(names, left);
    assert_eq!(
        amy.replays,
        [(digest("old"), None), (digest("new"), Some(new_key))]
    );
    let taken: Vec<bool> = amy.holders.iter().map(|(_, holder)| holder.is_some()).collect();
    assert_eq!(taken, [false, true, false, true]);
    assert_eq!(export(store, 100).len(), 6);
    assert_eq!(purge(store, at(11), 100), 5);
    assert_eq!(export(store, 100).len(), 1);
}

pub fn a_token_that_was_revoked_before_it_expires_died_then(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(revoked(issued("a"), at(5)))]);
    assert_eq!(purge(store, at(4), 100), 0);
    assert_eq!(purge(store, at(5), 100), 1);
}

pub fn a_token_that_was_revoked_after_it_expired_died_when_it_expired(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(revoked(until(issued("a"), at(5)), at(50)))],
    );
    assert_eq!(purge(store, at(4), 100), 0);
    assert_eq!(purge(store, at(5), 100), 1);
}

pub fn what_a_row_says_now_is_what_counts(store: &dyn Store) {
    let mut key = replay("key");
    key.forgotten_at = at(5);
    applied(
        store,
        [creating("amy", 1)
            .token(until(issued("a"), at(5)))
            .replay(key)
            .tombstone("t", at(5))],
    );
    key.forgotten_at = at(50);
    applied(
        store,
        [updating("amy", 1, 2)
            .token(until(issued("a"), at(50)))
            .replay(key)
            .tombstone("t", at(50))],
    );
    assert_eq!(purge(store, at(49), 100), 0);
    applied(
        store,
        [updating("amy", 2, 3).token(revoked(until(issued("a"), at(50)), at(7)))],
    );
    assert_eq!(purge(store, at(7), 100), 1);
    assert_eq!(purge(store, at(50), 100), 2);
}

pub fn users_stay_with_their_versions(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a")), creating("bob", 2)]);
    assert_eq!(purge(store, Timestamp::MAX, 100), 1);
    assert_eq!(version_of(store, "amy"), Some(version(1)));
    assert_eq!(version_of(store, "bob"), Some(version(2)));
    assert_eq!(
        snapshot(store, "amy").user.map(|user| user.value),
        Some(user("amy"))
    );
    applied(store, [updating("amy", 1, 3)]);
}

pub fn a_purged_token_is_not_found(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).token(assigned("b"))],
    );
    assert_eq!(purge(store, at(3_600), 100), 2);
    assert_eq!(find(store, "amy", &issued("a")), None);
    assert_eq!(find(store, "amy", &assigned("b")), None);
    assert_eq!(tokens(store, "amy"), []);
    assert_eq!(holder(store, "b"), None);
}

pub fn a_purged_digest_may_be_taken_by_another(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(until(assigned("t"), at(5)))]);
    assert_eq!(purge(store, at(5), 100), 1);
    applied(store, [creating("bob", 2).claim("t", None).token(assigned("t"))]);
    assert_eq!(holder(store, "t"), Some(held_by("bob")));
}

pub fn a_tombstone_survives_the_purge_of_its_token(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(revoked(assigned("t"), at(5)))
            .tombstone("t", at(3_600))],
    );
    assert_eq!(purge(store, at(5), 100), 1);
    assert_eq!(holder(store, "t"), Some(dead_until(at(3_600))));
}

pub fn a_token_survives_the_purge_of_its_tombstone(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).tombstone("t", at(5)).token(assigned("t"))],
    );
    assert_eq!(purge(store, at(5), 100), 1);
    assert_eq!(holder(store, "t"), Some(held_by("amy")));
}

pub fn the_tombstone_of_a_deleted_user_is_purged_when_its_time_is_over(store: &dyn Store) {
    applied(store, [creating("amy", 1).tombstone("t", at(5))]);
    applied(store, [updating("amy", 1, 2).erase()]);
    assert_eq!(purge(store, at(4), 100), 0);
    assert_eq!(holder(store, "t"), Some(dead_until(at(5))));
    assert_eq!(purge(store, at(5), 100), 1);
    assert_eq!(export(store, 100), []);
}

pub fn what_was_erased_is_not_purged_again(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(issued("a"))
            .token(assigned("b"))
            .replay(replay("key"))],
    );
    applied(store, [updating("amy", 1, 2).erase()]);
    assert_eq!(purge(store, Timestamp::MAX, 100), 0);
}

pub fn a_purge_deletes_no_more_than_its_limit(store: &dyn Store) {
    let draft = (0..10).fold(creating("amy", 1), |draft, n| {
        let name = format!("{n}");
        draft
            .token(revoked(issued(&name), at(n)))
            .replay(replay(&name))
            .tombstone(&name, at(n))
    });
    applied(store, [draft]);
    let rows = || export(store, 100).len() - 1;
    assert_eq!(rows(), 30);
    assert_eq!(purge(store, Timestamp::MAX, 0), 0);
    assert_eq!(rows(), 30);
    assert_eq!(purge(store, Timestamp::MAX, 7), 7);
    assert_eq!(rows(), 23);
    assert_eq!(purge(store, Timestamp::MAX, 1), 1);
    assert_eq!(rows(), 22);
    assert_eq!(purge(store, Timestamp::MAX, 22), 22);
    assert_eq!(rows(), 0);
    assert_eq!(purge(store, Timestamp::MAX, 22), 0);
}

pub fn a_purge_says_fewer_than_its_limit_where_none_are_left(store: &dyn Store) {
    let draft = (0..10).fold(creating("amy", 1), |draft, n| {
        let name = format!("{n}");
        draft
            .token(revoked(issued(&name), at(n)))
            .replay(replay(&name))
            .tombstone(&name, at(n))
    });
    applied(store, [draft.token(until(issued("live"), Timestamp::MAX))]);
    let mut purged = 0;
    for _ in 0..20 {
        let now = purge(store, at(3_600), 4);
        purged += now;
        if now < 4 {
            break;
        }
    }
    assert_eq!(purged, 30);
    let left = export(store, 100);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter()
            .any(|row| matches!(row, ExportRow::Token(_, token) if token.name() == issued("live").name()))
    );
}

pub fn a_purge_may_have_any_limit(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(issued("a"))
            .replay(replay("key"))
            .tombstone("t", at(5))],
    );
    assert_eq!(purge(store, Timestamp::MAX, usize::MAX), 3);
}

pub fn a_purge_at_the_beginning_of_time_takes_what_ended_then(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(until(issued("a"), Timestamp::MIN))
            .tombstone("t", second_second())],
    );
    assert_eq!(purge(store, Timestamp::MIN, 100), 1);
    assert_eq!(purge(store, second_second(), 100), 1);
}

fn second_second() -> Timestamp {
    Timestamp::MIN.checked_add_seconds(1).expect("within the range")
}
