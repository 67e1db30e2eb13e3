//! A signal: what is under way is finished, what was accepted is kept, and the process ends in time.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use program::{API_KEY, Answer, Ask, Client, Connection, Done, Home, Server, Store};
use serde_json::Value;

/// What the contract promises.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends the signal and waits: exit 0 in time. Returns how long it took and the log.
#[track_caller]
fn stop(server: Server, signal: &str) -> (Duration, String) {
    let start = Instant::now();
    server.signal(signal);
    let (status, log) = server.wait();
    let took = start.elapsed();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(took < LIMIT, "{took:?}");
    (took, log)
}

/// The two halves of a request for a token.
fn halves(user: &str) -> (Vec<u8>, Vec<u8>) {
    let mut first = Ask::issue(user).bytes();
    let second = first.split_off(first.len() - 10);
    (first, second)
}

/// A connection that has sent the first half of a request for a token for Amy, which the server has read; and the rest.
fn half_sent(server: &Server) -> (Connection, Vec<u8>) {
    let (first, second) = halves("amy");
    let mut slow = server.connect();
    slow.send(&first);
    // Answered after the head of the other was read: one thread at least has got as far.
    server.token("bob");
    thread::sleep(Duration::from_millis(200));
    (slow, second)
}

/// Waits until the server has seen the signal: it takes no more connections.
fn wait_until_it_stops(server: &Server) {
    let start = Instant::now();
    while TcpStream::connect_timeout(&server.address(), Duration::from_secs(1)).is_ok() {
        assert!(start.elapsed() < LIMIT, "new connections are still taken");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The names of the store's files.
fn files_of_the_store(home: &Home) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(home.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("issuer.db"))
        .collect();
    names.sort();
    names
}

#[test]
fn sigterm_and_sigint_end_an_idle_server_at_once_with_0() {
    for signal in ["TERM", "INT"] {
        let (took, log) = stop(Home::new().serve(&[]), signal);
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(log.lines().last().unwrap().contains("stopped"), "{log}");
    }
}

#[test]
fn a_stop_closes_the_store_whatever_is_open_and_under_way() {
    for round in 0..40 {
        let home = Home::on(Store::Sqlite);
        let server = home.serve(&[]);
        let mut kept = server.client();
        assert_eq!(kept.issue("amy", None).unwrap().status, 200);
        let _silent = server.connect();
        let (first, _) = halves("half");
        let mut half = server.connect();
        half.send(&first);
        let (_, log) = thread::scope(|scope| {
            let address = server.address();
            // Requests over HTTP and through the command socket, until nobody answers any more.
            scope.spawn(move || {
                let mut client = Client::new(address);
                let mut users = (0..).map(|n| format!("user{n}"));
                while client.issue(&users.next().unwrap(), None).is_ok() {}
            });
            scope.spawn(|| home.run(&["token", "revoke", "amy"]));
            thread::sleep(Duration::from_millis(round % 8));
            // One that stays would be waited for.
            drop(half);
            stop(server, "TERM")
        });
        let left = files_of_the_store(&home);
        // A command that found no server any more may have the file open.
        let open = home.run(&["issue", "late"]);
        assert_eq!(open.code, Some(0), "{open:?}");
        assert_eq!(left, ["issuer.db"], "round {round}: {log}");
    }
}

#[test]
fn the_hangup_of_a_closed_terminal_stops_the_server_as_sigterm_does_and_the_log_says_so() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (mut slow, second) = half_sent(&server);
    server.signal("HUP");
    wait_until_it_stops(&server);
    slow.send(&second);
    assert_eq!(slow.answer_to("POST").status, 200);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("\"signal\":\"SIGHUP\""), "{log}");
}

#[test]
fn a_server_under_nohup_outlives_its_terminal() {
    let home = Home::new();
    let mut serve = home.command(&["serve", "--listen", "127.0.0.1:0"]);
    serve.env("ISSUER_API_KEY", API_KEY);
    let mut nohup = Command::new("nohup");
    nohup.arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => nohup.env(name, value),
            None => nohup.env_remove(name),
        };
    }
    let server = Server::start(nohup.current_dir(home.path()).stdin(Stdio::null()));
    let token = server.token("amy");
    server.signal("HUP");
    // A signal that is ignored leaves nothing to wait for; one that is not would have ended the server by now.
    thread::sleep(Duration::from_millis(300));
    assert_eq!(server.me(&token).status, 200);
    let (_, log) = stop(server, "TERM");
    assert!(log.contains("\"signal\":\"SIGTERM\""), "{log}");
}

#[test]
fn a_stop_says_so_where_another_process_keeps_the_log_of_the_store_until_it_ends() {
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let token = server.token("amy");
    let other = rusqlite::Connection::open(home.data_dir().join("issuer.db")).unwrap();
    let users = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let count = "SELECT count(*) FROM users";
    assert_eq!(other.query_row(count, [], users).unwrap(), 1);
    let (_, log) = stop(server, "TERM");
    assert!(
        log.contains("issuer.db-wal is still there") && log.contains("another process"),
        "{log}"
    );
    // What the line advises: the other process ends.
    drop(other);
    assert_eq!(files_of_the_store(&home), ["issuer.db"]);
    home.run(&["verify", &token]).line();

    let (_, log) = stop(home.serve(&[]), "TERM");
    assert!(!log.contains("still there"), "{log}");
}

#[test]
fn a_start_that_fails_after_the_store_was_opened_closes_it() {
    let home = Home::on(Store::Sqlite);
    home.issue("amy");
    let serve = &["serve", "--listen", "127.0.0.1:0"];
    let contradicting = [serve, &["--lifetime", "1h", "--refresh-window", "2h"][..]].concat();
    assert_eq!(home.run(&contradicting).code, Some(2));
    assert_eq!(files_of_the_store(&home), ["issuer.db"]);
    let output = home.command(serve).env("ISSUER_API_KEY", "a b").output();
    assert_ne!(Done::from(output.unwrap()).code, Some(0));
    assert_eq!(files_of_the_store(&home), ["issuer.db"]);
}

#[test]
fn a_command_leaves_one_file_of_the_store() {
    let home = Home::on(Store::Sqlite);
    for round in 0..5 {
        let user = format!("user{round}");
        let token = home.run(&["issue", &user]).token();
        assert_eq!(files_of_the_store(&home), ["issuer.db"]);
        home.run(&["issue", &user]).fails_saying(1, &["USER_EXISTS"]);
        assert_eq!(files_of_the_store(&home), ["issuer.db"]);
        home.run(&["verify", &token]).line();
        assert_eq!(files_of_the_store(&home), ["issuer.db"]);
        home.run(&["token", "revoke", &user]).line();
        assert_eq!(files_of_the_store(&home), ["issuer.db"]);
    }
    let path = |name: &str| format!("sqlite:{}", home.data_dir().join(name).display());
    home.run(&["copy", "--from", &path("issuer.db"), "--to", &path("copy.db")]);
    assert_eq!(files_of_the_store(&home), ["issuer.db"]);
    let copies = std::fs::read_dir(home.data_dir()).unwrap();
    let names = copies.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("copy")).count(), 1);
}

#[test]
fn a_connection_that_idles_holds_nothing_up() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut kept = server.client();
    assert_eq!(kept.issue("amy", None).unwrap().status, 200);
    let silent = server.connect();
    let (took, _) = stop(server, "TERM");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(kept.issue("amy", None).is_err());
    drop(silent);
}

#[test]
fn a_request_under_way_is_answered_and_its_token_is_kept_while_new_connections_are_refused() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (mut slow, second) = half_sent(&server);
    server.signal("TERM");
    wait_until_it_stops(&server);
    thread::sleep(Duration::from_millis(500));
    slow.send(&second);
    let answer = slow.answer_to("POST");
    assert_eq!(answer.status, 200, "{answer:?}");
    let (status, _) = server.wait();
    assert_eq!(status.code(), Some(0));
    let token = answer.member("token");
    home.run(&["verify", &token]).line();
}

#[test]
fn a_client_that_never_finishes_its_request_does_not_hold_the_server() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (first, _) = halves("amy");
    let mut slow = server.connect();
    slow.send(&first);
    let mut half_a_head = server.connect();
    half_a_head.send(b"GET /me HTTP/1.1\r\nHo");
    thread::sleep(Duration::from_millis(200));
    let (_, log) = stop(server, "TERM");
    assert!(log.contains("cut off"), "{log}");
    home.run(&["token", "revoke", "amy"])
        .fails_saying(1, &["CLIENT_NOT_FOUND"]);
}

#[test]
fn a_store_that_is_held_by_another_process_does_not_hold_the_server() {
    // Which nobody but its server can hold where it is a folder.
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let token = server.token("amy");
    let other = rusqlite::Connection::open(home.data_dir().join("issuer.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|user| {
                let mut client = server.client();
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(50 * user));
                    client.issue(&format!("user{user}"), None)
                })
            })
            .collect();
        // The others come while the first one waits: they would wait as long again.
        thread::sleep(Duration::from_millis(300));
        let (_, log) = stop(server, "TERM");
        // Whether it was closed in time or not: it is no single file.
        assert!(log.contains("issuer.db-wal"), "{log}");
        for answer in waiting {
            let answer = answer.join().unwrap();
            assert!(
                answer.as_ref().is_ok_and(|answer| answer.status == 503) || answer.is_err(),
                "{answer:?}"
            );
        }
    });
    other.execute_batch("ROLLBACK").unwrap();
    home.run(&["verify", &token]).line();
}

#[test]
fn under_load_every_answer_that_was_read_is_kept() {
    let home = Home::new();
    let server = home.serve(&[]);
    let tokens: Vec<String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let mut client = server.client();
                scope.spawn(move || {
                    let issue = |count: usize| client.issue(&format!("c{number}-{count}"), None).ok();
                    let answers: Vec<Answer> = (0..).map_while(issue).collect();
                    let tokens = answers.into_iter().filter(|answer| answer.status == 200);
                    tokens.map(|answer| answer.member("token")).collect::<Vec<_>>()
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        stop(server, "INT");
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    assert!(tokens.len() > 20, "{}", tokens.len());
    let server = home.serve(&[]);
    for token in &tokens {
        assert_eq!(server.me(token).status, 200);
    }
    server.stop();
}

#[test]
fn commands_that_go_through_the_server_are_answered() {
    // Those that come too late for the server open the store themselves, all at once.
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    thread::scope(|scope| {
        let commands: Vec<_> = (0..8)
            .map(|user| {
                scope.spawn({
                    let home = &home;
                    move || home.run(&["issue", &format!("user{user}")])
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(20));
        server.stop();
        for command in commands {
            let token = command.join().unwrap().token();
            home.run(&["verify", &token]).line();
        }
    });
}

#[test]
fn a_port_that_is_taken_is_a_failure_that_says_what_to_do_and_leaves_nothing() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.run(&["serve", "--listen", &address]).fails(
        3,
        &format!("--listen: {address}: another program has that port; choose one with --listen ADDRESS:PORT"),
    );
    assert!(!home.data_dir().exists());
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    let home = Home::new();
    for address in [
        "nonsense",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:99999",
        "127.0.0.1:http",
    ] {
        home.run(&["serve", "--listen", address])
            .fails_saying(2, &["--listen: must be ADDRESS:PORT, such as 127.0.0.1:8080"]);
    }
}

#[test]
fn off_a_terminal_every_line_of_the_log_is_json_and_none_holds_a_secret() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--listen", "0.0.0.0:0", "--client-key", "sesame"]);
    let server = Server::start(command.env("ISSUER_API_KEY", API_KEY));
    let loopback = SocketAddr::from(([127, 0, 0, 1], server.address().port()));
    let mut client = Client::new(loopback);
    let token = client.issue("user-in-path", None).unwrap().member("token");
    let me = Ask::me(&token).header("IM-CLIENT-KEY", "sesame");
    assert_eq!(client.ask(&me).unwrap().status, 200);
    assert_eq!(client.revoke("user-in-path", Some(&token)).unwrap().status, 200);
    let mut garbage = Connection::to(loopback).unwrap();
    garbage.send(b"\0\0\0\r\n\r\n");
    assert!(garbage.is_closed());
    let log = server.stop();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            event["timestamp"].is_string() && event["level"].is_string(),
            "{line}"
        );
    }
    assert!(
        log.contains("\"level\":\"WARN\"") && log.contains("without TLS"),
        "{log}"
    );
    let signature = token.rsplit('.').next().unwrap();
    for secret in [API_KEY, "sesame", signature, "user-in-path"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn a_start_that_fails_says_so_in_one_line() {
    // The start is made to fail by damage to the file.
    let home = Home::on(Store::Sqlite);
    home.issue("amy");
    std::fs::write(home.data_dir().join("issuer.db"), "no database").unwrap();
    let command = home
        .command(&["serve", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let done = Done::from(command);
    done.fails_saying(3, &["issuer.db", "no SQLite database"]);
    assert_eq!(done.stderr.lines().count(), 1, "{done:?}");
}
