//! What outlives a store that is closed and opened again.

use issuer::{
    Timestamp,
    state::{Control, Expect, Versioned},
};
use issuer_store::{Outcome, Page};

use crate::{
    Open,
    cases::export::by_key,
    fixture::{
        assigned, at, creating, dead_until, digest, held_by, issued, replay, revoked, until, updating,
        version,
    },
    probe::{applied, apply, conflicts, export, find, holder, list, load, snapshot, tokens, version_of},
};

pub fn a_store_that_was_never_written_opens_empty(open: Open<'_>) {
    for _ in 0..3 {
        let store = open();
        assert_eq!(export(&*store, 10), []);
        assert_eq!(store.control().expect("control"), None);
    }
}

pub fn every_row_that_was_applied_is_there_after_a_reopen(open: Open<'_>) {
    let store = open();
    applied(
        &*store,
        [
            creating("amy", 1)
                .token(issued("a"))
                .token(assigned("b"))
                .token(revoked(issued("c"), at(1)))
                .token(revoked(assigned("d"), at(1)))
                .replay(replay("key"))
                .tombstone("d", at(9)),
            creating("bob", 2),
        ],
    );
    let before = by_key(export(&*store, 100));
    drop(store);
    let store = open();
    assert_eq!(by_key(export(&*store, 100)), before);
    let amy = load(&*store, "amy", &["key"], &["b", "d"]);
    assert_eq!(amy.user.map(|user| user.version), Some(version(1)));
    assert_eq!(amy.tokens.len(), 2);
    assert_eq!(amy.replays, [(digest("key"), Some(replay("key")))]);
    assert_eq!(
        amy.holders,
        [
            (digest("b"), Some(held_by("amy"))),
            (digest("d"), Some(dead_until(at(9))))
        ]
    );
    assert!(find(&*store, "amy", &issued("a")).is_some());
    assert!(find(&*store, "amy", &assigned("b")).is_some());
    let page = Page {
        limit: 10,
        count_all: true,
        ..Page::default()
    };
    assert_eq!(list(&*store, &page).total, Some(2));
}

pub fn nothing_of_a_conflict_is_there_after_a_reopen(open: Open<'_>) {
    let store = open();
    applied(&*store, [creating("amy", 1).token(issued("a"))]);
    let outcomes = apply(
        &*store,
        [
            creating("bob", 2),
            creating("amy", 3)
                .token(issued("b"))
                .replay(replay("key"))
                .tombstone("t", at(9)),
            creating("cy", 4),
        ],
    );
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Conflict, Outcome::Applied]);
    drop(store);
    let store = open();
    assert_eq!(version_of(&*store, "amy"), Some(version(1)));
    assert_eq!(tokens(&*store, "amy"), [issued("a")]);
    assert_eq!(load(&*store, "amy", &["key"], &[]).replays[0].1, None);
    assert_eq!(holder(&*store, "t"), None);
    assert_eq!(version_of(&*store, "bob"), Some(version(2)));
    assert_eq!(version_of(&*store, "cy"), Some(version(4)));
}

pub fn preconditions_hold_across_a_reopen(open: Open<'_>) {
    let store = open();
    applied(
        &*store,
        [creating("amy", 1), updating("amy", 1, 2).token(assigned("t"))],
    );
    drop(store);
    let store = open();
    conflicts(&*store, creating("amy", 3));
    conflicts(&*store, updating("amy", 1, 3));
    conflicts(&*store, creating("bob", 3).token(assigned("t")));
    conflicts(&*store, creating("bob", 3).claim("t", None));
    applied(
        &*store,
        [
            updating("amy", 2, 4),
            creating("bob", 5).claim("t", Some(held_by("amy"))),
        ],
    );
}

pub fn the_control_record_is_there_after_a_reopen(open: Open<'_>) {
    let record = |n| Versioned {
        version: version(n),
        value: Control::default(),
    };
    let store = open();
    let set = |expect, n| open().set_control(expect, &record(n)).expect("set_control");
    assert_eq!(
        store
            .set_control(Expect::Absent, &record(1))
            .expect("set_control"),
        Outcome::Applied
    );
    drop(store);
    assert_eq!(open().control().expect("control"), Some(record(1)));
    assert_eq!(set(Expect::Absent, 2), Outcome::Conflict);
    assert_eq!(set(Expect::Version(version(1)), 3), Outcome::Applied);
    assert_eq!(open().control().expect("control"), Some(record(3)));
}

pub fn what_was_erased_does_not_come_back_after_a_reopen(open: Open<'_>) {
    let store = open();
    applied(
        &*store,
        [creating("amy", 1)
            .token(issued("a"))
            .token(assigned("b"))
            .replay(replay("key"))],
    );
    drop(store);
    let store = open();
    applied(&*store, [updating("amy", 1, 2).tombstone("b", at(9)).erase()]);
    drop(store);
    let store = open();
    assert_eq!(snapshot(&*store, "amy").user, None);
    assert_eq!(holder(&*store, "b"), Some(dead_until(at(9))));
    assert_eq!(export(&*store, 10).len(), 1);
    applied(&*store, [creating("amy", 3)]);
    assert_eq!(tokens(&*store, "amy"), []);
    assert_eq!(load(&*store, "amy", &["key"], &[]).replays[0].1, None);
}

pub fn what_was_revoked_stays_revoked_after_a_reopen(open: Open<'_>) {
    let store = open();
    applied(
        &*store,
        [creating("amy", 1).token(issued("a")).token(issued("b"))],
    );
    applied(
        &*store,
        [updating("amy", 1, 2).token(revoked(issued("a"), at(1)))],
    );
    drop(store);
    let store = open();
    assert_eq!(tokens(&*store, "amy"), [issued("b")]);
    let found = find(&*store, "amy", &issued("a"));
    assert!(found.is_none_or(|found| found.token.revoked_at == Some(at(1))));
}

pub fn a_purge_goes_on_after_a_reopen(open: Open<'_>) {
    let store = open();
    let draft = (0..10).fold(creating("amy", 1), |draft, n| {
        draft.token(revoked(issued(&n.to_string()), at(n)))
    });
    applied(&*store, [draft.token(until(issued("live"), Timestamp::MAX))]);
    assert_eq!(store.purge(at(100), 4).expect("purge"), 4);
    drop(store);
    let store = open();
    assert_eq!(export(&*store, 100).len(), 8);
    assert_eq!(store.purge(at(100), 100).expect("purge"), 6);
    drop(store);
    assert_eq!(tokens(&*open(), "amy"), [until(issued("live"), Timestamp::MAX)]);
}

pub fn a_store_may_be_opened_for_every_commit(open: Open<'_>) {
    applied(&*open(), [creating("amy", 0)]);
    for n in 1..=10 {
        applied(
            &*open(),
            [updating("amy", n - 1, n).token(issued(&n.to_string()))],
        );
    }
    assert_eq!(version_of(&*open(), "amy"), Some(version(10)));
    assert_eq!(tokens(&*open(), "amy").len(), 10);
}
