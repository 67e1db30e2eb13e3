//! A running server: where it listens, what it logs, and how it ends.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{Answer, Ask, Client, Connection, Home, PATIENCE};

/// `issuer-server serve`. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// Reads the log to its end, so that the server never waits for a full pipe.
    log: Option<JoinHandle<String>>,
    /// Goes when this does.
    home: Option<Home>,
}

impl Server {
    /// One in a new home of its own, with the defaults.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// One in a new home of its own, with these flags.
    #[track_caller]
    pub(crate) fn with(flags: &[&str]) -> Self {
        let home = Home::new();
        let mut server = home.serve(flags);
        server.home = Some(home);
        server
    }

    /// Starts it and waits until it listens.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (found, address) = mpsc::channel();
        let log = thread::spawn(move || read_log(stderr, &found));
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("the server did not start: {:?}", log.join());
        };
        Self {
            child,
            address,
            log: Some(log),
            home: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection of its own.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.address).unwrap()
    }

    /// A client that keeps its connection.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends one request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, ask: &Ask) -> Answer {
        let mut connection = self.connect();
        connection.send(&ask.bytes());
        connection.answer_to(ask.method())
    }

    /// `POST /admin/clients` with the API key and this body.
    #[track_caller]
    pub(crate) fn issue(&self, body: &Value) -> Answer {
        self.ask(&Ask::post("/admin/clients").key().json(&body.to_string()))
    }

    /// Issues a token for this user, who may have one more.
    #[track_caller]
    pub(crate) fn token(&self, user: &str) -> String {
        let answer = self.issue(&json!({"_id": user, "issueAccessToken": true}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.member("token")
    }

    /// `GET /me` with this token.
    #[track_caller]
    pub(crate) fn me(&self, token: &str) -> Answer {
        self.ask(&Ask::me(token))
    }

    /// How much memory it has, in KiB.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// SIGKILL: no chance to finish anything. Returns the log.
    #[track_caller]
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said()
    }

    /// Waits for the end; returns the log.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        };
        (status, self.said())
    }

    /// SIGTERM; returns the log.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.signal("TERM");
        let (status, log) = self.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// What it has said until its end, which is nothing but the log, and no panic.
    #[track_caller]
    fn said(&mut self) -> String {
        let mut stdout = String::new();
        let pipe = self.child.stdout.as_mut().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        assert_eq!(stdout, "", "standard output is for results");
        let log = self.log.take().unwrap().join().unwrap();
        assert!(!log.contains("panicked"), "{log}");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end, and reports the address on the way.
fn read_log(stderr: ChildStderr, found: &Sender<SocketAddr>) -> String {
    let mut log = String::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        if let Some(address) = address_in(&line) {
            // Nobody listens any more once the address is known.
            let _ = found.send(address);
        }
        log.push_str(&line);
        log.push('\n');
    }
    log
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let address = event["address"].as_str()?;
    (event["message"] == format!("listening on http://{address}")).then(|| address.parse().unwrap())
}
