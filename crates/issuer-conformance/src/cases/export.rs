//! Every row, once, whatever the size of the pages.

use std::collections::BTreeMap;

use issuer::{
    Digest,
    state::{Change, Commit, Expect, TokenName, Tombstone, Versioned},
    user::UserId,
};
use issuer_store::{Cursor, Export, ExportRow, MemoryStore, Outcome, Store, StoreError, StoreErrorKind};

use crate::{
    fixture::{
        assigned, at, creating, digest, id, issued, replay, revoked, updating, user, version, writing,
    },
    probe::{applied, export, export_while},
};

/// Eleven rows of every kind, and their keys.
fn eleven(store: &dyn Store) {
    applied(
        store,
        [
            creating("amy", 1)
                .token(issued("a"))
                .token(assigned("b"))
                .token(revoked(issued("c"), at(1)))
                .token(revoked(assigned("d"), at(1)))
                .replay(replay("key"))
                .tombstone("d", at(9)),
            creating("bob", 2).token(issued("a")).replay(replay("key")),
            creating("cy", 3),
        ],
    );
}

/// What a row is called, so that rows can be put in one order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    User(UserId),
    Token(UserId, TokenName),
    Replay(UserId, Digest),
    Tombstone(Digest),
}

pub(crate) fn key(row: &ExportRow) -> Key {
    match row {
        ExportRow::User(user) => Key::User(user.value.id.clone()),
        ExportRow::Token(user, token) => Key::Token(user.clone(), token.name()),
        ExportRow::Replay(user, replay) => Key::Replay(user.clone(), replay.key),
        ExportRow::Tombstone(tombstone) => Key::Tombstone(tombstone.digest),
    }
}

/// Rows in the order of their keys.
pub(crate) fn by_key(mut rows: Vec<ExportRow>) -> Vec<ExportRow> {
    rows.sort_by_key(key);
    rows
}

pub fn an_empty_store_exports_nothing(store: &dyn Store) {
    let export = store.export(None, 10).expect("export");
    assert_eq!((export.rows, export.next), (vec![], None));
}

pub fn an_export_shows_every_row_as_it_went_in(store: &dyn Store) {
    eleven(store);
    let versioned = |name: &str, n| {
        ExportRow::User(Versioned {
            version: version(n),
            value: user(name),
        })
    };
    let (amy, bob) = (id("amy"), id("bob"));
    let expected = vec![
        versioned("amy", 1),
        versioned("bob", 2),
        versioned("cy", 3),
        ExportRow::Token(amy.clone(), issued("a")),
        ExportRow::Token(amy.clone(), assigned("b")),
        ExportRow::Token(amy.clone(), revoked(issued("c"), at(1))),
        ExportRow::Token(amy.clone(), revoked(assigned("d"), at(1))),
        ExportRow::Token(bob.clone(), issued("a")),
        ExportRow::Replay(amy, replay("key")),
        ExportRow::Replay(bob, replay("key")),
        ExportRow::Tombstone(Tombstone {
            digest: digest("d"),
            until: at(9),
        }),
    ];
    assert_eq!(by_key(export(store, 100)), by_key(expected));
}

pub fn an_export_shows_every_row_once_whatever_the_limit(store: &dyn Store) {
    eleven(store);
    let whole = by_key(export(store, 100));
    for limit in 1..=12 {
        assert_eq!(by_key(export(store, limit)), whole, "{limit} rows at a time");
    }
    assert_eq!(by_key(export(store, usize::MAX)), whole);
}

pub fn a_user_is_exported_before_its_rows(store: &dyn Store) {
    eleven(store);
    for limit in 1..=12 {
        let mut seen: Vec<UserId> = Vec::new();
        for row in export(store, limit) {
            match row {
                ExportRow::User(user) => seen.push(user.value.id),
                ExportRow::Token(user, _) | ExportRow::Replay(user, _) => {
                    assert!(seen.contains(&user), "a row of {user} before the user itself");
                }
                ExportRow::Tombstone(_) => {}
            }
        }
    }
}

pub fn a_row_that_is_there_all_the_while_is_exported_once_though_others_come_and_go(store: &dyn Store) {
    for limit in 1..=5 {
        // Later rounds sort before earlier ones, so that rows come and go on both sides of the cursor.
        let name = |n: u64| format!("round {} user {n:02}", 9 - limit);
        let staying: Vec<String> = (0..10).map(|n| name(2 * n)).collect();
        applied(
            store,
            (0..)
                .zip(&staying)
                .map(|(n, name)| creating(name, n).token(issued("t")).replay(replay("key"))),
        );
        applied(store, [1, 3, 9].map(|n| creating(&name(n), n).token(issued("t"))));
        let rows = export_while(store, limit, |page| match page {
            2 => applied(store, [updating(&name(9), 9, 90).erase()]),
            4 => applied(store, [updating(&name(1), 1, 91).erase()]),
            6 => applied(store, [creating(&name(5), 92).token(issued("t"))]),
            7 => applied(
                store,
                [updating(&name(3), 3, 93).erase(), creating(&name(19), 94)],
            ),
            _ => {}
        });
        for name in &staying {
            for wanted in [
                Key::User(id(name)),
                Key::Token(id(name), issued("t").name()),
                Key::Replay(id(name), digest("key")),
            ] {
                let times = rows.iter().filter(|row| key(row) == wanted).count();
                assert_eq!(times, 1, "{wanted:?}, {limit} rows at a time");
            }
        }
    }
}

pub fn a_row_that_changes_meanwhile_is_exported_once(store: &dyn Store) {
    let names: Vec<String> = (0..6).map(|n| format!("user{n}")).collect();
    applied(
        store,
        (0..)
            .zip(&names)
            .map(|(n, name)| creating(name, n).token(issued("t")).replay(replay("key"))),
    );
    for limit in 1..=4 {
        // The writes of each page change rows on both sides of the cursor.
        let rows = export_while(store, limit, |page| {
            let revoke = page % 2 == 1;
            applied(
                store,
                names.iter().map(|name| {
                    let token = if revoke {
                        revoked(issued("t"), at(1))
                    } else {
                        issued("t")
                    };
                    writing(name, Expect::Any, 100)
                        .user(user(name))
                        .token(token)
                        .replay(replay("key"))
                }),
            );
        });
        let mut keys: Vec<Key> = rows.iter().map(key).collect();
        keys.sort();
        let mut expected: Vec<Key> = names
            .iter()
            .flat_map(|name| {
                [
                    Key::User(id(name)),
                    Key::Token(id(name), issued("t").name()),
                    Key::Replay(id(name), digest("key")),
                ]
            })
            .collect();
        expected.sort();
        assert_eq!(keys, expected, "{limit} rows at a time");
    }
}

pub fn an_export_goes_on_after_its_last_row_was_erased(store: &dyn Store) {
    applied(store, ["a", "b", "c", "d"].map(|name| creating(name, 1)));
    let mut erased = None;
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let export = store.export(cursor.as_ref(), 1).expect("export");
        for row in &export.rows {
            let ExportRow::User(user) = row else {
                panic!("{row:?}")
            };
            seen.push(user.value.id.as_str().to_owned());
        }
        let Some(next) = export.next else { break };
        if let (None, Some(last)) = (&erased, seen.last()) {
            applied(store, [updating(last, 1, 2).erase()]);
            erased = Some(last.clone());
        }
        cursor = Some(next);
    }
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b", "c", "d"]);
}

pub fn a_foreign_cursor_is_an_error_and_no_panic(store: &dyn Store) {
    eleven(store);
    for bytes in [
        &b""[..],
        &[0xff; 7],
        &[0xfe; 10_000],
        b"not a cursor of any store",
    ] {
        let error = export_after(store, bytes).expect_err("a foreign cursor");
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    }
}

pub fn a_cursor_that_was_tampered_with_is_no_panic(store: &dyn Store) {
    eleven(store);
    let next = store.export(None, 2).expect("export").next.expect("more rows");
    for cut in 0..next.as_bytes().len() {
        may_be_invalid(store, &next.as_bytes()[..cut]);
    }
    for at in 0..next.as_bytes().len() {
        let mut bytes = next.as_bytes().to_vec();
        bytes[at] ^= 0xff;
        may_be_invalid(store, &bytes);
    }
}

fn export_after(store: &dyn Store, bytes: &[u8]) -> Result<Export, StoreError> {
    store.export(Some(&Cursor::new(bytes.to_vec())), 10)
}

fn may_be_invalid(store: &dyn Store, bytes: &[u8]) {
    if let Err(error) = export_after(store, bytes) {
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    }
}

pub fn an_export_makes_a_copy(store: &dyn Store) {
    let other = MemoryStore::new();
    eleven(&other);
    let rows = export(&other, 4);
    copy(store, &rows);
    assert_eq!(by_key(export(store, 4)), by_key(rows.clone()));
    let back = MemoryStore::new();
    copy(&back, &export(store, 3));
    assert_eq!(by_key(export(&back, 4)), by_key(rows));
}

/// Writes exported rows into an empty store, in their order, each in a commit of its own.
fn copy(store: &dyn Store, rows: &[ExportRow]) {
    let mut versions = BTreeMap::new();
    for row in rows {
        let (user, change) = match row.clone() {
            ExportRow::User(user) => {
                versions.insert(user.value.id.clone(), user.version);
                (user.value.id.clone(), Change::PutUser(user.value))
            }
            ExportRow::Token(user, token) => (user, Change::PutToken(token)),
            ExportRow::Replay(user, replay) => (user, Change::PutReplay(replay)),
            ExportRow::Tombstone(tombstone) => (id("whoever copies"), Change::PutTombstone(tombstone)),
        };
        let commit = Commit {
            expect: Expect::Any,
            next: versions.get(&user).copied().unwrap_or(version(0)),
            user,
            claims: Vec::new(),
            changes: vec![change],
        };
        assert_eq!(store.apply(&[commit]).expect("apply"), [Outcome::Applied]);
    }
}
