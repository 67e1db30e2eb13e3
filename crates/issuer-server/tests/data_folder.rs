//! The data folder: what is made there, with which rights, and what is refused.

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
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Stdio},
};

use program::{Ask, Done, Home, Store};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_default_folder_is_that_of_the_platform_and_for_its_owner_alone() {
    // The store of the defaults.
    let home = Home::on(Store::Sqlite);
    let data = home.path().join("xdg/data");
    let done = home
        .command(&["issue", "amy"])
        .env_remove("ISSUER_DATA_DIR")
        .env("XDG_DATA_HOME", &data)
        .output()
        .unwrap();
    Done::from(done).line();
    let folder = data.join("issuer");
    assert_eq!(mode(&folder), 0o700);
    for file in ["keys.json", "issuer.db"] {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let done = home
        .command(&["issue", "amy"])
        .env_remove("ISSUER_DATA_DIR")
        .output()
        .unwrap();
    Done::from(done).line();
    assert_eq!(mode(&home.path().join(".local/share/issuer")), 0o700);
}

#[test]
fn keys_that_others_may_read_are_refused_with_what_to_do() {
    let home = Home::new();
    home.issue("amy");
    let keys = home.data_dir().join("keys.json");
    for wide in [0o644, 0o640, 0o620, 0o604, 0o666] {
        chmod(&keys, wide);
        home.run(&["issue", "bob"]).fails(
            3,
            &format!(
                "{0}: others may read or write it (mode {wide:o}); if nobody did, run: chmod 600 {0}; where others are meant \
                 to, or chmod changes nothing, set --file-permissions {1}",
                keys.canonicalize().unwrap().display(),
                if wide % 8 == 0 { "group" } else { "any" }
            ),
        );
    }
    chmod(&keys, 0o400);
    home.issue("bob");
}

#[test]
fn a_folder_that_others_may_write_in_is_refused_with_what_to_do() {
    let home = Home::new();
    fs::create_dir(home.data_dir()).unwrap();
    for others in [0o777, 0o770, 0o702] {
        chmod(&home.data_dir(), others);
        home.run(&["issue", "amy"])
            .fails_saying(3, &["others may write in this folder", "chmod go-w"]);
        assert_eq!(fs::read_dir(home.data_dir()).unwrap().count(), 0);
    }
    chmod(&home.data_dir(), 0o755);
    home.issue("amy");
}

#[test]
fn damaged_keys_are_refused_with_what_to_do_and_left_as_they_are() {
    let home = Home::new();
    home.issue("amy");
    let keys = home.data_dir().join("keys.json");
    let good = fs::read_to_string(&keys).unwrap();
    for damaged in [
        "",
        "{",
        "{}",
        "{\"keys\":[]}",
        "null",
        &good[..good.len() - 9],
        &good.replace("oct", "OCT"),
    ] {
        fs::write(&keys, damaged).unwrap();
        let done = home.run(&["issue", "bob"]);
        done.fails_saying(3, &["keys.json: ", "restore it from a backup"]);
        let secret = good.split("\"k\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(!done.stderr.contains(&secret[..8]), "{done:?}");
        assert_eq!(fs::read_to_string(&keys).unwrap(), damaged);
    }
}

#[test]
fn a_link_to_keys_that_are_not_there_is_no_reason_to_make_new_ones() {
    let home = Home::new();
    let token = home.issue("amy");
    let (keys, away) = (home.data_dir().join("keys.json"), home.path().join("away.json"));
    fs::rename(&keys, home.path().join("safe.json")).unwrap();
    symlink(&away, &keys).unwrap();
    home.run(&["issue", "bob"])
        .fails_saying(3, &["keys.json: cannot be read"]);
    fs::rename(home.path().join("safe.json"), &away).unwrap();
    home.run(&["verify", &token]).line();
}

#[test]
fn eight_that_start_at_once_on_nothing_end_with_one_key() {
    // A folder of sled's has one process at a time.
    let home = Home::on(Store::Sqlite);
    let users: Vec<String> = (0..8).map(|user| format!("user{user}")).collect();
    let started: Vec<_> = users
        .iter()
        .map(|user| {
            home.command(&["issue", user])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let tokens: Vec<String> = started
        .into_iter()
        .map(|child| Done::from(child.wait_with_output().unwrap()).token())
        .collect();
    for (user, token) in users.iter().zip(&tokens) {
        assert_eq!(home.run(&["verify", token]).json()["sub"], **user);
    }
    let keys: serde_json::Value =
        serde_json::from_slice(&fs::read(home.data_dir().join("keys.json")).unwrap()).unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    home.assert_nothing_is_half_made();
}

#[test]
fn what_is_no_folder_is_refused() {
    let home = Home::new();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let done = home.run(&["issue", "amy", "--data-dir", path.to_str().unwrap()]);
        done.fails_saying(2, &["is not a folder", "--data-dir"]);
    }
}

#[test]
fn the_file_of_another_application_or_of_a_newer_version_is_refused_and_left() {
    let home = Home::new();
    let issue_into =
        |path: &Path| home.run(&["issue", "amy", "--store", &format!("sqlite:{}", path.display())]);
    let text = home.path().join("notes.txt");
    fs::write(&text, "my notes\n").unwrap();
    issue_into(&text).fails_saying(3, &["notes.txt", "no SQLite database", "name another file"]);
    assert_eq!(fs::read_to_string(&text).unwrap(), "my notes\n");

    let foreign = home.path().join("foreign.db");
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE notes (text)").unwrap();
    issue_into(&foreign).fails_saying(3, &["foreign.db", "another application", "name another file"]);

    let newer = home.path().join("newer.db");
    issue_into(&newer).line();
    let other = rusqlite::Connection::open(&newer).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    issue_into(&newer).fails_saying(3, &["newer.db", "newer version"]);
}

/// Puts something in the place of a file that is no regular one.
fn plant(path: &Path, what: &str) {
    let _ = fs::remove_file(path);
    match what {
        "pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "folder" => fs::create_dir(path).unwrap(),
        device => symlink(device, path).unwrap(),
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once_and_never_read() {
    for what in ["pipe", "folder", "/dev/zero"] {
        let home = Home::new();
        home.issue("amy");
        let (keys, planted) = (home.data_dir().join("keys.json"), home.path().join("planted"));
        plant(&planted, what);
        let planted = planted.to_str().unwrap();
        home.run(&["issue", "bob", "--config", planted])
            .fails_saying(2, &["--config", "planted", "not a regular file"]);
        let mut serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
        Done::of(serve.env("ISSUER_API_KEY_FILE", planted))
            .fails_saying(2, &["ISSUER_API_KEY_FILE", "planted", "not a regular file"]);
        plant(&keys, what);
        let refused = home.run(&["issue", "bob"]);
        refused.fails_saying(3, &["keys.json", "not a regular file"]);
        // It would change what a link leads to.
        assert!(!refused.stderr.contains("chmod"), "{}", refused.stderr);
    }
}

#[test]
fn a_file_of_keys_that_is_too_long_is_refused_and_not_read_whole() {
    let home = Home::new();
    home.issue("amy");
    let keys = fs::File::options()
        .write(true)
        .open(home.data_dir().join("keys.json"));
    // A hole: it takes no room on the disk.
    keys.unwrap().set_len(1 << 40).unwrap();
    home.run(&["issue", "bob"])
        .fails_saying(3, &["keys.json", "longer than 1048576 bytes"]);
}

#[test]
fn the_remedy_for_keys_behind_a_link_names_the_file_that_it_changes_and_works() {
    let home = Home::new();
    home.issue("amy");
    let (keys, real) = (home.data_dir().join("keys.json"), home.path().join("real.json"));
    fs::rename(&keys, &real).unwrap();
    symlink(&real, &keys).unwrap();
    chmod(&real, 0o644);
    let refused = home.run(&["issue", "bob"]);
    let real = fs::canonicalize(&real).unwrap();
    let remedy = format!("chmod 600 {}", real.display());
    refused.fails_saying(3, &[&remedy]);
    chmod(&real, 0o600);
    home.issue("bob");
}

#[test]
fn a_store_whose_folder_is_missing_is_refused_by_name() {
    let home = Home::new();
    home.run(&["issue", "amy", "--store", "sqlite:nowhere/issuer.db"])
        .fails_saying(
            3,
            &["nowhere/issuer.db", "its folder does not exist", "create it"],
        );
}

#[test]
fn a_store_that_cannot_be_written_is_refused_by_name() {
    // The mode is that of the file.
    let home = Home::on(Store::Sqlite);
    home.issue("amy");
    let store = home.data_dir().join("issuer.db");
    chmod(&store, 0o400);
    if fs::File::options().write(true).open(&store).is_ok() {
        // Not with a macro: the harness hides what a test that passes prints.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the superuser may write whatever the mode"
        );
        return;
    }
    home.run(&["issue", "bob"])
        .fails_saying(3, &["issuer.db", "give this process"]);
}

#[test]
fn a_server_whose_folder_was_deleted_acknowledges_nothing_more() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut client = server.client();
    assert_eq!(client.issue("amy", None).unwrap().status, 200);
    fs::remove_dir_all(home.data_dir()).unwrap();
    let answer = client.issue("bob", None).unwrap();
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (503, &"UNAVAILABLE".into())
    );
    assert_eq!(client.ask(&Ask::get("/readyz")).unwrap().status, 503);
    let log = server.stop();
    let told = match Store::of_this_run() {
        Store::Sqlite => "moved, deleted or replaced",
        Store::Sled => "check that it is there",
    };
    assert!(log.contains(told), "{log}");
}
