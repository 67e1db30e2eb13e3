//! `DELETE /admin/clients/{client_id}/token` over a socket.

mod program;

use program::{Answer, Ask, Server};
use serde_json::json;

const ALL: &str = r#"{"success":true,"message":"All tokens revoked successfully","revokedTokens":1}"#;
const NO_SUCH_TOKEN: (u16, &str) = (
    404,
    r#"{"error":"TOKEN_NOT_FOUND","message":"Specified token not found for this client"}"#,
);

fn revoke(server: &Server, user: &str) -> Answer {
    server.ask(&Ask::delete(&format!("/admin/clients/{user}/token")).key())
}

fn revoke_with(server: &Server, user: &str, body: &str) -> Answer {
    server.ask(
        &Ask::delete(&format!("/admin/clients/{user}/token"))
            .key()
            .json(body),
    )
}

fn revoke_one(server: &Server, user: &str, token: &str) -> Answer {
    revoke_with(server, user, &json!({ "token": token }).to_string())
}

#[test]
fn without_a_body_all_tokens_die_at_once_and_are_counted() {
    let server = Server::with(&["--max-live-tokens", "3"]);
    let tokens = [0, 1, 2].map(|_| server.token("a"));
    assert_eq!(
        revoke(&server, "a").brief(),
        (
            200,
            r#"{"success":true,"message":"All tokens revoked successfully","revokedTokens":3}"#
        )
    );
    for token in tokens {
        assert_eq!(server.me(&token).status, 401);
    }
    assert_eq!(
        revoke(&server, "a").brief(),
        (
            200,
            r#"{"success":true,"message":"All tokens revoked successfully","revokedTokens":0}"#
        )
    );
}

#[test]
fn the_empty_object_and_the_empty_body_ask_for_all() {
    let server = Server::new();
    server.token("a");
    assert_eq!(revoke_with(&server, "a", "{}").brief(), (200, ALL));
    server.token("a");
    assert_eq!(revoke_with(&server, "a", " {\n} ").brief(), (200, ALL));
    server.token("a");
    assert_eq!(revoke_with(&server, "a", "").brief(), (200, ALL));
}

#[test]
fn an_empty_body_in_chunks_is_no_body() {
    let server = Server::new();
    server.token("a");
    let mut connection = server.connect();
    connection.send(
        &Ask::delete("/admin/clients/a/token")
            .key()
            .header("Transfer-Encoding", "chunked")
            .bytes(),
    );
    connection.send(b"0\r\n\r\n");
    assert_eq!(connection.answer_to("DELETE").brief(), (200, ALL));
}

#[test]
fn one_token_dies_and_the_others_live() {
    let server = Server::with(&["--max-live-tokens", "2"]);
    let (first, second) = (server.token("a"), server.token("a"));
    assert_eq!(
        revoke_one(&server, "a", &first).brief(),
        (
            200,
            r#"{"success":true,"message":"Token revoked successfully","revokedTokens":1}"#
        )
    );
    assert_eq!(server.me(&first).status, 401);
    assert_eq!(server.me(&second).status, 200);
}

#[test]
fn a_token_that_is_dead_foreign_or_unknown_is_not_found() {
    let server = Server::new();
    let (dead, foreign) = (server.token("a"), server.token("b"));
    assert_eq!(revoke_one(&server, "a", &dead).status, 200);
    let long = "x".repeat(60_000);
    for token in [&*dead, &*foreign, "unknown", " ", "é", &*long] {
        assert_eq!(revoke_one(&server, "a", token).brief(), NO_SUCH_TOKEN);
    }
    assert_eq!(server.me(&foreign).status, 200);
}

#[test]
fn an_unknown_user_is_not_found() {
    let server = Server::new();
    let expected = (
        404,
        r#"{"error":"CLIENT_NOT_FOUND","message":"Client with id 'user002' not found"}"#,
    );
    assert_eq!(revoke(&server, "user002").brief(), expected);
    assert_eq!(revoke_one(&server, "user002", "x").brief(), expected);
}

#[test]
fn a_mistake_in_the_body_never_widens_what_is_revoked() {
    let server = Server::new();
    let token = server.token("a");
    for body in [
        r#"{"token":null}"#,
        r#"{"token":""}"#,
        r#"{"token":7}"#,
        r#"{"token":["x"]}"#,
        r#"{"tokens":"x"}"#,
        r#"{"Token":"x"}"#,
        r#"{"":""}"#,
        r#"{"token":"x","all":true}"#,
        r#"{"token":"x","token":"x"}"#,
        r#"{"x":1,"x":2}"#,
        "null",
        "[]",
        "\"\"",
        " ",
        "{} {}",
        "{",
    ] {
        let answer = revoke_with(&server, "a", body);
        assert_eq!(
            (answer.status, &*answer.member("error")),
            (400, "INVALID_REQUEST"),
            "{body}"
        );
    }
    assert_eq!(server.me(&token).status, 200);
}

#[test]
fn errors_of_the_body_come_before_404() {
    let server = Server::new();
    assert_eq!(revoke_with(&server, "unknown", r#"{"token":null}"#).status, 400);
}

#[test]
fn the_id_in_the_path_is_decoded_once() {
    let server = Server::new();
    for (id, path) in [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("a+b", "a+b"),
        ("a%2Fb", "a%252Fb"),
        ("你", "%e4%BD%a0"),
        ("list", "list"),
        ("token", "token"),
        ("a;b=c:@!$&'()*,", "a;b=c:@!$&'()*,"),
    ] {
        server.token(id);
        assert_eq!(revoke(&server, path).brief(), (200, ALL), "{path}");
    }
}

#[test]
fn an_id_that_is_none_is_refused() {
    let server = Server::new();
    let long = "x".repeat(256);
    for path in [
        "%", "%4", "%zz", "a%", "%ff", "%C0%AF", "%00", "a%0A", "%20a", "a%20", ".", "..", "%2e", "%2E%2e",
        &*long,
    ] {
        assert_eq!(
            revoke(&server, path).brief(),
            (
                400,
                r#"{"error":"INVALID_REQUEST","message":"Invalid client_id format"}"#
            ),
            "{path}"
        );
    }
}

#[test]
fn a_token_issued_in_the_very_second_of_a_revocation_lives() {
    let server = Server::new();
    for _ in 0..20 {
        let first = server.token("a");
        assert_eq!(revoke(&server, "a").brief(), (200, ALL));
        assert_eq!(server.me(&first).status, 401);
        let second = server.token("a");
        assert_eq!(server.me(&second).status, 200);
        assert_eq!(revoke_one(&server, "a", &second).status, 200);
    }
}

#[test]
fn a_query_is_refused_so_that_a_token_in_it_does_not_revoke_all() {
    let server = Server::new();
    let token = server.token("a");
    let query_of = |query: &str| Ask::delete(&format!("/admin/clients/a/token{query}")).key();
    for query in ["?token=x", "?", "?tokenId=x", "?x", "/?token=x"] {
        for ask in [query_of(query), query_of(query).json("{}")] {
            let answer = server.ask(&ask);
            assert_eq!(
                answer.brief(),
                (
                    400,
                    r#"{"error":"INVALID_REQUEST","message":"A query is not allowed here: to revoke one token, send {\"token\": \"...\"} in the body"}"#
                ),
                "{query}"
            );
        }
    }
    assert_eq!(server.me(&token).status, 200, "nothing was revoked");
    // The id comes before it, everything of the body behind it.
    let answer = server.ask(&Ask::delete("/admin/clients/%/token?token=x").key());
    assert_eq!(answer.member("message"), "Invalid client_id format");
    assert_eq!(server.ask(&query_of("?token=x").body(b"x")).status, 400);
    // As the message says.
    assert_eq!(revoke_one(&server, "a", &token).status, 200);
    assert_eq!(server.me(&token).status, 401);
}
