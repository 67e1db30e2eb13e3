//! `copy` moves a store, and the tokens in it go on living, or stay dead.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, path::Path, process::Stdio, thread, time::Duration};

use issuer::{
    Digest, KeyFingerprint, Timestamp, TokenId,
    state::{
        Change, Commit, Expect, IssuedToken, Replay, TokenBody, TokenMode, TokenRecord, Tombstone,
        UserRecord, Version,
    },
    user::UserId,
};
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{Page, Store};
use program::{Done, Home};
use serde_json::Value;

const SQLITE: &str = "sqlite:users.db";
const SLED: &str = "sled:users.sled";

fn copy(home: &Home, from: &str, to: &str) -> Done {
    home.run(&["copy", "--from", from, "--to", to])
}

fn on(home: &Home, store: &str, command: &[&str]) -> Done {
    home.run(&[command, &["--store", store]].concat())
}

/// The store itself, which nobody may have open.
fn open(home: &Home, store: &str) -> Box<dyn Store> {
    match store.split_once(':').unwrap() {
        ("sqlite", path) => Box::new(SqliteStore::open(home.path().join(path)).unwrap()),
        (_, path) => Box::new(SledStore::open(home.path().join(path)).unwrap()),
    }
}

fn first_16(number: u32) -> [u8; 16] {
    *Digest::of(&number.to_be_bytes())
        .as_bytes()
        .first_chunk()
        .unwrap()
}

/// A user with a token; every tenth has all that can be stored of one, and a tombstone.
fn commit(number: u32) -> Commit {
    let now = Timestamp::from_unix(2_000_000_000).unwrap();
    let later = now.saturating_add_seconds(3_600);
    let name = format!("user{number:05}");
    let user = UserId::parse(&name).unwrap();
    let token = |body| TokenRecord {
        body,
        created_at: now,
        expires_at: later,
        revoked_at: None,
    };
    let digest = |what: &str| Digest::of(format!("{what} of {name}").as_bytes());
    let id = TokenId::from_bytes(first_16(number));
    let issued = TokenBody::Issued(IssuedToken {
        id,
        key: KeyFingerprint::from_bytes([7; 16]),
        issuer: None,
        audience: None,
    });
    let mut changes = vec![
        Change::PutUser(UserRecord {
            id: user.clone(),
            nickname: None,
            avatar_url: None,
            token_mode: TokenMode::Issued,
            created_at: now,
            updated_at: now,
        }),
        Change::PutToken(token(issued)),
    ];
    if number.is_multiple_of(10) {
        changes.extend([
            Change::PutToken(token(TokenBody::Assigned(digest("assigned")))),
            Change::PutReplay(Replay {
                key: digest("key"),
                request: digest("request"),
                token: id,
                forgotten_at: later,
            }),
            Change::PutTombstone(Tombstone {
                digest: digest("dead"),
                until: later,
            }),
        ]);
    }
    Commit {
        user,
        expect: Expect::Absent,
        next: Version::from_bytes(first_16(number)),
        claims: Vec::new(),
        changes,
    }
}

/// Puts so many users into a store.
fn fill(home: &Home, store: &str, users: u32) {
    let store = open(home, store);
    let commits: Vec<Commit> = (0..users).map(commit).collect();
    for slice in commits.chunks(1_000) {
        store.apply(slice).unwrap();
    }
}

fn users_in(home: &Home, store: &str) -> u64 {
    let page = Page {
        count_all: true,
        ..Page::default()
    };
    open(home, store).list(&page).unwrap().total.unwrap()
}

fn counts(line: &Value) -> [u64; 6] {
    [
        "users",
        "tokens",
        "idempotencyRecords",
        "tombstones",
        "apiKeys",
        "rowsWritten",
    ]
    .map(|name| line[name].as_u64().unwrap())
}

fn moves_everything(from: &str, to: &str) {
    let home = Home::new();
    let server = home.serve(&["--store", from]);
    let mut client = server.client();
    let replayed = client.issue("amy", Some("key-1")).unwrap();
    let dead = client.issue("bob", None).unwrap().json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(client.revoke("bob", None).unwrap().status, 200);
    server.stop();

    let line = copy(&home, from, to).json();
    assert_eq!(counts(&line), [2, 2, 1, 0, 1, 6]);
    assert_eq!(line["digest"].as_str().unwrap().len(), "sha256:".len() + 64);

    let token = replayed.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(on(&home, to, &["verify", &token]).json()["sub"], "amy");
    let verdict = on(&home, to, &["verify", &dead]);
    assert_eq!(
        (verdict.code, verdict.stdout.contains("\"valid\":false")),
        (Some(1), true)
    );
    on(&home, to, &["issue", "amy"]).fails_saying(1, &["USER_EXISTS"]);
    // Without the key in the environment: it works because its record was copied.
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--store", to]);
    let server = program::Server::start(&mut command);
    let mut client = server.client();
    assert_eq!(client.me(&token).unwrap().status, 200);
    assert_eq!(client.me(&dead).unwrap().status, 401);
    let again = client.issue("amy", Some("key-1")).unwrap();
    assert_eq!((again.status, again.body), (replayed.status, replayed.body));
    server.stop();
    assert!(!home.data_dir().join("bootstrap-api-key").exists());
}

#[test]
fn tokens_idempotency_keys_and_api_keys_go_on_working_in_sled() {
    moves_everything(SQLITE, SLED);
}

#[test]
fn tokens_idempotency_keys_and_api_keys_go_on_working_in_sqlite() {
    moves_everything(SLED, SQLITE);
}

#[test]
fn a_store_is_copied_into_another_of_its_kind() {
    let home = Home::new();
    fill(&home, SQLITE, 3);
    let line = copy(&home, SQLITE, "sqlite:other.db").json();
    assert_eq!(counts(&line), [3, 4, 1, 1, 0, 9]);
    let again = copy(&home, SQLITE, "sqlite:other.db").json();
    assert_eq!(counts(&again), [3, 4, 1, 1, 0, 0], "nothing is left to write");
    assert_eq!(again["digest"], line["digest"]);
    assert!(!home.data_dir().exists(), "it needs none");
}

#[test]
fn an_empty_store_is_a_store() {
    let home = Home::new();
    for (from, to) in [(SQLITE, SLED), (SLED, "sqlite:other.db")] {
        drop(open(&home, from));
        assert_eq!(counts(&copy(&home, from, to).json()), [0; 6]);
    }
}

/// Kills copies until one has left a part of the users behind, and finishes it.
fn is_completed_after_a_kill(from: &str, to: &str) {
    const USERS: u32 = 20_000;
    let home = Home::new();
    fill(&home, from, USERS);
    let there = (1..)
        .find_map(|attempt: u32| {
            assert!(attempt < 200, "no copy was caught in the middle");
            let mut child = home
                .command(&["copy", "--from", from, "--to", to])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(Duration::from_millis(u64::from(attempt) * 50));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert!(!status.success(), "it was done before it was killed");
            Some(users_in(&home, to)).filter(|users| *users > 0)
        })
        .unwrap();
    let line = copy(&home, from, to).json();
    let (all, tenth) = (u64::from(USERS), u64::from(USERS) / 10);
    let [users, tokens, records, tombstones, keys, written] = counts(&line);
    assert_eq!(
        [users, tokens, records, tombstones, keys],
        [all, all + tenth, tenth, tenth, 0]
    );
    assert!(
        (1..=2 * all + 3 * tenth - there).contains(&written),
        "{there} users were there, {line}"
    );
    assert_eq!(users_in(&home, to), all);
    // And back, into an empty store, has the same digest.
    let back = copy(&home, to, "sqlite:back.db").json();
    assert_eq!(back["digest"], line["digest"]);
}

#[test]
fn twenty_thousand_users_reach_sled_although_the_copy_was_killed() {
    is_completed_after_a_kill(SQLITE, SLED);
}

#[test]
fn twenty_thousand_users_reach_sqlite_although_the_copy_was_killed() {
    is_completed_after_a_kill(SLED, SQLITE);
}

#[test]
fn a_destination_that_holds_something_else_is_refused_and_untouched() {
    for (from, to) in [(SQLITE, SLED), (SLED, SQLITE)] {
        let home = Home::new();
        fill(&home, from, 3);
        let token = on(&home, to, &["issue", "user00001"]).token();
        let parts = [
            "OTHER_DATA: ",
            to.split_once(':').unwrap().1,
            "(2 rows)",
            "nothing was written",
        ];
        copy(&home, from, to).fails_saying(1, &parts);
        assert_eq!(users_in(&home, to), 1);
        on(&home, to, &["verify", &token]).line();
    }
}

#[test]
fn a_copy_that_is_out_of_date_is_refused_and_untouched() {
    let home = Home::new();
    on(&home, SQLITE, &["issue", "amy"]).line();
    copy(&home, SQLITE, SLED).line();
    on(&home, SQLITE, &["token", "revoke", "amy"]).line();
    copy(&home, SQLITE, SLED).fails_saying(1, &["OTHER_DATA: ", "out of date"]);
}

#[test]
fn a_destination_of_somebody_elses_is_refused_and_untouched() {
    let home = Home::new();
    fill(&home, SQLITE, 1);
    let text =
        "a letter, which is no database, but has as many bytes as one needs to be looked at".repeat(20);
    fs::write(home.path().join("letter"), &text).unwrap();
    fs::create_dir(home.path().join("folder")).unwrap();
    fs::write(home.path().join("folder/letter"), &text).unwrap();
    for to in ["sqlite:letter", "sqlite:folder", "sled:letter", "sled:folder"] {
        copy(&home, SQLITE, to).fails_saying(1, &["OTHER_DATA: "]);
    }
    assert_eq!(fs::read_to_string(home.path().join("letter")).unwrap(), text);
    assert_eq!(fs::read_dir(home.path().join("folder")).unwrap().count(), 1);
}

#[test]
fn a_store_is_not_copied_onto_itself() {
    let home = Home::new();
    for store in [SQLITE, SLED] {
        fill(&home, store, 1);
        copy(&home, store, store).fails_saying(1, &["SAME_STORE: "]);
        let (scheme, path) = store.split_once(':').unwrap();
        let other_name = format!("{scheme}:{}", home.path().join("./").join(path).display());
        copy(&home, store, &other_name).fails_saying(1, &["SAME_STORE: "]);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path, home.path().join(format!("{scheme}.link"))).unwrap();
            copy(&home, store, &format!("{scheme}:{scheme}.link")).fails_saying(1, &["SAME_STORE: "]);
        }
    }
}

#[test]
fn what_cannot_be_copied_is_wrong_usage_and_makes_nothing() {
    let home = Home::new();
    for (from, to) in [("sqlite:typo.db", SLED), ("sled:typo.sled", SQLITE)] {
        copy(&home, from, to).fails_saying(2, &["--from ", "there is no such store"]);
    }
    copy(&home, "memory:", SLED).fails_saying(2, &["memory: is another store in each process"]);
    copy(&home, SQLITE, "memory:").fails_saying(2, &["memory: is another store in each process"]);
    copy(&home, "users.db", SLED).fails_saying(2, &["--from", "must be sqlite:PATH"]);
    home.run(&["copy", "--from", SQLITE])
        .fails_saying(2, &["--to <URL>"]);
    let made: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
}

#[test]
#[cfg(unix)]
fn a_store_that_a_running_server_holds_is_refused() {
    let home = Home::new();
    fill(&home, "sqlite:idle.db", 1);
    for held in [SQLITE, SLED] {
        let server = home.serve(&["--store", held]);
        let told = ["STORE_IN_USE: ", "stop the server, and run this command again"];
        copy(&home, held, "sqlite:out.db").fails_saying(1, &told);
        copy(&home, "sqlite:idle.db", held).fails_saying(1, &told);
        assert!(!home.path().join("out.db").exists());
        // Another store is none of the server's business.
        copy(&home, "sqlite:idle.db", &format!("{held}.copy")).line();
        server.stop();
        copy(&home, held, &format!("{held}.of-a-server")).line();
    }
}

#[test]
#[cfg(unix)]
fn the_server_of_another_data_folder_is_found_beside_its_store() {
    let home = Home::on(program::Store::Sqlite);
    let server = home.serve(&[]);
    let store = format!("sqlite:{}", home.data_dir().join("issuer.db").display());
    let copy = ["copy", "--from", &store, "--to", SLED, "--data-dir", "elsewhere"];
    home.run(&copy)
        .fails_saying(1, &["STORE_IN_USE: ", "stop the server"]);
    std::os::unix::fs::symlink(home.data_dir().join("issuer.db"), home.path().join("link")).unwrap();
    home.run(&[
        "copy",
        "--from",
        "sqlite:link",
        "--to",
        SLED,
        "--data-dir",
        "elsewhere",
    ])
    .fails_saying(1, &["STORE_IN_USE: ", "stop the server"]);
    server.stop();
    home.run(&copy).line();
    assert!(!Path::new(&home.path().join("elsewhere")).exists());
}

#[test]
fn the_help_shows_an_example() {
    let help = Home::new().run(&["copy", "--help"]);
    assert_eq!(help.code, Some(0));
    assert!(
        help.stdout.contains("issuer-server copy --from sqlite:/"),
        "{}",
        help.stdout
    );
}
