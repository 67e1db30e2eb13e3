//! A disk that is full, that may only be read, or that is gone for a while, under a running server.
//!
//! The disk is a file system of its own, in memory, which root alone may make.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use program::{Ask, Client, Home, Store};

/// A disk for the data folder of a home.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// One of so many MiB; none where this is not root.
    fn of(megabytes: u32, home: &Home) -> Option<Self> {
        let at = home.data_dir();
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={megabytes}m,mode=700"),
                "none",
            ])
            .arg(&at)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self { at });
        }
        // Not with a macro: the harness hides what a test that passes prints.
        let _ = writeln!(io::stderr(), "SKIPPED: only root can mount a disk");
        None
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let part = [0; 4_096];
        let full = loop {
            if let Err(full) = ballast.write_all(&part) {
                break full;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }

    fn allow_reading_alone(&self) {
        let done = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(&self.at)
            .status();
        assert!(done.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

/// How long a server may take to serve again: sled's folder is opened again every ten seconds at least.
const RECOVERY: Duration = Duration::from_secs(30);

/// Asks for tokens of new users until one is issued.
#[track_caller]
fn issued_again(client: &mut Client) {
    let started = Instant::now();
    for number in 0.. {
        let answer = client.issue(&format!("again{number}"), None).unwrap();
        if answer.status == 200 {
            return;
        }
        assert_unavailable(&answer);
        assert!(started.elapsed() < RECOVERY, "{answer:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
fn assert_unavailable(answer: &program::Answer) {
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (503, &"UNAVAILABLE".into()),
        "{answer:?}"
    );
}

/// The store, as its errors name it.
fn name(store: Store) -> &'static str {
    match store {
        Store::Sqlite => "issuer.db",
        Store::Sled => "users.sled",
    }
}

#[test]
fn while_the_disk_is_full_writes_are_turned_away_and_once_there_is_space_they_are_served_again() {
    for store in [Store::Sqlite, Store::Sled] {
        let home = Home::on(store);
        let Some(disk) = Disk::of(16, &home) else { return };
        let server = home.serve(&[]);
        let mut client = server.client();
        let mut tokens = vec![server.token("amy")];
        disk.fill();
        let refused = (0..20_000).find_map(|number| {
            let answer = client.issue(&format!("user{number}"), None).unwrap();
            if answer.status == 200 {
                tokens.push(answer.member("token"));
                return None;
            }
            Some(answer)
        });
        assert_unavailable(&refused.unwrap_or_else(|| panic!("{store:?}: nothing was refused")));
        for _ in 0..3 {
            assert_unavailable(&client.issue("bob", None).unwrap());
            assert_unavailable(&client.ask(&Ask::get("/readyz")).unwrap());
        }
        assert_eq!(
            client.ask(&Ask::get("/healthz")).unwrap().status,
            200,
            "{store:?}"
        );
        disk.free();
        issued_again(&mut client);
        assert_eq!(client.ask(&Ask::get("/readyz")).unwrap().status, 200, "{store:?}");
        for token in &tokens {
            assert_eq!(client.me(token).unwrap().status, 200, "{store:?}");
        }
        let log = server.stop();
        assert!(
            log.contains(name(store)) && log.contains("no space left"),
            "{log}"
        );
        let server = home.serve(&[]);
        for token in &tokens {
            assert_eq!(server.me(token).status, 200, "{store:?}");
        }
        drop(server);
    }
}

/// Asks until the server is ready, or is not.
#[track_caller]
fn wait_until_readyz_is(status: u16, client: &mut Client) {
    let started = Instant::now();
    loop {
        let answer = client.ask(&Ask::get("/readyz")).unwrap();
        if answer.status == status {
            return;
        }
        assert!(started.elapsed() < RECOVERY, "{answer:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_server_whose_store_is_locked_by_another_process_is_not_ready_until_the_lock_is_gone() {
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let mut client = server.client();
    let other = rusqlite::Connection::open(home.data_dir().join("issuer.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // It may have made a test write of its own before.
    wait_until_readyz_is(503, &mut client);
    other.execute_batch("ROLLBACK").unwrap();
    wait_until_readyz_is(200, &mut client);
    server.stop();
}

#[test]
fn a_server_whose_store_is_damaged_while_it_runs_is_not_ready() {
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let mut client = server.client();
    server.token("amy");
    let file = home.data_dir().join("issuer.db");
    let bytes = fs::metadata(&file).unwrap().len();
    let mut damaged = fs::OpenOptions::new().write(true).open(&file).unwrap();
    damaged
        .write_all(&vec![0xA5; usize::try_from(bytes).unwrap().max(64 << 10)])
        .unwrap();
    drop(damaged);
    wait_until_readyz_is(503, &mut client);
    drop(server);
}

#[test]
fn a_disk_that_may_only_be_read_is_refused_by_the_name_of_the_store_and_the_reason() {
    for store in [Store::Sqlite, Store::Sled] {
        let home = Home::on(store);
        let Some(disk) = Disk::of(16, &home) else { return };
        home.issue("amy");
        disk.allow_reading_alone();
        for command in [&["issue", "bob"][..], &["serve", "--listen", "127.0.0.1:0"]] {
            home.run(command)
                .fails_saying(3, &[name(store), "give this process"]);
        }
    }
}

#[test]
fn a_folder_that_is_away_for_a_while_is_served_from_again_once_it_is_back() {
    for store in [Store::Sqlite, Store::Sled] {
        let home = Home::on(store);
        let server = home.serve(&[]);
        let mut client = server.client();
        let token = server.token("amy");
        let (here, away) = (home.data_dir(), home.path().join("away"));
        fs::rename(&here, &away).unwrap();
        assert_unavailable(&client.issue("bob", None).unwrap());
        assert_eq!(client.ask(&Ask::get("/readyz")).unwrap().status, 503, "{store:?}");
        assert!(!Path::new(&here).exists(), "nothing is made in its place");
        fs::rename(&away, &here).unwrap();
        issued_again(&mut client);
        assert_eq!(client.me(&token).unwrap().status, 200);
        assert_eq!(client.ask(&Ask::get("/readyz")).unwrap().status, 200);
        let log = server.stop();
        assert!(log.contains(name(store)), "{log}");
    }
}
