//! The real binary, started for one test, and a client that sends exact bytes.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "each test takes what it needs, and one that cannot go on has failed"
)]

mod http;

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use http::{Answer, Ask, Connection};

/// The API key of every server here: 32 bytes in standard base64.
pub(crate) const API_KEY: &str = "c2VydmVyIHRlc3QgYXBpIGtleSwgMzIgYnl0ZXMgISE=";

/// How long a server may take to start on a machine that does other things, too.
const START_TIME: Duration = Duration::from_mins(1);

/// `issuer-server serve`, until this is dropped.
pub(crate) struct Server {
    process: Child,
    address: String,
    /// Reads the log to its end, so that the server never waits for a full pipe.
    log: Option<JoinHandle<String>>,
    /// Goes when this does.
    folder: Option<TempDir>,
}

impl Server {
    /// A server on an empty data folder, with the defaults.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server on an empty data folder, with these flags.
    pub(crate) fn with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::on(folder.path(), flags);
        server.folder = Some(folder);
        server
    }

    /// A server on this data folder, which outlives it, with these flags.
    pub(crate) fn on(folder: &Path, flags: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_issuer-server"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .args(flags)
            .env("ISSUER_API_KEY", API_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = process.stderr.take().unwrap();
        let (found, address) = mpsc::channel();
        let log = thread::spawn(move || read_log(stderr, &found));
        Self {
            process,
            address: address
                .recv_timeout(START_TIME)
                .expect("the server logs its address"),
            log: Some(log),
            folder: None,
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The process id, to send signals to.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(&self.address)
    }

    /// `POST /admin/clients` with the API key and this body.
    pub(crate) fn issue(&self, body: &Value) -> Answer {
        self.ask(&Ask::post("/admin/clients").key().json(&body.to_string()))
    }

    /// Issues a token for this user, who has none.
    pub(crate) fn token(&self, user: &str) -> String {
        let answer = self.issue(&json!({"_id": user, "issueAccessToken": true}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.member("token")
    }

    /// `GET /me` with this token.
    pub(crate) fn me(&self, token: &str) -> Answer {
        self.ask(&Ask::get("/me").header("IM-Authorization", token))
    }

    /// Sends one request on a connection of its own.
    pub(crate) fn ask(&self, ask: &Ask) -> Answer {
        let mut connection = self.connect();
        connection.send(&ask.bytes());
        connection.answer_to(ask.method())
    }

    /// Kills the server, as `kill -9` does, and returns all that it logged.
    pub(crate) fn kill(mut self) -> String {
        self.end()
    }

    fn end(&mut self) -> String {
        // Both fail only where the process is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.log
            .take()
            .and_then(|log| log.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads to the end, and reports the address on the way.
fn read_log(stderr: ChildStderr, found: &Sender<String>) -> String {
    let mut log = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = event.get("address").and_then(Value::as_str) {
            // Nobody listens any more once the address is known.
            let _ = found.send(address.to_owned());
        }
        log.push_str(&line);
        log.push('\n');
    }
    log
}
