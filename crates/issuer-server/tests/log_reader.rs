//! The reader of standard error: whether it stalls, fails or goes away, requests, commands and the stop do not wait for it.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    fs::File,
    io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _, pipe},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use program::{API_KEY, Ask, Connection, Home};
use serde_json::Value;

/// What the contract promises for a stop.
const LIMIT: Duration = Duration::from_secs(10);

/// Bytes of a pipe (`pipe(7)`).
const PIPE_BYTES: usize = 64 << 10;

/// A server whose log is read when the test says so.
struct Server {
    child: Child,
    address: SocketAddr,
    log: BufReader<PipeReader>,
}

fn serve(home: &Home) -> Command {
    let mut command = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("ISSUER_API_KEY", API_KEY);
    command
}

impl Server {
    fn start(home: &Home) -> Self {
        let (log, stderr) = pipe().unwrap();
        let child = serve(home).stderr(stderr).spawn().unwrap();
        let mut log = BufReader::new(log);
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it does not start");
            let event: Value = serde_json::from_str(&line).unwrap();
            if let Some(address) = event["address"].as_str() {
                break address.parse().unwrap();
            }
        };
        Self { child, address, log }
    }

    fn stop(&mut self) {
        stop(&mut self.child);
    }
}

/// Sends requests for `/healthz` over one connection, each with its number, and reads the answers.
fn ask(connection: &mut Connection, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let ask = Ask::get("/healthz").header("X-Request-Id", &format!("{number:0100}"));
        connection.send(&ask.bytes());
        assert_eq!(connection.answer_to("GET").status, 200);
    }
}

fn stop(child: &mut Child) {
    let start = Instant::now();
    let killed = Command::new("kill")
        .args(["-s", "TERM", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let status = end_of(child);
    assert_eq!(status.code(), Some(0));
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

fn end_of(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > 3 * LIMIT {
            child.kill().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A pipe that nobody reads and that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&vec![b'.'; PIPE_BYTES]).unwrap();
    (reader, writer)
}

#[test]
fn three_thousand_requests_and_the_stop_do_not_wait_for_a_log_that_nobody_reads() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut connection = Connection::to(server.address).unwrap();
    ask(&mut connection, 0..2_900);
    for user in 0..100 {
        connection.send(&Ask::issue(&format!("user{user}")).bytes());
        assert_eq!(connection.answer_to("POST").status, 200);
    }
    server.stop();
    // What the pipe took before the end is whole lines.
    let mut log = String::new();
    server.log.read_to_string(&mut log).unwrap();
    assert!(log.len() > PIPE_BYTES / 2 && log.ends_with('\n'), "{}", log.len());
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_reader_that_reads_again_finds_how_many_lines_were_dropped_and_every_line_is_whole() {
    const REQUESTS: usize = 12_000;
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut connection = Connection::to(server.address).unwrap();
    ask(&mut connection, 0..REQUESTS);
    let log = std::mem::replace(&mut server.log, BufReader::new(pipe().unwrap().0));
    let (mut next, mut dropped) = (0, 0);
    let mut lines = log.lines().map(|line| {
        let line = line.unwrap();
        serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    });
    // The lines stand in their order, and in place of those that were dropped one that says how many.
    let mut read_until = |is_enough: &dyn Fn(usize, usize) -> bool| {
        while !is_enough(next, dropped) {
            let event = lines.next().expect("more lines");
            if let Some(count) = event["dropped_lines"].as_u64() {
                assert_eq!(event["level"], "WARN", "{event}");
                dropped += usize::try_from(count).unwrap();
                next += usize::try_from(count).unwrap();
            } else if let Some(id) = event["request_id"].as_str() {
                assert_eq!(id.parse::<usize>().unwrap(), next, "{event}");
                next += 1;
            }
        }
        (next, dropped)
    };
    let (next, dropped) = read_until(&|next, _| next == REQUESTS);
    assert!(
        dropped > 1_000 && dropped < REQUESTS - 1_000,
        "{dropped} of {next}"
    );
    ask(&mut connection, REQUESTS..REQUESTS + 10);
    assert_eq!(read_until(&|next, _| next == REQUESTS + 10).1, dropped);
    server.stop();
}

#[test]
fn a_log_that_cannot_be_written_stops_neither_a_request_nor_the_stop() {
    for stderr in [
        // A full disk, for ever.
        Stdio::from(File::options().write(true).open("/dev/full").unwrap()),
        // A reader that has gone.
        Stdio::from(pipe().unwrap().1),
    ] {
        let home = Home::new();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut child = home
            .command(&["serve", "--listen", &port.to_string()])
            .env("ISSUER_API_KEY", API_KEY)
            .stderr(stderr)
            .spawn()
            .unwrap();
        let start = Instant::now();
        let mut connection = loop {
            if let Ok(connection) = Connection::to(port) {
                break connection;
            }
            assert!(start.elapsed() < 3 * LIMIT, "it does not start");
            thread::sleep(Duration::from_millis(10));
        };
        for user in 0..100 {
            connection.send(&Ask::issue(&format!("user{user}")).bytes());
            assert_eq!(connection.answer_to("POST").status, 200);
        }
        stop(&mut child);
    }
}

#[test]
fn a_start_that_is_refused_and_a_command_do_not_wait_for_standard_error() {
    let home = Home::new();
    home.issue("amy");
    for (arguments, code) in [
        (&["issue", "amy"][..], 1),
        (&["issue"], 2),
        (&[], 2),
        (&["issue", "amy", "--config", "nowhere.toml"], 2),
        (&["verify", "x", "--store", "sqlite:nowhere/users.db"], 3),
        (&["serve", "--listen", "nonsense"], 2),
    ] {
        let (reader, stderr) = full_pipe();
        let mut child = home
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        assert_eq!(end_of(&mut child).code(), Some(code), "{arguments:?}");
        drop(reader);
    }
    let (_reader, stderr) = full_pipe();
    let mut child = home
        .command(&["issue", "bob"])
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .unwrap();
    assert_eq!(end_of(&mut child).code(), Some(0));
}
