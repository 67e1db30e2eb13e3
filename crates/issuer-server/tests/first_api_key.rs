//! The first API key: the operator's, or one that is made.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use program::{API_KEY, Ask, Done, Home, Server, Store};

const OTHER_KEY: &str = "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktMDE=";

fn serve(home: &Home) -> Command {
    home.command(&["serve", "--listen", "127.0.0.1:0"])
}

/// What the server says to this key.
fn status(server: &Server, key: &str) -> u16 {
    let ask = Ask::delete("/admin/clients/nobody/token").header("IM-API-KEY", key);
    match server.ask(&ask).status {
        404 => 200,
        other => other,
    }
}

#[test]
fn the_key_of_the_environment_works_and_is_still_known_after_a_restart_without_it() {
    let home = Home::new();
    let server = Server::start(serve(&home).env("ISSUER_API_KEY", API_KEY));
    assert_eq!((status(&server, API_KEY), status(&server, OTHER_KEY)), (200, 401));
    let log = server.stop();
    assert!(!log.contains(API_KEY), "{log}");
    let server = Server::start(&mut serve(&home));
    assert_eq!(status(&server, API_KEY), 200);
    server.stop();
    assert!(!home.data_dir().join("bootstrap-api-key").exists());
}

#[test]
fn a_key_works_with_a_line_break_at_its_end_or_none_from_the_file_and_the_environment_alike() {
    for end in ["", "\n", "\r\n"] {
        let home = Home::new();
        let file = home.path().join("key");
        let text = format!("{API_KEY}{end}");
        fs::write(&file, &text).unwrap();
        for (variable, value) in [
            ("ISSUER_API_KEY_FILE", file.to_str().unwrap()),
            ("ISSUER_API_KEY", text.as_str()),
        ] {
            let server = Server::start(serve(&home).env(variable, value));
            assert_eq!(status(&server, API_KEY), 200, "{variable} {end:?}");
            server.stop();
        }
    }
}

#[test]
fn what_came_along_with_a_key_is_named_from_the_file_and_the_environment_alike() {
    let home = Home::new();
    let file = home.path().join("key");
    for (text, rule) in [
        (format!("\u{feff}{API_KEY}"), "byte order mark"),
        (format!("\"{API_KEY}\""), "must not be in quotes"),
        (format!("'{API_KEY}'\n"), "must not be in quotes"),
        (format!(" {API_KEY}"), "white space or a line break"),
        (format!("{API_KEY} \n"), "white space or a line break"),
        (format!("{API_KEY}\n\n"), "white space or a line break"),
        ("tooshort".to_owned(), "22 to 512 visible ASCII characters"),
        ("k".repeat(40), "10 different characters"),
    ] {
        fs::write(&file, &text).unwrap();
        for (variable, value) in [
            ("ISSUER_API_KEY_FILE", file.to_str().unwrap()),
            ("ISSUER_API_KEY", text.as_str()),
        ] {
            let done = Done::of(serve(&home).env(variable, value));
            done.fails_saying(
                2,
                &[&format!("{variable}: the key "), rule, "openssl rand -base64 32"],
            );
            assert!(!done.stderr.contains(text.trim()), "{done:?}");
        }
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let home = Home::new();
    let mut command = serve(&home);
    command.env("ISSUER_API_KEY", "").env("ISSUER_API_KEY_FILE", "");
    Server::start(&mut command).stop();
    assert!(home.data_dir().join("bootstrap-api-key").exists());
}

#[test]
fn a_key_of_the_environment_is_added_where_it_is_unknown_and_the_old_ones_stay() {
    // The file is looked into.
    let home = Home::on(Store::Sqlite);
    Server::start(serve(&home).env("ISSUER_API_KEY", API_KEY)).stop();
    for is_new in [true, false] {
        let server = Server::start(serve(&home).env("ISSUER_API_KEY", OTHER_KEY));
        assert_eq!((status(&server, API_KEY), status(&server, OTHER_KEY)), (200, 200));
        // Whoever changes a key that leaked must not believe the old one dead.
        let log = server.stop();
        assert_eq!(
            log.contains("the keys that it knew before go on working"),
            is_new,
            "{log}"
        );
    }
    let store = rusqlite::Connection::open(home.data_dir().join("issuer.db")).unwrap();
    let control: String = store
        .query_row("SELECT record FROM control", [], |row| row.get(0))
        .unwrap();
    assert_eq!(control.matches("environment").count(), 2, "{control}");
}

#[test]
fn without_one_a_key_is_made_into_a_file_whose_path_is_logged_and_whose_content_is_not() {
    let home = Home::new();
    let server = Server::start(&mut serve(&home));
    let file = home.data_dir().join("bootstrap-api-key");
    let text = fs::read_to_string(&file).unwrap();
    let key = text.trim_end();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        (key.len(), key.ends_with('=')),
        (44, true),
        "32 bytes in base64 with padding"
    );
    assert_eq!(status(&server, key), 200);
    let log = server.stop();
    assert!(log.contains("bootstrap-api-key") && !log.contains(key), "{log}");

    // Not again at the second start, nor once the operator has taken the file away.
    let server = Server::start(&mut serve(&home));
    assert_eq!(status(&server, key), 200);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert!(!server.stop().contains("bootstrap-api-key"));
    fs::remove_file(&file).unwrap();
    let server = Server::start(&mut serve(&home));
    assert_eq!(status(&server, key), 200);
    server.stop();
    assert!(!file.exists());
}

#[test]
fn a_store_that_forgets_gets_the_same_key_again() {
    let home = Home::new();
    let memory = || Server::start(serve(&home).args(["--store", "memory:"]));
    memory().stop();
    let key = fs::read_to_string(home.data_dir().join("bootstrap-api-key")).unwrap();
    let server = memory();
    assert_eq!(status(&server, key.trim_end()), 200);
    server.stop();
}

#[test]
fn a_key_that_is_none_is_wrong_usage_and_is_not_shown() {
    let home = Home::new();
    for key in ["open sesame", "sesame\u{e9}"] {
        let done = Done::of(serve(&home).env("ISSUER_API_KEY", key));
        done.fails_saying(2, &["ISSUER_API_KEY: ", "22 to 512 visible ASCII characters"]);
        assert!(!done.stderr.contains("sesame"), "{done:?}");
    }
    let file = home.path().join("key");
    let from_file = || Done::of(serve(&home).env("ISSUER_API_KEY_FILE", &file));
    from_file().fails_saying(
        2,
        &["ISSUER_API_KEY_FILE: ", file.to_str().unwrap(), "cannot be read"],
    );
    fs::write(&file, "two\nlines\n").unwrap();
    from_file().fails_saying(
        2,
        &["ISSUER_API_KEY_FILE: ", "22 to 512 visible ASCII characters"],
    );
}

#[test]
fn a_key_file_that_others_may_read_is_not_used() {
    let home = Home::new();
    let memory = || Done::of(serve(&home).args(["--store", "memory:"]));
    Server::start(serve(&home).args(["--store", "memory:"])).stop();
    let file = home.data_dir().join("bootstrap-api-key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    memory().fails_saying(3, &["bootstrap-api-key: others may read", "chmod 600"]);
}
