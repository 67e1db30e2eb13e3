//! Signing keys that are lost, damaged or those of another store: what is said, and what the remedies do.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, path::PathBuf};

use program::{API_KEY, Done, Home, Server, Store};
use serde_json::Value;

fn keys(home: &Home) -> PathBuf {
    home.data_dir().join("keys.json")
}

fn serve(home: &Home, flags: &[&str]) -> Done {
    let mut serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    Done::of(serve.args(flags).env("ISSUER_API_KEY", API_KEY))
}

/// Moves the keys away.
fn lose_keys(home: &Home) -> PathBuf {
    let away = home.path().join("backup.json");
    fs::rename(keys(home), &away).unwrap();
    away
}

fn reason(done: &Done) -> String {
    assert_eq!(done.code, Some(1), "{done:?}");
    serde_json::from_str::<Value>(&done.stdout).unwrap()["reason"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn keys_that_are_lost_beside_live_tokens_are_not_replaced_and_to_put_them_back_loses_nothing() {
    let home = Home::new();
    let tokens = ["amy", "bob"].map(|user| home.issue(user));
    home.issue("gone");
    home.run(&["token", "revoke", "gone"]).line();
    let away = lose_keys(&home);
    for refused in [
        serve(&home, &[]),
        home.run(&["issue", "eve"]),
        home.run(&["verify", &tokens[0]]),
        home.run(&["token", "revoke", "amy"]),
    ] {
        refused.fails_saying(
            3,
            &[
                "keys.json: is missing",
                "holds 2 live tokens",
                "put the file back",
                "issuer-server serve --new-key",
            ],
        );
        assert!(!keys(&home).exists());
    }
    fs::rename(away, keys(&home)).unwrap();
    for token in &tokens {
        home.run(&["verify", token]).line();
    }
}

#[test]
fn a_new_key_in_place_of_lost_ones_is_made_on_demand_and_says_how_many_tokens_end() {
    let home = Home::new();
    let tokens = ["amy", "bob"].map(|user| home.issue(user));
    lose_keys(&home);
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--new-key"]);
    let server = Server::start(command.env("ISSUER_API_KEY", API_KEY));
    for token in &tokens {
        assert_eq!(server.me(token).status, 401);
    }
    // The users of the lost tokens get new ones.
    let token = server.token("amy");
    assert_eq!(server.me(&token).status, 200);
    let log = server.stop();
    assert!(log.contains("\"ended_tokens\":2"), "{log}");
    home.run(&["verify", &token]).line();
    // Left in a service's file, the flag would replace the next keys that are lost in silence.
    serve(&home, &["--new-key"])
        .fails_saying(2, &["--new-key: ", "keys.json is there", "leave the flag out"]);
    home.run(&["issue", "eve", "--new-key"])
        .fails_saying(2, &["--new-key: "]);
}

#[test]
fn a_command_makes_a_new_key_on_demand_but_not_beside_a_server() {
    let home = Home::new();
    let token = home.issue("amy");
    lose_keys(&home);
    let done = home.run(&["issue", "bob", "--new-key"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("1 live token "), "{done:?}");
    assert_eq!(
        reason(&home.run(&["verify", &token])),
        "not a valid token of this server"
    );

    let server = home.serve(&[]);
    lose_keys(&home);
    home.run(&["issue", "eve", "--new-key"])
        .fails_saying(2, &["--new-key: ", "the running server holds the store"]);
    // The server has the keys in memory.
    home.issue("eve");
    server.stop();
    home.run(&["issue", "joe"])
        .fails_saying(3, &["keys.json: is missing"]);
}

#[test]
fn a_first_start_makes_a_key_in_silence_and_one_beside_dead_tokens_says_so() {
    let home = Home::new();
    home.issue("amy");
    home.run(&["token", "revoke", "amy"]).line();
    lose_keys(&home);
    let server = home.serve(&[]);
    server.token("amy");
    let log = server.stop();
    assert!(log.contains("keys.json was missing"), "{log}");
    let log = Home::new().serve(&[]).stop();
    assert!(!log.contains("keys.json"), "{log}");
}

#[test]
fn the_tokens_of_more_users_than_fit_on_a_page_are_all_counted() {
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let mut client = server.client();
    for user in 0..1_001 {
        assert_eq!(client.issue(&format!("user{user}"), None).unwrap().status, 200);
    }
    server.stop();
    lose_keys(&home);
    home.run(&["issue", "eve"])
        .fails_saying(3, &["holds 1001 live tokens"]);
}

#[test]
fn damaged_keys_moved_away_are_replaced_on_demand() {
    let home = Home::new();
    let token = home.issue("amy");
    fs::write(keys(&home), "{").unwrap();
    home.run(&["issue", "bob"]).fails_saying(
        3,
        &[
            "keys.json: ",
            "restore it from a backup",
            "move it away",
            "issuer-server serve --new-key",
        ],
    );
    lose_keys(&home);
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--new-key"]);
    let server = Server::start(command.env("ISSUER_API_KEY", API_KEY));
    assert_eq!(server.me(&token).status, 401);
    server.token("amy");
    server.stop();
}

#[test]
fn the_keys_of_another_store_are_told_when_the_server_starts() {
    let (home, other) = (Home::new(), Home::new());
    let token = home.issue("amy");
    other.issue("bob");
    let ours = lose_keys(&home);
    fs::copy(keys(&other), keys(&home)).unwrap();
    let server = home.serve(&[]);
    assert_eq!(server.me(&token).status, 401);
    let log = server.stop();
    assert!(
        log.contains("none of the live tokens") && log.contains("put the right one back"),
        "{log}"
    );
    fs::rename(ours, keys(&home)).unwrap();
    let server = home.serve(&[]);
    assert_eq!(server.me(&token).status, 200);
    assert!(!server.stop().contains("none of the live tokens"));
}
