//! The process that is attacked.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// It is killed when this is dropped.
pub(crate) struct Target {
    child: Child,
    address: SocketAddr,
    /// Lines of its log that tell of a panic: the rest is too much to keep.
    panics: Option<JoinHandle<Vec<String>>>,
}

impl Target {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let (found, address) = mpsc::channel();
        let panics = thread::spawn(move || read_log(stderr, &found));
        let address = address
            .recv_timeout(Duration::from_mins(1))
            .expect("the server starts");
        Self {
            child,
            address,
            panics: Some(panics),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How much memory it has now, in KiB; nothing of a process that is gone.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// How much it has had at most, in KiB.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or_default()
    }

    /// Kills it; returns what it said of panics until then.
    pub(crate) fn end(mut self) -> Vec<String> {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.panics.take().unwrap().join().unwrap()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_log(stderr: ChildStderr, found: &Sender<SocketAddr>) -> Vec<String> {
    let mut panics = Vec::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(address) = address_in(&line) {
            // Nobody listens any more once the address is known.
            let _ = found.send(address);
        }
        if line.contains("panicked") && panics.len() < 20 {
            panics.push(line.into_owned());
        }
    }
    panics
}

fn address_in(line: &str) -> Option<SocketAddr> {
    if !line.contains("listening on http") {
        return None;
    }
    let event: Value = serde_json::from_str(line).ok()?;
    event["address"].as_str()?.parse().ok()
}
