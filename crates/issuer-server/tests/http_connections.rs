//! What happens on a connection: limits, pipelines, slow and broken clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use program::{Ask, Connection, Server};
use serde_json::json;

/// A JSON object of exactly so many bytes.
fn body_of(length: usize) -> String {
    let body = r#"{"_id":"a","issueAccessToken":true}"#;
    format!("{body}{}", " ".repeat(length - body.len()))
}

fn send_in_chunks(connection: &mut Connection, body: &str) {
    let head = Ask::post("/admin/clients")
        .key()
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked");
    connection.send(&head.bytes());
    for chunk in body.as_bytes().chunks(10_000) {
        connection.send(format!("{:x}\r\n", chunk.len()).as_bytes());
        connection.send(chunk);
        connection.send(b"\r\n");
    }
    connection.send(b"0\r\n\r\n");
}

const TOO_LARGE: (u16, &str) = (
    413,
    r#"{"error":"PAYLOAD_TOO_LARGE","message":"Request body must be at most 65536 bytes"}"#,
);

#[test]
fn a_body_of_64_kib_is_accepted_and_one_byte_more_is_not() {
    let server = Server::new();
    let ask = |length| Ask::post("/admin/clients").key().json(&body_of(length));
    assert_eq!(server.ask(&ask(65_537)).brief(), TOO_LARGE);
    assert_eq!(server.ask(&ask(65_536)).status, 200);
}

#[test]
fn a_body_in_chunks_has_the_same_limit() {
    let server = Server::new();
    let mut connection = server.connect();
    send_in_chunks(&mut connection, &body_of(65_537));
    assert_eq!(connection.answer_to("POST").brief(), TOO_LARGE);
    let mut connection = server.connect();
    send_in_chunks(&mut connection, &body_of(65_536));
    assert_eq!(connection.answer_to("POST").status, 200);
}

#[test]
fn a_client_that_sends_far_too_much_still_reads_why_it_is_refused() {
    let server = Server::new();
    for _ in 0..20 {
        let ask = Ask::post("/admin/clients").key().json(&body_of(4_000_000));
        assert_eq!(server.ask(&ask).brief(), TOO_LARGE);
        let ask = Ask::post("/admin/clients").json(&body_of(4_000_000));
        assert_eq!(server.ask(&ask).status, 401);
    }
}

#[test]
fn a_head_of_31_kib_is_accepted_and_one_over_32_kib_is_431() {
    let server = Server::new();
    let of = |length: usize| {
        let empty = Ask::get("/healthz").header("X-Filler", "").bytes().len();
        Ask::get("/healthz").header("X-Filler", &"x".repeat(length - empty))
    };
    assert_eq!(server.ask(&of(31 * 1_024)).status, 200);
    assert_eq!(server.ask(&of(32 * 1_024)).status, 200);
    let answer = server.ask(&of(33 * 1_024));
    assert_eq!((answer.status, &*answer.body), (431, &b""[..]));
}

#[test]
fn a_head_that_is_too_long_ends_the_connection_however_it_comes() {
    let server = Server::new();
    let too_long = Ask::get("/healthz")
        .header("X-Filler", &"x".repeat(33 * 1_024))
        .bytes();
    for pieces in [too_long.len(), 7_001] {
        let mut connection = server.connect();
        for piece in too_long.chunks(pieces) {
            connection.send(piece);
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        connection.send(&Ask::get("/healthz").bytes());
        assert_eq!(connection.answer_to("GET").status, 431);
        assert!(
            connection.maybe_answer_to("GET").is_none(),
            "in pieces of {pieces}"
        );
    }
}

#[test]
fn a_head_of_32_kib_is_accepted_before_a_body_and_in_pieces() {
    let server = Server::new();
    let empty = Ask::post("/admin/clients")
        .key()
        .header("X-Filler", "")
        .json("")
        .bytes()
        .len();
    let filler = "x".repeat(32 * 1_024 - empty - 4);
    let ask = Ask::post("/admin/clients")
        .key()
        .header("X-Filler", &filler)
        .json(&body_of(60_000));
    let mut connection = server.connect();
    for piece in ask.bytes().chunks(7_001) {
        connection.send(piece);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert_eq!(connection.answer_to("POST").status, 200);
}

#[test]
fn requests_in_a_pipeline_are_answered_in_their_order() {
    let server = Server::new();
    let issue = |id: &str| {
        let body = json!({"_id": id, "issueAccessToken": true}).to_string();
        Ask::post("/admin/clients").key().json(&body).bytes()
    };
    let mut connection = server.connect();
    let mut all = Vec::new();
    for n in 0..20 {
        all.extend(issue(&format!("user{n}")));
        all.extend(Ask::get("/nothing").bytes());
    }
    connection.send(&all);
    for n in 0..20 {
        let answer = connection.answer_to("POST");
        assert_eq!((answer.status, answer.member("_id")), (200, format!("user{n}")));
        assert_eq!(connection.answer_to("GET").status, 404);
    }
}

#[test]
fn a_connection_serves_on_after_an_error() {
    let server = Server::new();
    let mut connection = server.connect();
    for (ask, status) in [
        (Ask::post("/admin/clients").json("{}"), 401),
        (Ask::post("/admin/clients").key().json("{"), 400),
        (Ask::post("/admin/clients").key().body(b"{}"), 415),
        (Ask::post("/nothing").json("{}"), 404),
        (Ask::get("/me"), 401),
        (Ask::get("/healthz"), 200),
    ] {
        connection.send(&ask.bytes());
        assert_eq!(connection.answer_to(ask.method()).status, status, "{ask:?}");
    }
}

#[test]
fn a_client_that_waits_to_be_told_to_go_on_is_told() {
    let server = Server::new();
    let body = body_of(100);
    let head = Ask::post("/admin/clients")
        .key()
        .header("Content-Type", "application/json")
        .header("Expect", "100-continue")
        .header("Content-Length", "100");
    let mut connection = server.connect();
    connection.send(&head.bytes());
    assert_eq!(connection.interim_status(), 100);
    connection.send(body.as_bytes());
    assert_eq!(connection.answer_to("POST").status, 200);
}

#[test]
fn a_body_that_breaks_off_changes_nothing() {
    let server = Server::new();
    let whole = Ask::post("/admin/clients").key().json(&body_of(5_000)).bytes();
    for length in [whole.len() - 1, whole.len() - 4_990, whole.len() - 5_000] {
        let mut connection = server.connect();
        connection.send(whole.get(..length).unwrap());
        connection.finish();
        if let Some(answer) = connection.maybe_answer_to("POST") {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }
    assert_eq!(
        server.ask(&Ask::delete("/admin/clients/a/token").key()).status,
        404,
        "the user was not created"
    );
}

#[test]
fn a_client_that_goes_away_leaves_its_request_whole_or_not_begun() {
    let server = Server::new();
    for n in 0..50 {
        let body =
            json!({"_id": format!("user{n}"), "nickname": "Amy", "issueAccessToken": true}).to_string();
        let ask = Ask::post("/admin/clients")
            .key()
            .header("Idempotency-Key", "one")
            .json(&body);
        let mut connection = server.connect();
        connection.send(&ask.bytes());
        drop(connection);
        // Under the same key the request is the same one, whether it had happened or not.
        let again = server.ask(&ask);
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(server.me(&again.member("token")).status, 200);
        let revoked = server.ask(&Ask::delete(&format!("/admin/clients/user{n}/token")).key());
        assert_eq!(
            revoked.json().get("revokedTokens"),
            Some(&json!(1)),
            "exactly one"
        );
    }
}

#[test]
fn a_client_of_http_1_0_is_answered() {
    let server = Server::new();
    let mut connection = server.connect();
    connection.send(b"GET /healthz HTTP/1.0\r\n\r\n");
    assert_eq!(connection.answer_to("GET").status, 200);
    assert!(connection.is_closed());
}

#[test]
fn the_whole_url_may_stand_in_the_request_line() {
    let server = Server::new();
    let answer = server.ask(&Ask::get("http://localhost/healthz?x=1"));
    assert_eq!(answer.status, 200);
}

#[cfg(target_os = "linux")]
#[test]
fn of_more_than_1024_that_keep_the_server_waiting_those_that_did_so_longest_are_closed_and_the_silent_stay() {
    const PLACES: usize = 1_024;
    if !program::may_open(PLACES + 500) {
        return;
    }
    let server = Server::new();
    let request = Ask::get("/healthz").bytes();
    let begun = |length: usize| {
        let mut connection = server.connect();
        connection.send(request.get(..length).unwrap());
        // No faster than connections are accepted: the queue for new ones is short.
        std::thread::sleep(std::time::Duration::from_millis(1));
        connection
    };
    let mut in_a_head = begun(20);
    let mut between_two = begun(request.len());
    assert_eq!(between_two.answer_to("GET").status, 200);
    let mut others: Vec<_> = (0..PLACES - 200).map(|_| begun(20)).collect();
    let mut silent = begun(0);
    others.extend((0..200).map(|_| begun(20)));
    let full = std::time::Instant::now();
    assert!(in_a_head.is_closed() && between_two.is_closed());
    // Their own time limit would come after ten.
    assert!(full.elapsed() < std::time::Duration::from_secs(5));
    for connection in others.iter_mut().rev().take(100) {
        connection.send(request.get(20..).unwrap());
        assert_eq!(connection.answer_to("GET").status, 200);
    }
    silent.send(&request);
    assert_eq!(silent.answer_to("GET").status, 200);
}
