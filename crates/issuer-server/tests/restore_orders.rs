//! A kill, a stop and a restore in every order, with every copy that people keep: nothing is lost that the procedure promises to
//! keep, and nothing is revived.
//!
//! `cargo test -p issuer-server --test restore_orders -- --nocapture` prints the table of `docs/proof.md`.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{fs, path::PathBuf, thread, time::Duration};

use program::{Ask, Done, Home, Server, Store};
use rusqlite::Connection;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Kill,
    Stop,
    Restore,
}

use Step::{Kill, Restore, Stop};

const ORDERS: [[Step; 3]; 6] = [
    [Kill, Stop, Restore],
    [Kill, Restore, Stop],
    [Stop, Kill, Restore],
    [Stop, Restore, Kill],
    [Restore, Kill, Stop],
    [Restore, Stop, Kill],
];

/// What is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// The main file, copied while the server was stopped.
    OfStopped,
    /// A backup that SQLite made while the server ran.
    Backup,
    /// Main file and log, copied while the server ran and wrote nothing.
    MainAndLog,
    /// The log alone.
    Log,
    /// `keys.json`, which was deleted by mistake.
    Keys,
    /// A backup and `keys.json`.
    BackupAndKeys,
}

const COPIES: [Copy; 6] = [
    Copy::OfStopped,
    Copy::Backup,
    Copy::MainAndLog,
    Copy::Log,
    Copy::Keys,
    Copy::BackupAndKeys,
];

/// Commits after the copies: fewer than it takes for a checkpoint, and more.
const FEW: usize = 3;
const MANY: usize = 150;

/// What the server knows at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All that was acknowledged.
    Newest,
    /// What the copy held.
    OfTheCopy,
    /// All up to some commit in between: the rest was in a log that was overwritten.
    InBetween,
}

/// Tokens by what became of them.
struct Tokens {
    /// Issued before the copies were made, and never revoked.
    kept: String,
    /// Revoked before the copies were made: dead in every state.
    revoked: String,
    /// Revoked after the copies were made.
    revoked_later: String,
    /// Issued after the copies were made.
    new: Vec<String>,
}

struct Host {
    home: Home,
    server: Option<Server>,
    /// Starts that were refused until the log was moved away, as the message says.
    refused: usize,
}

impl Host {
    fn new() -> Self {
        let home = Home::on(Store::Sqlite);
        let server = Some(home.serve(&[]));
        Self {
            home,
            server,
            refused: 0,
        }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.data_dir().join(name)
    }

    fn copied(&self, name: &str) -> PathBuf {
        self.home.path().join("copies").join(name)
    }

    fn keep(&self, name: &str, copy: &str) {
        fs::copy(self.file(name), self.copied(copy)).unwrap();
    }

    #[track_caller]
    fn revoke(&self, user: &str) {
        assert_eq!(self.server().ask(&Ask::revoke(user, None)).status, 200);
    }

    /// Makes tokens and copies, and then more tokens.
    fn prepare(&mut self, more: usize) -> Tokens {
        fs::create_dir(self.home.path().join("copies")).unwrap();
        let [kept, revoked, revoked_later] =
            ["kept", "revoked", "later"].map(|user| self.server().token(user));
        self.revoke("revoked");
        self.server.take().unwrap().stop();
        self.keep("issuer.db", "of-stopped");
        self.server = Some(self.home.serve(&[]));
        // So that there is a log.
        self.server().token("between");
        self.keep("issuer.db", "main");
        self.keep("issuer.db-wal", "log");
        self.keep("keys.json", "keys");
        Connection::open(self.file("issuer.db"))
            .unwrap()
            .execute("VACUUM INTO ?1", [self.copied("backup").to_str()])
            .unwrap();
        self.revoke("later");
        let mut client = self.server().client();
        let new = (0..more).map(|n| {
            let issued = client.issue(&format!("new{n}"), None).unwrap();
            issued.member("token")
        });
        Tokens {
            kept,
            revoked,
            revoked_later,
            new: new.collect(),
        }
    }

    fn restore(&self, copy: Copy) {
        let put = |copy: &str, name: &str| {
            fs::copy(self.copied(copy), self.file(name)).unwrap();
        };
        match copy {
            Copy::OfStopped => put("of-stopped", "issuer.db"),
            Copy::Backup => put("backup", "issuer.db"),
            Copy::MainAndLog => {
                put("main", "issuer.db");
                put("log", "issuer.db-wal");
            }
            Copy::Log => put("log", "issuer.db-wal"),
            Copy::Keys | Copy::BackupAndKeys => {
                fs::remove_file(self.file("keys.json")).unwrap();
                put("keys", "keys.json");
                fs::set_permissions(
                    self.file("keys.json"),
                    std::os::unix::fs::PermissionsExt::from_mode(0o600),
                )
                .unwrap();
                if copy == Copy::BackupAndKeys {
                    put("backup", "issuer.db");
                }
            }
        }
    }

    /// Starts the server if it does not run; where that is refused, after what the message says.
    #[track_caller]
    fn start(&mut self) {
        if self.server.is_some() {
            return;
        }
        // A command opens the store as the server does, and ends.
        let tried = self.home.run(&["verify", "none"]);
        if tried.code == Some(3) {
            assert!(
                tried
                    .stderr
                    .contains("is not the file that the write-ahead log beside it was written for"),
                "{tried:?}"
            );
            let before = self.bytes();
            let again = Done::of(&mut self.home.command(&["serve", "--listen", "127.0.0.1:0"]));
            assert_eq!(again.code, Some(3), "{again:?}");
            assert_eq!(self.bytes(), before, "a refused store was written to");
            self.move_the_log_away();
            self.refused += 1;
        }
        self.server = Some(self.home.serve(&[]));
    }

    /// Waits until no checkpoint runs: nothing helps a file that two programs write at the same moment.
    fn wait_until_idle(&self) {
        let mut before = self.bytes();
        while self.server.is_some() {
            thread::sleep(Duration::from_millis(150));
            let now = self.bytes();
            if now == before {
                return;
            }
            before = now;
        }
    }

    fn bytes(&self) -> [Option<Vec<u8>>; 2] {
        ["issuer.db", "issuer.db-wal"].map(|name| fs::read(self.file(name)).ok())
    }

    fn move_the_log_away(&self) {
        let away = self.home.path().join(format!("away{}", self.refused));
        fs::create_dir(&away).unwrap();
        for name in ["issuer.db-wal", "issuer.db-shm"] {
            if self.file(name).exists() {
                fs::rename(self.file(name), away.join(name)).unwrap();
            }
        }
    }

    fn carry_out(&mut self, step: Step, copy: Copy) {
        match step {
            Kill => {
                self.start();
                self.server.take().unwrap().kill();
            }
            Stop => {
                self.start();
                self.server.take().unwrap().stop();
            }
            Restore => {
                self.wait_until_idle();
                self.restore(copy);
            }
        }
    }

    /// Which of the two states it is; it must be one of them, whole.
    #[track_caller]
    fn state(&self, tokens: &Tokens, case: &str) -> State {
        let status = |token: &str| self.server().me(token).status;
        assert_eq!(status(&tokens.kept), 200, "{case}: lost");
        assert_eq!(status(&tokens.revoked), 401, "{case}: revived");
        let new: Vec<u16> = tokens.new.iter().map(|token| status(token)).collect();
        let all = |code: u16| new.iter().all(|status| *status == code);
        match status(&tokens.revoked_later) {
            401 if all(200) => State::Newest,
            200 if all(401) => State::OfTheCopy,
            401 if new.is_sorted() => State::InBetween,
            later => panic!("{case}: neither state: revoked later {later}, new {new:?}"),
        }
    }

    fn assert_whole(&self, case: &str) {
        let connection = Connection::open(self.file("issuer.db")).unwrap();
        let found: String = connection
            .pragma_query_value(None, "integrity_check", |row| row.get(0))
            .unwrap();
        assert_eq!(found, "ok", "{case}");
    }
}

/// What the procedure promises to keep.
fn is_promised(copy: Copy, more: usize, state: State) -> bool {
    match copy {
        Copy::Keys => state == State::Newest,
        // Until the log is begun again, a few commits after a start, the copy is the very file that the log was written for.
        Copy::OfStopped if more == FEW => state != State::InBetween,
        // The log of a killed process holds its last commits, and was overwritten.
        Copy::Log => true,
        _ => state == State::OfTheCopy,
    }
}

#[test]
fn a_kill_a_stop_and_a_restore_in_every_order_lose_and_revive_nothing() {
    println!("| copy | order | further commits | refused | state at the end |");
    println!("| --- | --- | --- | --- | --- |");
    for copy in COPIES {
        for order in ORDERS {
            for more in [FEW, MANY] {
                let case = format!("{copy:?} | {order:?} | {more}");
                let mut host = Host::new();
                let tokens = host.prepare(more);
                for step in order {
                    host.carry_out(step, copy);
                }
                host.start();
                let state = host.state(&tokens, &case);
                assert!(is_promised(copy, more, state), "{case}: {state:?}");
                host.server().token("one more");
                host.server.take().unwrap().stop();
                host.assert_whole(&case);
                println!("| {case} | {} | {state:?} |", host.refused);
            }
        }
    }
}
