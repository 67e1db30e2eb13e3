//! The two servers, each in a process of its own.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use issuer::jose::dangerous;
use serde_json::Value;

use super::ask;
use crate::{Result, options::Options};

/// Of every server here: 32 bytes in base64.
pub(crate) const API_KEY: &str = "bG9hZCBwcm9ncmFtIGFwaSBrZXksIDMyIGJ5dGVzISE=";

/// Only a machine in trouble takes longer to start a program.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server promises to stop within ten seconds.
const STOP_PATIENCE: Duration = Duration::from_secs(12);

/// A server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `issuer-server serve` over this store, with its keys and its log in this folder.
    pub(crate) fn ours(program: &Path, folder: &Path, store: &str) -> Result<Self> {
        fs::create_dir_all(folder)?;
        write_keys(&folder.join("keys.json"))?;
        let log = folder.join("log.jsonl");
        let child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder)
            .args(["--store", store, "--issuer", crate::host::ISSUER])
            .env("ISSUER_API_KEY", API_KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // A file, as under any service manager: nobody here takes time away by reading it.
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&log)?;
            if let Some(address) = text.lines().find_map(address_in) {
                server.address = address;
                return Ok(server);
            }
            if server.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("{} does not start: {text}", program.display()).into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The same, asked whether it is ready as soon as it listens: with the seconds from its start to the answer.
    pub(crate) fn first_answer(program: &Path, folder: &Path, store: &str) -> Result<(Self, f64)> {
        let start = Instant::now();
        let server = Self::ours(program, folder, store)?;
        ask(server.address, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        Ok((server, start.elapsed().as_secs_f64()))
    }

    /// This program as an echo with these bodies.
    pub(crate) fn echo(issue_body: &str, me_body: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["echo", issue_body, me_body])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut line = String::new();
        BufReader::new(stdout.ok_or("no output")?).read_line(&mut line)?;
        server.address = line.trim().parse()?;
        Ok(server)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

/// The keys that sign the tokens of every population here: a server does not make others beside live tokens.
fn write_keys(path: &Path) -> Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(0o600);
    let jwks = dangerous::to_jwks(&crate::host::keys());
    Ok(options.open(path)?.write_all(jwks.as_bytes())?)
}

impl Drop for Server {
    fn drop(&mut self) {
        // By itself, as a service manager stops it, so that the next start finds what such a stop leaves.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let asked = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < STOP_PATIENCE {
            thread::sleep(Duration::from_millis(2));
        }
        // Both fail only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let event: Value = serde_json::from_str(line).ok()?;
    let is_ready = event["message"].as_str()?.starts_with("listening on ");
    is_ready
        .then(|| event["address"].as_str()?.parse().ok())
        .flatten()
}

/// The program that is measured: the one that was named, or the one that the project builds now. A quick run takes the
/// build of the tests, which says nothing of its speed.
pub(crate) fn server_program(options: &Options) -> Result<PathBuf> {
    if let Some(program) = &options.server {
        return Ok(program.clone());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--locked",
            "--package",
            "issuer-server",
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if !options.quick {
        cargo.arg("--release");
    }
    let output = cargo.output()?;
    if !output.status.success() {
        return Err("cargo cannot build issuer-server; name one with --server".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .ok_or_else(|| "cargo says of no program that it built it".into())
}
