//! Requests that are wrong in every way that came to mind: each is told so, and none of them does anything.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod malformed;
mod program;

use malformed::{Case, Shape, WANTED, bodies, heads, requests};
use program::{Answer, Ask, Server};
use serde_json::Value;

fn shape(answer: &Answer) -> Option<Shape> {
    if answer.body.is_empty() {
        return Some(Shape::Bare);
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let object = body.as_object()?;
    let names: Vec<&str> = object.keys().map(String::as_str).collect();
    match *names {
        ["error", "message"] if body["error"].is_string() && body["message"].is_string() => Some(Shape::Flat),
        ["RC", "RM", "error"] if body["RC"] == answer.status => Some(Shape::Me),
        _ => None,
    }
}

fn each_is_refused(cases: &[Case]) {
    let server = Server::new();
    for Case {
        name,
        bytes,
        status,
        shape: expected,
    } in cases
    {
        let mut connection = server.connect();
        connection.send(bytes);
        let answer = connection
            .maybe_answer_to("GET")
            .unwrap_or_else(|| panic!("no answer to {name}"));
        assert_eq!(
            (answer.status, shape(&answer)),
            (*status, Some(*expected)),
            "{name}: {answer:?}"
        );
        if *expected != Shape::Bare {
            assert!(answer.header("x-request-id").is_some(), "{name}");
        }
        assert_eq!(
            server.ask(&Ask::get("/readyz")).status,
            200,
            "the server is well after {name}"
        );
    }
    let stored = server.ask(&Ask::delete("/admin/clients/a/token").key());
    assert_eq!(stored.member("error"), "CLIENT_NOT_FOUND", "nothing was stored");
    // Which fails where something panicked.
    server.kill();
}

#[test]
fn a_head_that_cannot_be_read_gets_the_parsers_400_or_431() {
    each_is_refused(&heads::unreadable());
}

#[test]
fn a_body_that_is_no_good_json_gets_400() {
    each_is_refused(&bodies::bad());
}

#[test]
fn a_request_that_no_route_takes_gets_its_4xx() {
    each_is_refused(&requests::bad());
}

#[test]
fn the_cases_are_more_than_sixty_and_only_their_fault_keeps_them_from_success() {
    assert!(heads::unreadable().len() + bodies::bad().len() + requests::bad().len() > 100);
    let server = Server::new();
    assert_eq!(
        server.ask(&Ask::post("/admin/clients").key().json(WANTED)).status,
        200
    );
}
