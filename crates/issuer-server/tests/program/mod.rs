//! The program as a user runs it: in a home of its own, with nothing set but what the test sets.

#![allow(dead_code, reason = "each file of tests uses a part")]

pub(crate) mod http;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// The API key of the servers that these tests start.
pub(crate) const API_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// How long anything may take that is expected to happen at once: this machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A home folder, with a data folder that does not exist yet.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where `ISSUER_DATA_DIR` points.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The program with this home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_issuer-server"));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("ISSUER_") || text.starts_with("XDG_") {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", self.path())
            .env("ISSUER_DATA_DIR", self.data_dir())
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::from(self.command(arguments).output().unwrap())
    }

    /// Runs a command that reads this.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command need not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input);
        Done::from(child.wait_with_output().unwrap())
    }

    /// Issues a token, which must work.
    pub(crate) fn issue(&self, user: &str) -> String {
        self.run(&["issue", user]).token()
    }

    /// Starts a server on a free port with [`API_KEY`].
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(arguments).env("ISSUER_API_KEY", API_KEY);
        Server::start(&mut command)
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// The one line of a command that did what it was asked to, and said nothing else.
    pub(crate) fn line(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
        self.stdout
            .strip_suffix('\n')
            .filter(|line| !line.contains('\n'))
            .unwrap_or_else(|| panic!("not one line: {self:?}"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.line()).unwrap()
    }

    pub(crate) fn token(&self) -> String {
        self.json()["token"].as_str().unwrap().to_owned()
    }

    /// Asserts that the command failed with this code and said exactly this.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, message: &str) {
        assert_eq!(
            (self.code, self.stdout.as_str(), self.stderr.as_str()),
            (Some(code), "", format!("{message}\n").as_str())
        );
    }

    /// Asserts that the command failed with this code and said this among other things.
    #[track_caller]
    pub(crate) fn fails_saying(&self, code: i32, parts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "{part:?} is missing in {:?}",
                self.stderr
            );
        }
    }
}

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    logger: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let logger = thread::spawn({
            let log = log.clone();
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    if let Some(address) = address_in(&line) {
                        let _ = found.send(address);
                    }
                    log.lock().unwrap().push(line);
                }
            }
        });
        let address = address.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("the server did not start: {:?}", log.lock().unwrap())
        });
        Self {
            child,
            address,
            log,
            logger: Some(logger),
        }
    }

    pub(crate) fn client(&self) -> http::Client {
        http::Client::new(self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// SIGKILL: no chance to finish anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end; returns what the server logged, line by line.
    pub(crate) fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            thread::sleep(Duration::from_millis(5));
        };
        self.logger.take().unwrap().join().unwrap();
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        assert_eq!(stdout, "", "standard output is for results");
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        (status, log)
    }

    /// SIGTERM, and what the server logged.
    pub(crate) fn stop(self) -> Vec<String> {
        self.signal("TERM");
        let (status, log) = self.wait();
        assert_eq!(status.code(), Some(0), "{log:?}");
        log
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    event["message"]
        .as_str()?
        .strip_prefix("listening on http://")?
        .parse()
        .ok()
}
