//! `Idempotency-Key` over a socket, and many callers at once.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{
    collections::HashSet,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use program::{Answer, Ask, Home, Server};
use serde_json::{Value, json};

const CALLERS: usize = 64;

fn keyed(server: &Server, key: &str, body: &Value) -> Answer {
    server.ask(&ask(key, body))
}

fn ask(key: &str, body: &Value) -> Ask {
    Ask::post("/admin/clients")
        .key()
        .header("Idempotency-Key", key)
        .json(&body.to_string())
}

fn user(id: &str) -> Value {
    json!({"_id": id, "issueAccessToken": true})
}

/// Sends the same request over as many sockets as there are callers, all at the same moment.
fn all_at_once(server: &Arc<Server>, ask: &Ask) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (server, ask, start) = (server.clone(), ask.clone(), start.clone());
            thread::spawn(move || {
                let mut connection = server.connect();
                start.wait();
                connection.send(&ask.bytes());
                connection.answer_to("POST")
            })
        })
        .collect();
    callers.into_iter().map(|caller| caller.join().unwrap()).collect()
}

#[test]
fn of_64_simultaneous_requests_for_a_new_user_exactly_one_gets_a_token() {
    let server = Arc::new(Server::new());
    let ask = Ask::post("/admin/clients")
        .key()
        .json(&user("user001").to_string());
    let answers = all_at_once(&server, &ask);
    let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(given.len(), 1);
    for answer in refused {
        assert_eq!(
            answer.brief(),
            (
                409,
                r#"{"error":"USER_EXISTS","message":"User with _id 'user001' already exists"}"#
            )
        );
    }
}

#[test]
fn of_64_simultaneous_requests_under_one_key_all_get_the_same_token() {
    let server = Arc::new(Server::new());
    let answers = all_at_once(&server, &ask("one", &user("user001")));
    let bodies: HashSet<&str> = answers
        .iter()
        .map(|answer| match answer.brief() {
            (200, body) => body,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(bodies.len(), 1, "byte for byte");
}

#[test]
fn a_retry_gets_the_very_same_bytes() {
    let server = Server::new();
    let first = keyed(&server, "one", &user("user001"));
    let again = keyed(&server, "one", &user("user001"));
    assert_eq!(first.status, 200);
    assert_eq!(first.brief(), again.brief());
    assert_eq!(again.header("cache-control"), Some("no-store"));
}

#[test]
fn the_same_request_is_the_same_however_it_is_spelled() {
    let server = Server::new();
    let first = keyed(
        &server,
        "one",
        &json!({"_id": "a", "nickname": "", "issueAccessToken": true}),
    );
    let again = server.ask(
        &Ask::post("/admin/clients/")
            .key()
            .header("idempotency-key", "one")
            .json(r#" { "x" : 1, "issueAccessToken" : true, "\u005fid" : "\u0061", "nickname" : null } "#),
    );
    assert_eq!(first.status, 200);
    assert_eq!(first.brief(), again.brief());
}

#[test]
fn a_retry_shows_the_token_as_issued_and_the_profile_as_it_is_now() {
    let server = Server::with(&["--max-live-tokens", "2"]);
    let body = json!({"_id": "a", "nickname": "Amy", "issueAccessToken": true});
    let first = keyed(&server, "one", &body);
    server.issue(&json!({"_id": "a", "nickname": "Bob", "issueAccessToken": true}));
    let again = keyed(&server, "one", &body);
    assert_eq!(again.text(), first.text().replace("Amy", "Bob"));
}

#[test]
fn another_request_under_the_same_key_is_a_conflict() {
    let server = Server::new();
    keyed(&server, "one", &user("a"));
    let other = keyed(
        &server,
        "one",
        &json!({"_id": "a", "nickname": "Amy", "issueAccessToken": true}),
    );
    assert_eq!(
        other.brief(),
        (
            409,
            r#"{"error":"IDEMPOTENCY_CONFLICT","message":"Idempotency-Key was used with a different request"}"#
        )
    );
}

#[test]
fn for_another_user_it_is_another_key() {
    let server = Server::new();
    assert_eq!(keyed(&server, "one", &user("a")).status, 200);
    assert_eq!(keyed(&server, "one", &user("b")).status, 200);
}

#[test]
fn a_retry_for_a_token_that_was_revoked_is_a_conflict() {
    let server = Server::new();
    keyed(&server, "one", &user("a"));
    server.ask(&Ask::delete("/admin/clients/a/token").key());
    assert_eq!(
        keyed(&server, "one", &user("a")).brief(),
        (
            409,
            r#"{"error":"IDEMPOTENCY_CONFLICT","message":"The token issued for this Idempotency-Key is no longer valid; use a new key"}"#
        )
    );
    assert_eq!(keyed(&server, "two", &user("a")).status, 200);
}

#[test]
fn a_retry_for_a_token_that_was_replaced_is_a_conflict() {
    let server = Server::with(&["--policy", "upsert"]);
    keyed(&server, "one", &user("a"));
    server.token("a");
    let again = keyed(&server, "one", &user("a"));
    assert_eq!(
        (again.status, &*again.member("error")),
        (409, "IDEMPOTENCY_CONFLICT")
    );
}

#[test]
fn a_refused_request_leaves_its_key_free() {
    let server = Server::new();
    server.token("a");
    assert_eq!(keyed(&server, "one", &user("a")).status, 409);
    server.ask(&Ask::delete("/admin/clients/a/token").key());
    let body = json!({"_id": "a", "nickname": "Amy", "issueAccessToken": true});
    assert_eq!(keyed(&server, "one", &body).status, 200);
}

#[test]
fn a_key_is_forgotten_when_its_token_expires() {
    let server = Server::with(&["--lifetime", "1s"]);
    let first = keyed(&server, "one", &user("a"));
    thread::sleep(Duration::from_millis(1_100));
    let other = json!({"_id": "a", "nickname": "Amy", "issueAccessToken": true});
    let second = keyed(&server, "one", &other);
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.member("token"), second.member("token"));
}

#[test]
fn a_key_that_is_no_key_is_refused() {
    let server = Server::new();
    let expected = (
        400,
        r#"{"error":"INVALID_REQUEST","message":"Invalid field: Idempotency-Key: must be 1 to 255 visible ASCII characters"}"#,
    );
    for key in ["", "a b", "a\tb", "é", &"x".repeat(256)] {
        assert_eq!(keyed(&server, key, &user("a")).brief(), expected, "{key:?}");
    }
    let twice = ask("one", &user("a")).header("Idempotency-Key", "one");
    assert_eq!(server.ask(&twice).brief(), expected);
    assert_eq!(keyed(&server, &"x".repeat(255), &user("a")).status, 200);
}

#[test]
fn a_key_is_kept_across_a_restart() {
    let home = Home::new();
    let server = home.serve(&[]);
    let first = keyed(&server, "one", &user("a"));
    server.kill();
    let server = home.serve(&[]);
    assert_eq!(keyed(&server, "one", &user("a")).brief(), first.brief());
}
