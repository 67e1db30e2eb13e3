//! `GET /me` over a socket: from a chat client, and from a browser.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;

use std::{thread, time::Duration};

use program::{Answer, Ask, Home, Server};
use serde_json::json;

const REFRESH: (u16, &str) = (
    401,
    r#"{"RC":401,"RM":"Unauthorized","error":{"code":"INVALID_TOKEN","message":"Invalid or expired token"}}"#,
);
const FORBIDDEN: (u16, &str) = (
    403,
    r#"{"RC":403,"RM":"Forbidden","error":{"code":"INVALID_CLIENT_KEY","message":"Invalid client key"}}"#,
);
const AMY: (u16, &str) = (200, r#"{"RC":0,"RM":"OK","result":{"_id":"user001"}}"#);

const ORIGIN: &str = "https://app.example.com";

fn from_browser(server: &Server, origin: &str, token: &str) -> Answer {
    server.ask(
        &Ask::get("/me")
            .header("Origin", origin)
            .header("IM-Authorization", token),
    )
}

/// Whether the answer says that it depends on the page that asks.
fn varies_by_origin(answer: &Answer) -> bool {
    answer
        .headers
        .iter()
        .filter(|(name, _)| name == "vary")
        .flat_map(|(_, value)| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

/// The names in a header that lists some, in lower case and in order.
fn listed(answer: &Answer, header: &str) -> Vec<String> {
    let mut names: Vec<String> = answer
        .header(header)
        .unwrap_or_default()
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    names.sort();
    names
}

#[test]
fn a_live_token_says_whose_it_is() {
    let server = Server::new();
    let issued = server.issue(&json!({
        "_id": "user001",
        "nickname": "Amy",
        "avatarUrl": "https://example.com/avatar.jpg",
        "issueAccessToken": true,
    }));
    let answer = server.me(&issued.member("token"));
    assert_eq!(
        answer.brief(),
        (
            200,
            r#"{"RC":0,"RM":"OK","result":{"_id":"user001","nickname":"Amy","avatarUrl":"https://example.com/avatar.jpg"}}"#
        )
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn the_token_may_follow_bearer_in_any_case_and_any_number_of_spaces() {
    let server = Server::new();
    let token = server.token("user001");
    for value in [
        token.clone(),
        format!("  {token}  "),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER   {token}"),
        format!("bEaReR  {token}"),
    ] {
        assert_eq!(server.me(&value).brief(), AMY, "{value}");
    }
}

#[test]
fn whatever_is_no_live_token_is_401_so_that_the_client_refreshes() {
    let server = Server::new();
    let token = server.token("user001");
    let (head, signature) = token.rsplit_once('.').unwrap();
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyMDAxIn0.";
    let oversized = format!("{token}{}", "A".repeat(8_192));
    let beyond_the_limit = "x".repeat(20_000);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        &format!("Basic {token}"),
        &format!("Bearer{token}"),
        &format!("Bearer\t{token}"),
        &format!("Bearer Bearer {token}"),
        &format!("{token} {token}"),
        &format!("{token},{token}"),
        &format!("\"{token}\""),
        &format!("{token}="),
        &format!("{token}."),
        head,
        &format!("{head}."),
        &format!("{head}.{}", signature.to_ascii_uppercase()),
        "é",
        "a.b.c",
        "..",
        unsigned,
        &oversized,
        &beyond_the_limit,
    ] {
        assert_eq!(server.me(value).brief(), REFRESH, "{value}");
    }
    assert_eq!(server.ask(&Ask::get("/me")).brief(), REFRESH);
}

#[test]
fn two_tokens_are_none() {
    let server = Server::new();
    let token = server.token("user001");
    let twice = Ask::get("/me")
        .header("IM-Authorization", &token)
        .header("im-authorization", &token);
    assert_eq!(server.ask(&twice).brief(), REFRESH);
}

#[test]
fn an_expired_token_is_401() {
    let server = Server::with(&["--lifetime", "1s"]);
    let token = server.token("user001");
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(server.me(&token).brief(), REFRESH);
}

#[test]
fn a_token_of_another_server_is_401() {
    let (here, there) = (Server::new(), Server::new());
    let token = there.token("user001");
    here.token("user001");
    assert_eq!(here.me(&token).brief(), REFRESH);
}

#[test]
fn a_token_outlives_a_restart_but_not_another_issuer_or_audience() {
    let home = Home::new();
    let server = home.serve(&["--issuer", "a", "--audience", "b"]);
    let token = server.token("user001");
    server.kill();
    let server = home.serve(&["--issuer", "a", "--audience", "b"]);
    assert_eq!(server.me(&token).brief(), AMY);
    server.kill();
    let others: [&[&str]; 4] = [
        &["--issuer", "x", "--audience", "b"],
        &["--issuer", "a", "--audience", "x"],
        &["--audience", "b"],
        &[],
    ];
    for other in others {
        let server = home.serve(other);
        assert_eq!(server.me(&token).brief(), REFRESH, "{other:?}");
    }
    // It is not live, either: it stands in no one's way.
    let server = home.serve(&["--issuer", "x"]);
    server.token("user001");
}

#[test]
fn authorization_and_cookies_are_never_read() {
    let server = Server::new();
    let token = server.token("user001");
    let elsewhere = Ask::get("/me?token=x")
        .header("Authorization", &format!("Bearer {token}"))
        .header("Cookie", &format!("token={token}"));
    assert_eq!(server.ask(&elsewhere).brief(), REFRESH);
    let beside = Ask::get("/me")
        .header("Authorization", "Bearer nonsense")
        .header("IM-Authorization", &token);
    assert_eq!(server.ask(&beside).brief(), AMY);
}

#[test]
fn no_api_key_is_asked_for_nor_read() {
    let server = Server::new();
    let token = server.token("user001");
    let ask = Ask::get("/me")
        .header("IM-API-KEY", "wrong")
        .header("IM-API-KEY", "twice")
        .header("IM-Authorization", &token);
    assert_eq!(server.ask(&ask).brief(), AMY);
}

#[test]
fn every_error_has_the_shape_of_the_route() {
    let server = Server::new();
    let answer = server.ask(&Ask::post("/me").json("{}"));
    assert_eq!(
        answer.brief(),
        (
            405,
            r#"{"RC":405,"RM":"Method Not Allowed","error":{"code":"METHOD_NOT_ALLOWED","message":"Method not allowed"}}"#
        )
    );
    assert_eq!(listed(&answer, "allow"), ["get", "head"]);
}

#[test]
fn head_is_get_without_a_body() {
    let server = Server::new();
    let token = server.token("user001");
    let get = server.me(&token);
    let head = server.ask(&Ask::new("HEAD", "/me").header("IM-Authorization", &token));
    assert_eq!((head.status, &*head.body), (200, &b""[..]));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(server.ask(&Ask::new("HEAD", "/me")).status, 401);
}

#[test]
fn where_a_client_key_is_set_it_is_asked_for_first() {
    let server = Server::with(&["--client-key", "browser-key"]);
    let token = server.token("user001");
    let me = || Ask::get("/me").header("IM-Authorization", &token);
    assert_eq!(server.ask(&me()).brief(), FORBIDDEN);
    for wrong in ["", "wrong", "browser-key2", "browser-ke", "Browser-Key"] {
        assert_eq!(
            server.ask(&me().header("IM-CLIENT-KEY", wrong)).brief(),
            FORBIDDEN
        );
    }
    let twice = me()
        .header("IM-CLIENT-KEY", "browser-key")
        .header("IM-CLIENT-KEY", "browser-key");
    assert_eq!(server.ask(&twice).brief(), FORBIDDEN);
    assert_eq!(
        server.ask(&Ask::get("/me")).brief(),
        FORBIDDEN,
        "before the token"
    );
    assert_eq!(
        server.ask(&me().header("IM-CLIENT-KEY", "browser-key")).brief(),
        AMY
    );
    let no_token = Ask::get("/me").header("IM-CLIENT-KEY", "browser-key");
    assert_eq!(server.ask(&no_token).brief(), REFRESH);
}

#[test]
fn a_preflight_of_a_known_page_is_allowed_the_headers_of_the_route() {
    let server = Server::with(&["--cors-origins", "https://app.example.com,http://localhost:3000"]);
    for origin in [ORIGIN, "http://localhost:3000"] {
        let answer = server.ask(
            &Ask::new("OPTIONS", "/me")
                .header("Origin", origin)
                .header("Access-Control-Request-Method", "GET")
                .header("Access-Control-Request-Headers", "im-authorization,im-client-key"),
        );
        assert_eq!(answer.status / 100, 2, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(listed(&answer, "access-control-allow-methods"), ["get", "head"]);
        assert_eq!(
            listed(&answer, "access-control-allow-headers"),
            ["im-authorization", "im-client-id", "im-client-key", "x-timezone"]
        );
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(varies_by_origin(&answer));
        assert!(answer.header("x-request-id").is_some());
    }
}

#[test]
fn the_headers_that_pages_may_send_besides_are_those_of_the_setting() {
    for (setting, allowed) in [
        (
            "X-Trace,X-App",
            &["im-authorization", "im-client-key", "x-app", "x-trace"][..],
        ),
        ("", &["im-authorization", "im-client-key"]),
    ] {
        let server = Server::with(&["--cors-origins", ORIGIN, "--cors-headers", setting]);
        let preflight = Ask::new("OPTIONS", "/me")
            .header("Origin", ORIGIN)
            .header("Access-Control-Request-Method", "GET");
        let answer = server.ask(&preflight);
        assert_eq!(
            listed(&answer, "access-control-allow-headers"),
            allowed,
            "{setting}"
        );
    }
}

#[test]
fn a_known_page_may_read_answers_and_errors_and_no_other_page_may() {
    let server = Server::with(&["--cors-origins", ORIGIN]);
    let token = server.token("user001");
    for (token, status) in [(&*token, 200), ("x", 401)] {
        let known = from_browser(&server, ORIGIN, token);
        assert_eq!(known.status, status);
        assert_eq!(known.header("access-control-allow-origin"), Some(ORIGIN));
        assert!(varies_by_origin(&known));
        let listed = listed(&known, "access-control-expose-headers");
        assert!(listed.contains(&"x-request-id".to_owned()));
        for other in [
            "https://app.example.com.evil.example",
            "http://app.example.com",
            "null",
        ] {
            let unknown = from_browser(&server, other, token);
            assert_eq!(unknown.status, status);
            assert_eq!(unknown.header("access-control-allow-origin"), None, "{other}");
            assert!(varies_by_origin(&unknown));
        }
    }
    assert!(varies_by_origin(&server.me(&token)), "no page at all");
    let wrong_method = server.ask(&Ask::post("/me").header("Origin", ORIGIN));
    assert_eq!(wrong_method.status, 405);
    assert_eq!(wrong_method.header("access-control-allow-origin"), Some(ORIGIN));
}

#[test]
fn without_origins_no_page_of_another_origin_may_ask() {
    let server = Server::new();
    let token = server.token("user001");
    let answer = from_browser(&server, ORIGIN, &token);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let preflight = Ask::new("OPTIONS", "/me")
        .header("Origin", ORIGIN)
        .header("Access-Control-Request-Method", "GET");
    assert_eq!(server.ask(&preflight).status, 405);
}

#[test]
fn the_administrative_routes_are_no_pages_business() {
    let server = Server::with(&["--cors-origins", ORIGIN]);
    let preflight = Ask::new("OPTIONS", "/admin/clients")
        .header("Origin", ORIGIN)
        .header("Access-Control-Request-Method", "POST");
    let answer = server.ask(&preflight);
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
