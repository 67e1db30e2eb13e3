//! What a write does to others, and what is left of it when it fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    num::NonZeroUsize,
    path::Path,
    time::{Duration, Instant},
};

use issuer::state::Expect;
use issuer_conformance::{
    fixture::{Draft, assigned, at, creating, issued, revoked, until, updating, writing},
    probe::{applied, apply, conflicts, snapshot},
};
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Outcome, Page, Store, StoreErrorKind};
use rusqlite::Connection;

fn impatient(path: &Path) -> SqliteStore {
    SqliteStore::options()
        .busy_timeout(Duration::from_millis(50))
        .readers(NonZeroUsize::MIN)
        .open(path)
        .unwrap()
}

#[test]
fn a_read_does_not_wait_for_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    applied(&store, [creating("amy", 1)]);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; UPDATE users SET nickname = 'Bob'")
        .unwrap();
    let start = Instant::now();
    let found = snapshot(&store, "amy").user.unwrap();
    store
        .list(&Page {
            limit: 9,
            ..Page::default()
        })
        .unwrap();
    store.export(None, 9).unwrap();
    store.control().unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "less than the busy timeout"
    );
    assert_eq!(found.value.nickname.unwrap().as_str(), "Nick of amy");
}

#[test]
fn a_write_gives_up_after_its_timeout_with_nothing_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = impatient(&path);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.apply(&[creating("amy", 1).into()]).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (StoreErrorKind::Busy, Effect::None)
    );
    assert!(error.is_retryable());
    assert!(error.to_string().contains("users.db"), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    applied(&store, [creating("amy", 1)]);
}

#[test]
fn of_two_stores_on_one_file_that_race_one_has_a_conflict() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let (one, two) = (
        SqliteStore::open(&path).unwrap(),
        SqliteStore::open(&path).unwrap(),
    );
    applied(&one, [creating("amy", 1)]);
    // Both have seen version 1.
    applied(&two, [updating("amy", 1, 2).token(issued("two's"))]);
    conflicts(&one, updating("amy", 1, 3).token(issued("one's")));
    assert_eq!(snapshot(&one, "amy").tokens, [issued("two's")]);
}

#[test]
fn a_slice_without_an_applied_commit_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    applied(&store, [creating("amy", 1)]);
    let log = || std::fs::read(folder.path().join("users.db-wal")).unwrap();
    let before = log();
    assert_eq!(
        apply(&store, [creating("amy", 2), creating("amy", 3)]),
        [Outcome::Conflict; 2]
    );
    assert_eq!(store.purge(at(-1), 100).unwrap(), 0);
    assert!(log() == before);
}

#[test]
fn the_rows_can_be_read_as_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    let token = issued("amy's");
    let amy = creating("amy", 1)
        .token(token.clone())
        .token(until(assigned("brought"), at(-1_000_000_000)))
        .token(revoked(issued("old"), at(5)));
    applied(&store, [amy]);
    let outside = Connection::open(&path).unwrap();
    let mut statement = outside
        .prepare("SELECT kind, name, state, created, expires, revoked FROM tokens WHERE user = 'amy' ORDER BY state DESC")
        .unwrap();
    let rows: Vec<[Option<String>; 6]> = statement
        .query_map([], |row| {
            Ok([
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ])
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let text = |row: usize, column: usize| rows[row][column].as_deref();
    assert_eq!(rows.len(), 3);
    assert_eq!((text(0, 0), text(0, 2)), (Some("issued"), Some("revoked")));
    assert_eq!(text(0, 5), Some(at(5).to_string().as_str()));
    assert_eq!((text(1, 0), text(1, 2)), (Some("issued"), Some("not revoked")));
    assert_eq!(text(1, 1), Some(token.issued().unwrap().id.to_string().as_str()));
    assert_eq!(text(1, 3), Some(at(0).to_string().as_str()));
    assert_eq!(text(1, 4), Some(at(3_600).to_string().as_str()));
    assert_eq!((text(2, 0), text(2, 2)), (Some("assigned"), Some("expired")));
    // As `printf brought | sha256sum` prints it.
    assert_eq!(text(2, 1).unwrap().len(), 64);
}

#[test]
fn every_value_of_a_jti_is_shown_as_it_stands_in_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    let tokens: Vec<_> = (0..100).map(|n| issued(&n.to_string())).collect();
    applied(
        &store,
        [tokens.iter().cloned().fold(creating("amy", 1), Draft::token)],
    );
    let outside = Connection::open(&path).unwrap();
    for token in tokens {
        let name = token.issued().unwrap().id.to_string();
        let found: i64 = outside
            .query_row("SELECT count(*) FROM tokens WHERE name = ?1", [&name], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(found, 1, "{name}");
    }
}

#[test]
fn the_key_of_an_erased_user_is_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    let outside = Connection::open(&path).unwrap();
    let key = |user: &str| -> i64 {
        outside
            .query_row("SELECT user_key FROM users WHERE id = ?1", [user], |row| {
                row.get(0)
            })
            .unwrap()
    };
    applied(
        &store,
        [creating("amy", 1), creating("bob", 2), creating("cyd", 3)],
    );
    let last = key("cyd");
    applied(
        &store,
        [updating("cyd", 3, 4).erase(), updating("amy", 1, 5).erase()],
    );
    applied(&store, [creating("dan", 6)]);
    assert!(key("dan") > last);
    // Rows that come without their user have an owner, too.
    applied(&store, [updating("dan", 6, 7).erase()]);
    applied(&store, [writing("eve", Expect::Absent, 8).token(issued("t"))]);
    assert!(key("eve") > last + 1);
    // Nor within one slice.
    let before = key("eve");
    applied(
        &store,
        [
            creating("fay", 9),
            updating("fay", 9, 10).erase(),
            creating("gil", 11),
            writing("hal", Expect::Absent, 12).token(issued("u")),
        ],
    );
    assert!(key("gil") > before + 1);
    assert!(key("hal") > key("gil"));
}

#[test]
fn a_purge_copies_the_log_into_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    applied(&store, (0..100).map(|n| creating(&format!("user{n}"), n)));
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    assert_eq!(store.purge(at(0), 10).unwrap(), 0);
    assert!(size() > before);
}

#[test]
fn commits_alone_do_not_let_the_log_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let store = SqliteStore::open(&path).unwrap();
    // Each slice writes at least a hundred pages: 10,000 pages in all.
    for round in 0..100_u64 {
        let users = (0..400).map(|n| creating(&format!("{}{n}", round * 7_919 % 101), round * 1_000 + n));
        apply(&store, users);
    }
    let log = std::fs::metadata(folder.path().join("users.db-wal"))
        .unwrap()
        .len();
    assert!(log < 8 << 20, "{log} bytes");
}
