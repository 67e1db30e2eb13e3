//! Few open files: clients that only connect use none that the others need.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use program::{API_KEY, Ask, Client, Connection, Done, Home, Server, may_open};

/// The program with these limits, soft and hard.
fn limited(home: &Home, limits: &str, arguments: &[&str]) -> Command {
    let plain = home.command(arguments);
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={limits}")).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(home.path());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("ISSUER_API_KEY", API_KEY);
    command
}

fn serve(home: &Home, limits: &str) -> Server {
    Server::start(&mut limited(home, limits, &["serve", "--listen", "127.0.0.1:0"]))
}

/// An honest client and a command are served while so many connections send these bytes and no more.
fn assert_all_are_served_beside(count: usize, bytes: &[u8]) {
    if !may_open(count + 500) {
        return;
    }
    let home = Home::new();
    let server = serve(&home, "1024:1024");
    let mut client = server.client();
    let mut hostile: Vec<Connection> = Vec::new();
    while hostile.len() < count {
        for _ in 0..100 {
            let mut connection = server.connect();
            connection.send(bytes);
            hostile.push(connection);
        }
        let begun = Instant::now();
        // The connection that the client keeps may have been closed between two requests.
        let me = client.me("no token");
        assert!(me.is_err() || me.is_ok_and(|answer| answer.status == 401));
        let mut fresh = Client::new(server.address());
        let token = fresh.issue("honest", None).unwrap().member("token");
        assert_eq!(fresh.me(&token).unwrap().status, 200);
        assert_eq!(fresh.revoke("honest", Some(&token)).unwrap().status, 200);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    assert_eq!(home.run(&["issue", "by_command"]).code, Some(0));
    let log = server.stop();
    assert!(!log.contains("could not be accepted"), "{log}");
}

#[test]
fn under_1024_files_1300_silent_connections_lock_nobody_out() {
    assert_all_are_served_beside(1_300, b"");
}

#[test]
fn under_1024_files_2500_connections_in_the_middle_of_a_head_lock_nobody_out() {
    let head = Ask::get("/healthz").bytes();
    assert_all_are_served_beside(2_500, head.get(..20).unwrap());
}

#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one_and_both_are_logged() {
    let home = Home::new();
    let server = serve(&home, "256:2048");
    let log = server.stop();
    let line = log
        .lines()
        .find(|line| line.contains("limits of open files"))
        .unwrap();
    for said in [
        r#""soft_before":"256""#,
        r#""soft":"2048""#,
        r#""hard":"2048""#,
        r#""connections":1920"#,
    ] {
        assert!(line.contains(said), "{line}");
    }
}

#[test]
fn a_limit_too_low_to_serve_is_refused_and_the_remedy_works() {
    let home = Home::new();
    let refused = Done::of(&mut limited(
        &home,
        "64:64",
        &["serve", "--listen", "127.0.0.1:0"],
    ));
    assert_eq!(refused.code, Some(3));
    for said in [
        "may open 64 files, and the server needs 192",
        "ulimit -Hn",
        "to 1024 or more",
    ] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(!home.data_dir().exists(), "nothing was made");
    let server = serve(&home, "192:192");
    server.token("amy");
    serve(&home, "1024:1024").stop();
}
