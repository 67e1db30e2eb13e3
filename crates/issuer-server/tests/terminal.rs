//! The first API key on a terminal: it is shown, and a terminal that is stopped holds nothing up.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    net::TcpListener,
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use program::{Ask, Connection, Home};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// `O_NOCTTY` (`asm-generic/fcntl.h`): the terminal does not become that of this process.
const NO_CONTROL: i32 = 0o400;

/// `O_NONBLOCK`.
const NON_BLOCKING: i32 = 0o4000;

/// A terminal: the side of who sits at it, and that of programs.
fn terminal() -> (File, OpenOptions, PathBuf) {
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let name = ptsname(&user, Vec::new()).unwrap();
    let mut options = File::options();
    options.read(true).write(true).custom_flags(NO_CONTROL);
    (
        File::from(user),
        options,
        OsStr::from_bytes(name.as_bytes()).into(),
    )
}

#[test]
fn on_a_terminal_the_key_itself_is_shown() {
    let home = Home::new();
    let (mut user, options, name) = terminal();
    let mut child = home
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .stderr(options.open(name).unwrap())
        .spawn()
        .unwrap();
    let (mut shown, mut chunk) = (Vec::new(), [0; 1_024]);
    while !String::from_utf8_lossy(&shown).contains("listening on") {
        let count = user.read(&mut chunk).unwrap();
        shown.extend_from_slice(&chunk[..count]);
    }
    let key = fs::read_to_string(home.data_dir().join("bootstrap-api-key")).unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(
        shown.contains(&format!("The first API key, for IM-API-KEY: {}", key.trim_end())),
        "{shown}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_terminal_that_is_stopped_holds_neither_the_start_nor_the_stop() {
    let home = Home::new();
    let (_user, options, name) = terminal();
    let mut full = options
        .clone()
        .custom_flags(NO_CONTROL | NON_BLOCKING)
        .open(&name)
        .unwrap();
    // The system moves on what it has taken, for a moment: it must take nothing more for several in a row.
    let mut refused = 0;
    while refused < 10 {
        refused += 1;
        while full.write(b".").is_ok() {
            refused = 0;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut child = home
        .command(&["serve", "--listen", &address.to_string()])
        .stderr(options.open(&name).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let wait = |what: &str| {
        assert!(start.elapsed() < Duration::from_mins(1), "{what}");
        thread::sleep(Duration::from_millis(10));
    };
    let mut connection = loop {
        match Connection::to(address) {
            Ok(connection) => break connection,
            Err(_) => wait("it does not start"),
        }
    };
    connection.send(&Ask::get("/healthz").bytes());
    assert_eq!(connection.answer_to("GET").status, 200);
    let term = Command::new("kill")
        .args(["-s", "TERM", &child.id().to_string()])
        .status();
    assert!(term.unwrap().success());
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => wait("it does not stop"),
        }
    };
    assert_eq!(status.code(), Some(0));
    let still = full.write(b".").map_err(|error| error.kind());
    assert_eq!(still, Err(ErrorKind::WouldBlock), "the terminal was not stopped");
}
