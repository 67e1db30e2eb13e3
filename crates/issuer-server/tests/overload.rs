//! More requests than may wait, to the program itself: some are turned away, and nothing acknowledged is lost.
//! That they are so at once is shown where a machine's speed does not matter: `tests/overload_tenfold.rs` of the service,
//! and `tests/trouble.rs` of the router.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    io::Write as _,
    thread,
    time::{Duration, Instant},
};

use program::{Ask, Connection, Home, Store, may_open};
use rusqlite::Connection as File;

/// What may wait, by the contract.
const QUEUE: usize = 4_096;

/// One is at the store, and this many find no place.
const TOO_MANY: usize = 400;

const UNAVAILABLE: (u16, &str) = (
    503,
    r#"{"error":"UNAVAILABLE","message":"The service is temporarily unavailable, please try again"}"#,
);

#[test]
fn past_the_queue_requests_are_turned_away_with_503_and_afterwards_everybody_is_served() {
    if !may_open(QUEUE + TOO_MANY + 500) {
        note("skipped: the system does not let a process open so many connections");
        return;
    }
    let home = Home::on(Store::Sqlite);
    let server = home.serve(&[]);
    let before = server.resident_kib();
    let mut file = File::open(home.data_dir().join("issuer.db")).unwrap();
    // Nobody writes now.
    let held = file
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let mut callers: Vec<(String, Connection)> = (0..=QUEUE + TOO_MANY)
        .map(|n| {
            let user = format!("user{n}");
            let mut connection = server.connect();
            connection.send(&Ask::issue(&user).bytes());
            (user, connection)
        })
        .collect();
    // By the bound of the queue; on a machine that cannot fill it within five seconds, by the deadline.
    let sent = Instant::now();
    while callers.iter().filter(|(_, caller)| caller.is_answered()).count() < TOO_MANY {
        assert!(sent.elapsed() < Duration::from_mins(1), "nobody is turned away");
        thread::sleep(Duration::from_millis(5));
    }
    let turned_away_after = sent.elapsed();
    let under_load = server.resident_kib();
    held.rollback().unwrap();
    drop(file);

    let mut tokens = Vec::new();
    let mut turned_away = 0;
    for (user, connection) in &mut callers {
        let answer = connection.answer_to("POST");
        if answer.status == 200 {
            tokens.push((user.clone(), answer.member("token")));
        } else {
            assert_eq!(answer.brief(), UNAVAILABLE, "{user}");
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
            turned_away += 1;
        }
    }
    let over = Instant::now();
    server.token("after");
    let served_after = over.elapsed();
    assert!(turned_away >= TOO_MANY, "{turned_away}");
    let mut client = server.client();
    for (user, token) in &tokens {
        let me = client.me(token).unwrap();
        assert_eq!(
            (me.status, me.json()["result"]["_id"].as_str()),
            (200, Some(&**user))
        );
    }
    note(&format!(
        "{} served, {turned_away} turned away, the first {TOO_MANY} of them {turned_away_after:?} after the last request; served again after \
         {served_after:?}; resident {before} KiB before, {under_load} KiB under load",
        tokens.len()
    ));
    assert!(served_after < Duration::from_secs(1), "{served_after:?}");
    // 4,500 connections and as many requests, and nothing that grows beside them.
    assert!(under_load - before < 300 * 1_024, "{under_load} KiB");
    assert!(!tokens.is_empty(), "nobody was served");
}

/// Said in any case: the harness hides what a test that passes prints.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "overload: {text}");
}
