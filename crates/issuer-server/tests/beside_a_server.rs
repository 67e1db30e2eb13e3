//! Commands beside a running server go through it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

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
    let done = home.run(&["issue", "amy"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(
        done.stderr.contains("holds another store (memory:)") && done.stderr.contains("WARN"),
        "{done:?}"
    );
    server.token("amy");
    server.stop();
    home.run(&["token", "revoke", "amy"]).line();
}

/// Names of one store, besides the first.
fn other_names(home: &Home, store: &Path) -> Vec<PathBuf> {
    let (link, linked_folder) = (home.path().join("link"), home.path().join("linked"));
    symlink(store, &link).unwrap();
    symlink(store.parent().unwrap(), &linked_folder).unwrap();
    let name = store.file_name().unwrap();
    let mut names = vec![
        link,
        linked_folder.join(name),
        store.join("..").join(name),
        store.strip_prefix(home.path()).unwrap().to_owned(),
    ];
    if store.is_file() {
        names.pop();
        names.pop();
        let hard = home.path().join("hard");
        fs::hard_link(store, &hard).unwrap();
        names.extend([hard, store.strip_prefix(home.path()).unwrap().to_owned()]);
    }
    names
}

#[test]
fn a_store_under_another_name_is_the_store_that_the_server_holds() {
    for (kind, scheme, file) in [
        (Store::Sqlite, "sqlite", "issuer.db"),
        (Store::Sled, "sled", "users.sled"),
    ] {
        let home = Home::on(kind);
        let server = home.serve(&["--lifetime", "1h"]);
        server.token("amy");
        let store = home.data_dir().join(file);
        for name in other_names(&home, &store) {
            let url = format!("{scheme}:{}", name.display());
            home.run(&["issue", "amy", "--store", &url])
                .fails(1, "USER_EXISTS: User with _id 'amy' already exists");
            // The settings of the server hold.
            home.run(&["issue", "bob", "--store", &url, "--lifetime", "2h"])
                .fails_saying(2, &["--lifetime: the running server holds the store"]);
            let copied = home.run(&["copy", "--from", &url, "--to", "sqlite:copy.db"]);
            copied.fails_saying(1, &["STORE_IN_USE: ", "is held by a running server"]);
            let copied = home.run(&[
                "copy",
                "--from",
                &url,
                "--to",
                &format!("{scheme}:{}", store.display()),
            ]);
            copied.fails_saying(1, &["SAME_STORE: "]);
        }
        server.stop();
    }
}

#[test]
fn the_server_of_another_data_folder_is_found_beside_its_store() {
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&["--lifetime", "1h"]);
    server.token("amy");
    let store = format!("sqlite:{}", home.data_dir().join("issuer.db").display());
    let other = home.path().join("other");
    let at_other = |command: &[&str]| {
        let place = ["--data-dir", other.to_str().unwrap(), "--store", &store];
        home.run(&[command, &place].concat())
    };
    at_other(&["issue", "amy"]).fails(1, "USER_EXISTS: User with _id 'amy' already exists");
    let token = at_other(&["issue", "bob"]).token();
    assert_eq!(server.me(&token).status, 200);
    // The server of the other folder holds another store, which does not matter here.
    let second = Server::start(
        home.command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            "memory:",
            "--data-dir",
        ])
        .arg(&other)
        .env("ISSUER_API_KEY", API_KEY),
    );
    at_other(&["verify", &token]).line();
    second.stop();
    server.stop();
}

#[test]
fn a_store_that_is_not_there_yet_is_not_the_one_that_the_server_holds() {
    let home = Home::new();
    let server = home.serve(&[]);
    let done = home.run(&["issue", "amy", "--store", "sqlite:new.db"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("holds another store"), "{done:?}");
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
    home.assert_nothing_is_half_made();
}

#[test]
fn what_a_server_that_was_killed_while_it_made_the_socket_left_is_in_nobodys_way() {
    let home = Home::new();
    home.issue("bob");
    let left = home.data_dir().join(".issuer.sock.new");
    fs::create_dir(&left).unwrap();
    drop(std::os::unix::net::UnixListener::bind(left.join("issuer.sock")).unwrap());
    let server = home.serve(MEMORY);
    server.token("amy");
    with_memory(&home, &["issue", "amy"]).fails_saying(1, &["USER_EXISTS"]);
    server.stop();
    assert!(!left.exists());
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
    let server = Server::start(&mut command);
    if !cfg!(target_os = "linux") {
        let said = server.stop();
        assert!(
            said.contains("too long for a socket") && said.contains("--data-dir"),
            "{said}"
        );
        return;
    }
    server.token("amy");
    let data_dir = ["--data-dir", long.to_str().unwrap()];
    with_memory(&home, &[&["issue", "amy"][..], &data_dir].concat()).fails_saying(1, &["USER_EXISTS"]);
    server.stop();
    assert!(!long.join("issuer.sock").exists());
}

/// A server that could not make its socket; the reason is in its log.
#[track_caller]
fn serves_without_a_socket(home: &Home, server: Server, told: &[&str]) {
    let token = server.token("amy");
    assert_eq!(server.me(&token).status, 200);
    match Store::of_this_run() {
        Store::Sqlite => {
            home.run(&["verify", &token]).line();
        }
        Store::Sled => home
            .run(&["verify", &token])
            .fails_saying(3, &["users.sled is open in another process"]),
    }
    let log = server.stop();
    for part in told {
        assert!(log.contains(part), "{part:?} is missing in {log}");
    }
}

#[test]
fn a_server_serves_without_the_socket_where_something_else_has_its_name_and_with_it_once_that_is_gone() {
    let home = Home::new();
    let socket = home.data_dir().join("issuer.sock");
    fs::create_dir_all(&socket).unwrap();
    fs::set_permissions(home.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    serves_without_a_socket(
        &home,
        home.serve(&[]),
        &[
            "no socket for commands",
            "issuer.sock: cannot be made",
            "nothing else has this name",
        ],
    );
    fs::remove_dir(&socket).unwrap();
    let server = home.serve(MEMORY);
    server.token("amy");
    with_memory(&home, &["issue", "amy"]).fails_saying(1, &["USER_EXISTS"]);
    server.stop();
}

#[test]
fn a_server_serves_without_the_socket_in_a_folder_that_it_may_not_write_in_and_with_it_once_it_may() {
    let home = Home::new();
    let store = home.path().join("elsewhere");
    fs::create_dir(&store).unwrap();
    let store = format!("sqlite:{}", store.join("users.db").display());
    home.run(&["issue", "bob", "--store", &store]).line();
    let Some(account) = home.unprivileged() else {
        return;
    };
    let serve = || {
        let mut command = home.command(&["serve", "--listen", "127.0.0.1:0", "--store", &store]);
        Server::start(account.run(command.env("ISSUER_API_KEY", API_KEY)))
    };
    fs::set_permissions(home.data_dir(), fs::Permissions::from_mode(0o500)).unwrap();
    let server = serve();
    let token = server.token("amy");
    home.run(&["verify", &token, "--store", &store]).line();
    let log = server.stop();
    assert!(log.contains("let this account write in the folder"), "{log}");
    fs::set_permissions(home.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let server = serve();
    assert!(home.data_dir().join("issuer.sock").exists());
    assert!(!server.stop().contains("no socket"));
}

#[test]
fn the_socket_that_another_account_left_is_no_reason_not_to_serve_and_is_removed_by_hand() {
    let home = Home::new();
    home.issue("bob");
    let Some(account) = home.unprivileged() else {
        return;
    };
    if !account.is_another() {
        return;
    }
    let socket = home.data_dir().join("issuer.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start(account.run(command.env("ISSUER_API_KEY", API_KEY)));
    let token = server.token("amy");
    let verify = || Done::of(account.run(&mut home.command(&["verify", &token])));
    verify().fails_saying(
        3,
        &["issuer.sock: ", "that of another account", "remove the socket"],
    );
    let log = server.stop();
    assert!(
        log.contains("no socket for commands") && log.contains("remove the socket"),
        "{log}"
    );
    fs::remove_file(&socket).unwrap();
    verify().line();
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start(account.run(command.env("ISSUER_API_KEY", API_KEY)));
    verify().line();
    assert!(!server.stop().contains("no socket"));
}
