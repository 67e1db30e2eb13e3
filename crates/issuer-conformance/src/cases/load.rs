//! What a snapshot shows.

use issuer_store::{Lookup, Store};

use crate::{
    fixture::{
        assigned, at, creating, dead_until, digest, held_by, id, issued, replay, revoked, until, updating,
        user, version,
    },
    probe::{applied, load, snapshot, sorted, tokens},
};

pub fn nothing_is_known_of_a_user_who_never_was(store: &dyn Store) {
    let amy = load(store, "amy", &["key"], &["text"]);
    assert_eq!(amy.user, None);
    assert_eq!(amy.tokens, []);
    assert_eq!(amy.replays, [(digest("key"), None)]);
    assert_eq!(amy.holders, [(digest("text"), None)]);
}

pub fn a_snapshot_shows_the_record_and_the_commit_that_wrote_it(store: &dyn Store) {
    applied(store, [creating("amy", 1)]);
    let amy = snapshot(store, "amy").user.expect("amy");
    assert_eq!(amy.version, version(1));
    assert_eq!(amy.value, user("amy"));
}

pub fn a_snapshot_shows_tokens_that_are_expired_but_not_revoked(store: &dyn Store) {
    let long_gone = until(issued("gone"), at(-1_000_000_000));
    applied(
        store,
        [creating("amy", 1).token(issued("live")).token(long_gone.clone())],
    );
    assert_eq!(tokens(store, "amy"), sorted(vec![issued("live"), long_gone]));
}

pub fn a_snapshot_shows_issued_and_assigned_tokens_side_by_side(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).token(assigned("b"))],
    );
    assert_eq!(tokens(store, "amy"), sorted(vec![issued("a"), assigned("b")]));
}

pub fn a_snapshot_shows_no_revoked_token(store: &dyn Store) {
    let dead_issued = revoked(issued("a"), at(5));
    let dead_assigned = revoked(assigned("b"), at(5));
    applied(
        store,
        [creating("amy", 1)
            .token(dead_issued)
            .token(dead_assigned)
            .token(issued("c"))],
    );
    assert_eq!(tokens(store, "amy"), [issued("c")]);
}

pub fn a_revocation_that_lies_in_the_future_counts_at_once(store: &dyn Store) {
    // A store reads no clock: revoked is revoked.
    applied(
        store,
        [creating("amy", 1).token(revoked(issued("a"), at(1_000_000_000)))],
    );
    assert_eq!(tokens(store, "amy"), []);
}

pub fn a_snapshot_shows_a_hundred_tokens(store: &dyn Store) {
    let many: Vec<_> = (0..100).map(|n| issued(&format!("token {n}"))).collect();
    let draft = many
        .iter()
        .fold(creating("amy", 1), |draft, token| draft.token(token.clone()));
    applied(store, [draft]);
    assert_eq!(tokens(store, "amy"), sorted(many));
}

pub fn a_snapshot_shows_no_token_of_another_user(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1)
                .token(issued("hers"))
                .token(assigned("hers too")),
            creating("bob", 2).token(issued("his")),
        ],
    );
    assert_eq!(tokens(store, "bob"), [issued("his")]);
}

pub fn idempotency_records_come_in_the_order_of_the_question(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).replay(replay("a")).replay(replay("b"))],
    );
    let amy = load(store, "amy", &["b", "unknown", "a", "b"], &[]);
    assert_eq!(
        amy.replays,
        [
            (digest("b"), Some(replay("b"))),
            (digest("unknown"), None),
            (digest("a"), Some(replay("a"))),
            (digest("b"), Some(replay("b"))),
        ]
    );
}

pub fn an_idempotency_record_that_was_not_asked_for_is_not_shown(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).replay(replay("a")).replay(replay("b"))],
    );
    assert_eq!(snapshot(store, "amy").replays, []);
}

pub fn an_idempotency_record_is_shown_though_it_is_forgotten(store: &dyn Store) {
    // Whether it is forgotten is a rule, and a store knows none.
    let mut old = replay("a");
    old.forgotten_at = at(-1_000_000_000);
    applied(store, [creating("amy", 1).replay(old)]);
    assert_eq!(
        load(store, "amy", &["a"], &[]).replays,
        [(digest("a"), Some(old))]
    );
}

pub fn an_idempotency_key_belongs_to_one_user(store: &dyn Store) {
    let mut his = replay("key");
    his.request = digest("another request");
    applied(
        store,
        [
            creating("amy", 1).replay(replay("key")),
            creating("bob", 2).replay(his),
            creating("cy", 3),
        ],
    );
    assert_eq!(
        load(store, "amy", &["key"], &[]).replays,
        [(digest("key"), Some(replay("key")))]
    );
    assert_eq!(
        load(store, "bob", &["key"], &[]).replays,
        [(digest("key"), Some(his))]
    );
    assert_eq!(load(store, "cy", &["key"], &[]).replays, [(digest("key"), None)]);
}

pub fn holders_come_in_the_order_of_the_question(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(assigned("a")).tombstone("dead", at(9))],
    );
    let bob = load(store, "bob", &[], &["dead", "free", "a", "dead"]);
    assert_eq!(
        bob.holders,
        [
            (digest("dead"), Some(dead_until(at(9)))),
            (digest("free"), None),
            (digest("a"), Some(held_by("amy"))),
            (digest("dead"), Some(dead_until(at(9)))),
        ]
    );
}

pub fn no_lookups_give_no_snapshots(store: &dyn Store) {
    assert_eq!(store.load(&[]).expect("load"), []);
}

pub fn snapshots_come_in_the_order_of_the_lookups(store: &dyn Store) {
    applied(store, [creating("amy", 1).token(issued("a")), creating("bob", 2)]);
    let (amy, bob, cy) = (id("amy"), id("bob"), id("cy"));
    let lookups = [&bob, &cy, &amy].map(Lookup::user);
    let versions: Vec<_> = store
        .load(&lookups)
        .expect("load")
        .into_iter()
        .map(|snapshot| snapshot.user.map(|user| user.version))
        .collect();
    assert_eq!(versions, [Some(version(2)), None, Some(version(1))]);
}

pub fn a_user_who_is_asked_for_twice_is_shown_twice(store: &dyn Store) {
    applied(
        store,
        [creating("amy", 1).token(issued("a")).replay(replay("key"))],
    );
    let amy = id("amy");
    let asked = [digest("key")];
    let with_key = Lookup {
        replays: &asked,
        ..Lookup::user(&amy)
    };
    let twice = store.load(&[Lookup::user(&amy), with_key]).expect("load");
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0].user, twice[1].user);
    assert_eq!(twice[0].tokens, [issued("a")]);
    assert_eq!(twice[1].tokens, [issued("a")]);
    assert_eq!(twice[0].replays, []);
    assert_eq!(twice[1].replays, [(digest("key"), Some(replay("key")))]);
}

pub fn many_lookups_are_answered_in_one_call(store: &dyn Store) {
    let names: Vec<String> = (0..1_000).map(|n| format!("user{n}")).collect();
    applied(
        store,
        (0_u64..)
            .zip(&names)
            .step_by(2)
            .map(|(n, name)| creating(name, n)),
    );
    let users: Vec<_> = names.iter().map(|name| id(name)).collect();
    let lookups: Vec<_> = users.iter().map(Lookup::user).collect();
    let snapshots = store.load(&lookups).expect("load");
    assert_eq!(snapshots.len(), 1_000);
    for (n, snapshot) in (0_u64..).zip(snapshots) {
        let expected = (n % 2 == 0).then(|| version(n));
        assert_eq!(snapshot.user.map(|user| user.version), expected, "user {n}");
    }
}

pub fn a_user_with_thousands_of_dead_tokens_shows_only_the_live_ones(store: &dyn Store) {
    let draft = (0..5_000).fold(creating("amy", 1), |draft, n| {
        draft.token(revoked(issued(&format!("dead {n}")), at(n)))
    });
    applied(store, [draft.token(issued("live"))]);
    applied(store, [updating("amy", 1, 2).token(issued("live too"))]);
    assert_eq!(
        tokens(store, "amy"),
        sorted(vec![issued("live"), issued("live too")])
    );
}
