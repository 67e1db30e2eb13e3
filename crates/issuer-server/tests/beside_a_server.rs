//! Commands beside a running server go through it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, os::unix::fs::PermissionsExt as _};

use program::{API_KEY, Done, Home, Server, Store};

/// A store that no other process can open at all.
const MEMORY: &[&str] = &["--store", "memory:"];

fn with_memory(home: &Home, command: &[&str]) -> Done {
    home.run(&[command, MEMORY].concat())
}

/// What each command says while a server holds the store. Its flags go to the server and to the commands.
fn every_command_works(home: &Home, store: &[&str]) -> Server {
    let run = |command: &[&str]| home.run(&[command, store].concat());
    let server = home.serve(store);
    let token = server.token("amy");
    assert_eq!(run(&["verify", &token]).json()["sub"], "amy");
    run(&["issue", "amy"]).fails(1, "USER_EXISTS: User with _id 'amy' already exists");
    run(&["issue", ".."]).fails_saying(1, &["INVALID_REQUEST: Invalid field: _id"]);
    assert_eq!(run(&["token", "revoke", "amy"]).json()["revokedTokens"], 1);
    assert_eq!(server.me(&token).status, 401);
    let next = run(&["issue", "amy", "--nickname", "Amy"]).token();
    assert_eq!(server.me(&next).json()["result"]["nickname"], "Amy");
    let verdict = run(&["verify", &token]);
    assert_eq!(
        (verdict.code, &*verdict.stdout),
        (Some(1), "{\"valid\":false,\"reason\":\"revoked\"}\n")
    );
    server
}

#[test]
fn every_command_works_on_a_store_in_the_memory_of_a_server() {
    let home = Home::new();
    every_command_works(&home, MEMORY).stop();
    with_memory(&home, &["token", "revoke", "amy"]).fails_saying(1, &["CLIENT_NOT_FOUND"]);
}

#[test]
fn every_command_works_on_a_file_beside_its_server_and_after_it() {
    let home = Home::on(Store::Sqlite);
    every_command_works(&home, &[]).stop();
    assert_eq!(home.run(&["token", "revoke", "amy"]).json()["revokedTokens"], 1);
}

#[test]
fn every_command_works_on_a_folder_that_a_server_holds_and_after_it() {
    let home = Home::on(Store::Sled);
    let server = every_command_works(&home, &[]);
    // Without the socket the folder cannot be had, so the commands went through the server.
    let (socket, away) = (home.data_dir().join("issuer.sock"), home.path().join("away"));
    fs::rename(&socket, &away).unwrap();
    home.run(&["issue", "bob"])
        .fails_saying(3, &["users.sled is open in another process"]);
    fs::rename(&away, &socket).unwrap();
    home.issue("bob");
    server.stop();
    assert_eq!(home.run(&["token", "revoke", "amy"]).json()["revokedTokens"], 1);
    home.run(&["issue", "bob"]).fails_saying(1, &["USER_EXISTS"]);
}

#[test]
fn a_second_server_on_a_folder_that_one_holds_is_refused_and_the_first_serves_on() {
    let home = Home::on(Store::Sled);
    let server = home.serve(&[]);
    let second = Done::of(
        home.command(&["serve", "--listen", "127.0.0.1:0"])
            .env("ISSUER_API_KEY", API_KEY),
    );
    second.fails_saying(3, &["users.sled is open in another process"]);
    assert_eq!(second.stderr.lines().count(), 1, "{second:?}");
    let token = home.issue("amy");
    assert_eq!(server.me(&token).status, 200);
    server.stop();
}

#[test]
fn the_settings_of_the_server_hold_and_a_flag_that_says_otherwise_is_wrong_usage() {
    let home = Home::new();
    let server = home.serve(&["--lifetime", "1h", "--issuer", "me"]);
    for (flag, value) in [
        ("--lifetime", "2h"),
        ("--max-live-tokens", "2"),
        ("--policy", "upsert"),
        ("--refresh-window", "1m"),
        ("--issuer", "you"),
        ("--audience", "us"),
    ] {
        let told = format!("{flag}: the running server holds the store and says otherwise");
        home.run(&["issue", "amy", flag, value]).fails(2, &told);
        home.run(&[flag, value, "issue", "amy"]).fails(2, &told);
    }
    let same = [
        "--lifetime",
        "60m",
        "--issuer",
        "me",
        "--policy",
        "conflict_while_live",
    ];
    home.run(&[&["issue", "amy"][..], &same].concat()).line();
    // What is no flag gives way in silence: it is meant for every command, not for this one.
    let command = home
        .command(&["issue", "bob"])
        .env("ISSUER_LIFETIME", "2h")
        .output()
        .unwrap();
    Done::from(command).line();
    server.stop();
}

#[test]
fn a_command_for_another_store_does_not_go_through_the_server() {
    let home = Home::new();
    let server = home.serve(MEMORY);
    home.issue("amy");
    server.token("amy");
    server.stop();
}

#[test]
fn the_socket_is_for_its_owner_alone_and_goes_with_the_server() {
    let home = Home::new();
    let server = home.serve(&[]);
    let socket = home.data_dir().join("issuer.sock");
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    server.stop();
    assert!(!socket.exists());
}

#[test]
fn the_socket_of_a_killed_server_is_in_nobodys_way() {
    let home = Home::new();
    let server = home.serve(&[]);
    let token = server.token("amy");
    server.kill();
    assert!(home.data_dir().join("issuer.sock").exists());
    home.run(&["verify", &token]).line();
    let server = home.serve(MEMORY);
    server.token("bob");
    with_memory(&home, &["issue", "bob"]).fails_saying(1, &["USER_EXISTS"]);
    server.stop();
}

#[test]
fn of_two_servers_on_one_folder_the_first_answers_the_commands() {
    // A folder has one server.
    let home = Home::on(Store::Sqlite);
    let (first, second) = (home.serve(&[]), home.serve(&[]));
    let token = first.token("amy");
    assert_eq!(second.me(&token).status, 200);
    home.run(&["verify", &token]).line();
    second.stop();
    assert!(
        home.data_dir().join("issuer.sock").exists(),
        "it is not the second one's to remove"
    );
    home.run(&["token", "revoke", "amy"]).line();
    assert_eq!(first.me(&token).status, 401);
    first.stop();
}

#[test]
fn a_folder_with_a_long_path_has_a_socket_too() {
    let home = Home::new();
    let long = home.path().join("x".repeat(120));
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--store", "memory:"]);
    command
        .env("ISSUER_DATA_DIR", &long)
        .env("ISSUER_API_KEY", API_KEY);
    if !cfg!(target_os = "linux") {
        let done = Done::from(command.output().unwrap());
        done.fails_saying(3, &["too long for a socket", "--data-dir"]);
        return;
    }
    let server = Server::start(&mut command);
    server.token("amy");
    let data_dir = ["--data-dir", long.to_str().unwrap()];
    with_memory(&home, &[&["issue", "amy"][..], &data_dir].concat()).fails_saying(1, &["USER_EXISTS"]);
    server.stop();
    assert!(!long.join("issuer.sock").exists());
}
