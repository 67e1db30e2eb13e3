//! What holds for every route: who is let in, which paths there are, what every answer carries.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use program::{API_KEY, Ask, Server};
use serde_json::{Value, json};

const NO_KEY: (u16, &str) = (401, r#"{"error":"UNAUTHORIZED","message":"Invalid API key"}"#);
const NO_PATH: (u16, &str) = (404, r#"{"error":"NOT_FOUND","message":"Not found"}"#);

#[test]
fn the_administrative_routes_let_nobody_in_without_a_good_key() {
    let server = Server::new();
    let issue = || Ask::post("/admin/clients").json(r#"{"_id":"a","issueAccessToken":true}"#);
    let shorter = &API_KEY[..API_KEY.len() - 1];
    assert_eq!(server.ask(&issue()).brief(), NO_KEY);
    for wrong in [
        "",
        "wrong",
        shorter,
        &API_KEY.to_lowercase(),
        "é",
        &"x".repeat(600),
    ] {
        assert_eq!(server.ask(&issue().header("IM-API-KEY", wrong)).brief(), NO_KEY);
    }
    let elsewhere = issue()
        .header("Authorization", &format!("Bearer {API_KEY}"))
        .header("X-API-KEY", API_KEY);
    assert_eq!(server.ask(&elsewhere).brief(), NO_KEY);
    assert_eq!(server.ask(&issue().key()).status, 200);
}

#[test]
fn two_keys_are_none() {
    let server = Server::new();
    let twice = Ask::post("/admin/clients").key().key().json("{}");
    assert_eq!(server.ask(&twice).brief(), NO_KEY);
}

#[test]
fn a_caller_without_a_key_does_not_learn_which_paths_there_are() {
    let server = Server::new();
    for path in [
        "/admin/",
        "/admin/nothing",
        "/admin//clients",
        "/admin/clients/a",
        "/admin/clients/a/token/x",
        "/admin/clients/%/token",
        "/admin/clients//token",
        "/admin/clients//",
    ] {
        assert_eq!(server.ask(&Ask::get(path)).brief(), NO_KEY, "{path}");
    }
}

#[test]
fn an_unknown_path_is_not_found() {
    let server = Server::new();
    for path in [
        "/",
        "//",
        "/admin",
        "/admins",
        "/nothing",
        "/ME",
        "/Me",
        "/Admin/clients",
        "/me/x",
        "//me",
        "/me//",
        "//admin/clients",
        "/%6de",
        "/m%65/",
    ] {
        assert_eq!(server.ask(&Ask::get(path)).brief(), NO_PATH, "{path}");
    }
    for path in [
        "/admin/",
        "/admin//",
        "/admin/nothing",
        "/admin/Clients",
        "/admin//clients",
        "/admin/clients//",
        "/admin/clients/a",
        "/admin/clients/a/",
        "/admin/clients/a/b/token",
        "/admin/clients/a/token//",
        "/admin/clients//token",
        "/admin/clients/a//token",
        "/admin/clients/a/Token",
        "/admin/client%73",
    ] {
        assert_eq!(server.ask(&Ask::get(path).key()).brief(), NO_PATH, "{path}");
    }
}

#[test]
fn one_trailing_slash_is_accepted() {
    let server = Server::new();
    let body = json!({"_id": "a", "issueAccessToken": true}).to_string();
    let issued = server.ask(&Ask::post("/admin/clients/").key().json(&body));
    assert_eq!(issued.status, 200);
    let token = issued.member("token");
    let me = Ask::get("/me/").header("IM-Authorization", &token);
    assert_eq!(server.ask(&me).status, 200);
    assert_eq!(
        server.ask(&Ask::delete("/admin/clients/a/token/").key()).status,
        200
    );
    assert_eq!(server.ask(&Ask::get("/healthz/")).status, 200);
    assert_eq!(server.ask(&Ask::get("/readyz/")).status, 200);
}

#[test]
fn health_is_answered_to_anybody() {
    let server = Server::new();
    assert_eq!(
        server.ask(&Ask::get("/healthz")).brief(),
        (200, r#"{"status":"ok"}"#)
    );
    assert_eq!(
        server.ask(&Ask::get("/readyz")).brief(),
        (200, r#"{"status":"ready"}"#)
    );
}

#[test]
fn another_method_is_405_and_the_answer_says_which_are_allowed() {
    let server = Server::new();
    for (path, allowed, methods) in [
        ("/admin/clients", "POST", ["GET", "PUT", "OPTIONS", "PURGE"]),
        (
            "/admin/clients/a/token",
            "DELETE",
            ["GET", "POST", "PATCH", "TRACE"],
        ),
        ("/healthz", "GET,HEAD", ["POST", "PUT", "DELETE", "OPTIONS"]),
        ("/readyz", "GET,HEAD", ["POST", "PUT", "DELETE", "OPTIONS"]),
    ] {
        for method in methods {
            let answer = server.ask(&Ask::new(method, path).key());
            assert_eq!(
                answer.brief(),
                (
                    405,
                    r#"{"error":"METHOD_NOT_ALLOWED","message":"Method not allowed"}"#
                ),
                "{method} {path}"
            );
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
    }
    let head = server.ask(&Ask::new("HEAD", "/admin/clients").key());
    assert_eq!((head.status, &*head.body), (405, &b""[..]));
}

#[test]
fn a_path_that_exists_with_another_method_is_405_and_not_404() {
    let server = Server::new();
    for (method, path, status, allowed) in [
        ("GET", "/admin/clients", 405, Some("POST")),
        ("PUT", "/admin/clients/a/token", 405, Some("DELETE")),
        ("PUT", "/admin/clients/%zz/token", 405, Some("DELETE")),
        ("GET", "/admin/clients/a/token/", 405, Some("DELETE")),
        ("GET", "/admin/clients/a", 404, None),
        ("POST", "/admin/clients/list", 404, None),
        ("DELETE", "/admin/clients/a/token/x", 404, None),
        ("POST", "/verify", 404, None),
        ("GET", "/metrics", 404, None),
    ] {
        let answer = server.ask(&Ask::new(method, path).key());
        assert_eq!(
            (answer.status, answer.header("allow")),
            (status, allowed),
            "{method} {path}"
        );
    }
}

#[test]
fn a_method_in_a_header_is_never_read() {
    let server = Server::new();
    let token = server.token("a");
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let disguised = Ask::post("/admin/clients/a/token").key().header(name, "DELETE");
        assert_eq!(server.ask(&disguised).status, 405, "{name}");
    }
    assert_eq!(server.me(&token).status, 200);
}

#[test]
fn a_callers_request_id_is_echoed_and_a_bad_one_is_replaced() {
    let server = Server::new();
    let answered = |id: &str| {
        let answer = server.ask(&Ask::get("/healthz").header("X-Request-Id", id));
        answer.header("x-request-id").unwrap().to_owned()
    };
    for id in ["a", "0f8f-1", "!~", &"x".repeat(128)] {
        assert_eq!(answered(id), id);
    }
    for id in ["", "a b", "é", &"x".repeat(129)] {
        let ours = answered(id);
        assert_ne!(ours, id);
        assert_eq!(ours.len(), 32, "{ours}");
    }
    let two = Ask::get("/healthz")
        .header("X-Request-Id", "a")
        .header("X-Request-Id", "a");
    let answer = server.ask(&two);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    assert_ne!(answered(""), answered(""));
}

#[test]
fn every_answer_carries_a_request_id() {
    let server = Server::new();
    let token = server.token("a");
    for (ask, status) in [
        (Ask::get("/nothing"), 404),
        (Ask::get("/admin/nothing"), 401),
        (Ask::get("/admin/nothing").key(), 404),
        (Ask::get("/admin/clients").key(), 405),
        (Ask::post("/me"), 405),
        (Ask::get("/me"), 401),
        (Ask::get("/me").header("IM-Authorization", &token), 200),
        (Ask::get("/readyz"), 200),
        (Ask::post("/admin/clients").key().body(b"{}"), 415),
        (Ask::post("/admin/clients").key().json(&" ".repeat(70_000)), 413),
        (Ask::post("/admin/clients").key().json("{"), 400),
        (
            Ask::post("/admin/clients")
                .key()
                .json(r#"{"_id":"a","issueAccessToken":true}"#),
            409,
        ),
        (Ask::delete("/admin/clients/b/token").key(), 404),
        (Ask::delete("/admin/clients/a/token").key(), 200),
        (Ask::new("OPTIONS", "*"), 404),
    ] {
        let ask = ask.header("X-Request-Id", "mine");
        let answer = server.ask(&ask);
        assert_eq!(answer.status, status, "{ask:?}");
        assert_eq!(answer.header("x-request-id"), Some("mine"), "{ask:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{ask:?}");
    }
}

#[test]
fn no_secret_is_logged() {
    let server = Server::with(&["--client-key", "browser-secret"]);
    let ask = Ask::post("/admin/clients")
        .key()
        .header("Idempotency-Key", "retry-secret")
        .json(r#"{"_id":"id-secret","issueAccessToken":true}"#);
    let token = server.ask(&ask).member("token");
    let wrong_key = Ask::get("/admin/clients").header("IM-API-KEY", "wrong-secret");
    assert_eq!(server.ask(&wrong_key).status, 401);
    let me = Ask::get("/me?q=query-secret")
        .header("IM-CLIENT-KEY", "browser-secret")
        .header("Authorization", "Bearer bearer-secret");
    assert_eq!(
        server.ask(&me.clone().header("IM-Authorization", &token)).status,
        200
    );
    assert_eq!(
        server.ask(&me.header("IM-Authorization", "token-secret")).status,
        401
    );
    let revoke = Ask::delete("/admin/clients/id-secret/token").key();
    let body = json!({ "token": token }).to_string();
    assert_eq!(server.ask(&revoke.clone().json(&body)).status, 200);
    assert_eq!(
        server
            .ask(&revoke.clone().json(r#"{"token":"body-secret"}"#))
            .status,
        404
    );
    assert_eq!(server.ask(&revoke.json(r#"{"token":body-secret}"#)).status, 400);
    assert_eq!(server.ask(&Ask::get("/path-secret")).status, 404);

    let log = server.stop();
    let signature = token.rsplit('.').next().unwrap().to_owned();
    for secret in [API_KEY, &signature, "-secret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    let answered: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &Value| event["message"] == "answered")
        .collect();
    assert_eq!(answered.len(), 8, "{log}");
    assert_eq!(answered[4]["route"], "/admin/clients/{client_id}/token");
    assert_eq!(answered[7]["route"], "none");
}
