//! A deleted user leaves nothing but tombstones.

use issuer::state::Expect;
use issuer_store::{ExportRow, Page, Store};

use crate::{
    fixture::{
        Draft, assigned, at, creating, dead_until, digest, id, issued, replay, revoked, updating, user,
        version, writing,
    },
    probe::{applied, conflicts, export, find, holder, list, load, snapshot, sorted, tokens, version_of},
};

/// A user with a row of every kind.
fn full(name: &str, next: u64) -> Draft {
    creating(name, next)
        .token(issued("a"))
        .token(revoked(issued("b"), at(1)))
        .token(assigned("c"))
        .token(revoked(assigned("d"), at(1)))
        .replay(replay("key"))
        .tombstone("d", at(9))
}

pub fn an_erased_user_is_gone_with_every_token_and_idempotency_record(store: &dyn Store) {
    applied(store, [full("amy", 1)]);
    applied(store, [updating("amy", 1, 2).erase()]);
    let amy = load(store, "amy", &["key"], &["c"]);
    assert_eq!(amy.user, None);
    assert_eq!(amy.tokens, []);
    assert_eq!(amy.replays, [(digest("key"), None)]);
    assert_eq!(amy.holders, [(digest("c"), None)]);
    for token in [issued("a"), issued("b"), assigned("c"), assigned("d")] {
        assert_eq!(find(store, "amy", &token), None, "{token:?}");
    }
    let page = list(
        store,
        &Page {
            limit: 10,
            count_all: true,
            ..Page::default()
        },
    );
    assert_eq!((page.users, page.total), (vec![], Some(0)));
}

pub fn tombstones_outlive_their_user(store: &dyn Store) {
    applied(store, [full("amy", 1)]);
    applied(
        store,
        [updating("amy", 1, 2)
            .tombstone("c", at(8))
            .erase()
            .tombstone("e", at(7))],
    );
    assert_eq!(
        holder(store, "c"),
        Some(dead_until(at(8))),
        "put before the erasure"
    );
    assert_eq!(
        holder(store, "d"),
        Some(dead_until(at(9))),
        "put by an earlier commit"
    );
    assert_eq!(
        holder(store, "e"),
        Some(dead_until(at(7))),
        "put after the erasure"
    );
    let rows = export(store, 10);
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter().all(|row| matches!(row, ExportRow::Tombstone(_))),
        "{rows:?}"
    );
}

pub fn a_user_who_was_made_anew_does_not_revive_what_was_erased(store: &dyn Store) {
    applied(store, [full("amy", 1)]);
    applied(store, [updating("amy", 1, 2).erase()]);
    applied(store, [creating("amy", 3)]);
    let amy = load(store, "amy", &["key"], &["c"]);
    assert_eq!(amy.user.map(|user| user.version), Some(version(3)));
    assert_eq!(amy.tokens, []);
    assert_eq!(amy.replays[0].1, None);
    assert_eq!(amy.holders[0].1, None);
    assert_eq!(find(store, "amy", &issued("a")), None);
    assert_eq!(find(store, "amy", &assigned("c")), None);
}

pub fn an_erasure_takes_what_its_own_commit_put_before_it(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1)
            .token(issued("a"))
            .token(assigned("b"))
            .replay(replay("key"))
            .erase()],
    );
    let amy = load(store, "amy", &["key"], &["b"]);
    assert_eq!(amy.user, None);
    assert_eq!(amy.tokens, []);
    assert_eq!(amy.replays[0].1, None);
    assert_eq!(amy.holders[0].1, None);
    assert_eq!(export(store, 10), []);
}

pub fn an_erasure_spares_what_its_own_commit_puts_after_it(store: &dyn Store) {
    applied(store, [full("amy", 1)]);
    let mut later = replay("key");
    later.request = digest("another request");
    applied(
        store,
        [updating("amy", 1, 2)
            .erase()
            .user(user("amy"))
            .token(issued("new"))
            .token(assigned("c"))
            .replay(later)],
    );
    let amy = load(store, "amy", &["key"], &[]);
    assert_eq!(amy.user.map(|user| user.version), Some(version(2)));
    assert_eq!(tokens(store, "amy"), sorted(vec![issued("new"), assigned("c")]));
    assert_eq!(amy.replays[0].1, Some(later));
    assert_eq!(find(store, "amy", &issued("a")), None);
}

pub fn an_erasure_needs_its_precondition(store: &dyn Store) {
    applied(store, [full("amy", 1)]);
    let before = export(store, 10);
    conflicts(store, updating("amy", 7, 2).erase());
    conflicts(store, writing("amy", Expect::Absent, 2).erase());
    assert_eq!(export(store, 10), before);
}

pub fn the_erasure_of_nobody_changes_nothing(store: &dyn Store) {
    applied(store, [creating("bob", 1)]);
    applied(store, [writing("amy", Expect::Absent, 2).erase()]);
    applied(store, [writing("amy", Expect::Any, 3).erase()]);
    assert_eq!(snapshot(store, "amy").user, None);
    assert_eq!(version_of(store, "bob"), Some(version(1)));
}

pub fn an_erased_user_may_be_created(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    applied(store, [updating("amy", 1, 2).erase(), creating("amy", 3)]);
    assert_eq!(version_of(store, "amy"), Some(version(3)));
}

pub fn an_erasure_touches_no_user_whose_id_begins_alike(store: &dyn Store) {
    let others = ["amy", "amya", "amy0", "amy%", "am", "Amy"];
    applied(store, [creating("amy_", 1).token(issued("hers"))]);
    applied(
        store,
        (2..)
            .zip(others)
            .map(|(n, name)| creating(name, n).token(issued(name)).replay(replay("key"))),
    );
    applied(store, [updating("amy_", 1, 100).erase()]);
    for name in others {
        assert_eq!(tokens(store, name), [issued(name)], "{name}");
        assert_eq!(
            load(store, name, &["key"], &[]).replays[0].1,
            Some(replay("key")),
            "{name}"
        );
        assert_eq!(
            find(store, name, &issued(name)).map(|found| found.user.id),
            Some(id(name))
        );
    }
}
