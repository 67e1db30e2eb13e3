//! What a write does to the folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

use std::time::{Duration, Instant};

use issuer::{Timestamp, state::Expect};
use issuer_conformance::{
    fixture::{Draft, at, creating, issued, replay, revoked, user, writing},
    probe::{applied, apply, snapshot},
};
use issuer_sled::SledStore;
use issuer_store::{Outcome, Store};

#[test]
fn a_slice_without_an_applied_commit_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let store = SledStore::open(&path).unwrap();
    applied(&store, [creating("amy", 1)]);
    let content = || ["db", "issuer"].map(|name| std::fs::read(path.join(name)).unwrap());
    let before = content();
    assert_eq!(
        apply(&store, [creating("amy", 2), creating("amy", 3)]),
        [Outcome::Conflict; 2]
    );
    assert_eq!(store.purge(at(-1), 100).unwrap(), 0);
    assert!(content() == before);
}

#[test]
fn a_purge_costs_what_it_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path().join("users.sled")).unwrap();
    let draft = |user: u64| {
        (0..200).fold(creating(&format!("user{user}"), user), |draft: Draft, n| {
            let name = format!("{user} {n}");
            draft.token(revoked(issued(&name), at(n))).replay(replay(&name))
        })
    };
    for chunk in 0..5 {
        applied(&store, (0..10).map(|n| draft(chunk * 10 + n)));
    }
    let mut fastest = [f64::MAX; 2];
    // 20,000 rows, of which ten die a round; the other purge deletes two hundred times as many.
    for _ in 0..5 {
        for (limit, fastest) in [10, 2_000].into_iter().zip(&mut fastest) {
            let start = Instant::now();
            assert_eq!(store.purge(Timestamp::MAX, limit).unwrap(), limit);
            *fastest = fastest.min(start.elapsed().as_secs_f64());
        }
    }
    assert!(fastest[0] * 4.0 < fastest[1], "{fastest:?} seconds");
    assert!(snapshot(&store, "user0").user.is_some());
}

#[test]
fn the_folder_of_a_store_that_changes_all_the_while_does_not_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sled");
    let store = SledStore::open(&path).unwrap();
    // 200 users, changed a hundred times each: about 10 MiB of log for 100 KiB of rows.
    for round in 0..100_u64 {
        let users = (0..200).map(|n| {
            let name = format!("user{n}");
            writing(&name, Expect::Any, round * 1_000 + n)
                .user(user(&name))
                .replay(replay("the one key"))
        });
        apply(&store, users);
    }
    std::thread::sleep(Duration::from_secs(1));
    let size = std::fs::metadata(path.join("db")).unwrap().len();
    assert!(size < 64 << 20, "{size} bytes");
}
