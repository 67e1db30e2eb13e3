//! `POST /admin/clients` over a socket: what it answers, byte for byte, and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{thread, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use program::{Ask, Server};
use serde_json::{Value, json};

/// A body that the server refuses, and what it says.
#[track_caller]
fn refused(server: &Server, body: &str, message: &str) {
    let answer = server.ask(&Ask::post("/admin/clients").key().json(body));
    let expected = json!({"error": "INVALID_REQUEST", "message": message});
    assert_eq!(answer.status, 400, "{body}: {answer:?}");
    assert_eq!(answer.json(), expected, "{body}");
}

/// The header and the claims of a token.
fn parts(token: &str) -> (String, String) {
    let mut parts = token
        .split('.')
        .map(|part| String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(part).unwrap()).into_owned());
    (parts.next().unwrap(), parts.next().unwrap())
}

#[test]
fn the_answer_has_its_six_fields_in_their_order_and_nothing_else() {
    let server = Server::new();
    let answer = server.issue(&json!({
        "_id": "user001",
        "nickname": "Amy",
        "avatarUrl": "https://example.com/avatar.jpg",
        "issueAccessToken": true,
    }));
    let (token, date) = (answer.member("token"), answer.member("expirationDate"));
    assert_eq!(
        answer.brief(),
        (
            200,
            &*format!(
                r#"{{"_id":"user001","nickname":"Amy","avatarUrl":"https://example.com/avatar.jpg","issueAccessToken":true,"token":"{token}","expirationDate":"{date}"}}"#
            )
        )
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn absent_profile_fields_are_left_out_of_the_answer() {
    let server = Server::new();
    for body in [
        json!({"_id": "absent", "issueAccessToken": true}),
        json!({"_id": "null", "nickname": null, "avatarUrl": null, "issueAccessToken": true}),
        json!({"_id": "empty", "nickname": "", "avatarUrl": "", "issueAccessToken": true}),
    ] {
        let answer = server.issue(&body);
        let names = format!(r#"{{"_id":{},"issueAccessToken":true,"token":""#, body["_id"]);
        assert!(answer.text().starts_with(&names), "{answer:?}");
    }
}

#[test]
fn the_token_is_a_jwt_with_the_header_and_the_claims_in_their_order() {
    let server = Server::with(&["--issuer", "https://id.example.com", "--audience", "chat"]);
    let answer = server.issue(&json!({"_id": "user001", "issueAccessToken": true}));
    let token = answer.member("token");
    assert!(token.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."));
    let (header, claims) = parts(&token);
    assert_eq!(header, r#"{"alg":"HS256","typ":"JWT"}"#);
    let read: Value = serde_json::from_str(&claims).unwrap();
    let (issued_at, id) = (read["iat"].as_i64().unwrap(), read["jti"].as_str().unwrap());
    let expires_at = issued_at + 7 * 86_400;
    assert_eq!(
        claims,
        format!(
            r#"{{"iss":"https://id.example.com","sub":"user001","aud":"chat","iat":{issued_at},"exp":{expires_at},"jti":"{id}"}}"#
        )
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(id).unwrap().len(), 16);
    let date = answer.member("expirationDate");
    assert!(
        date.len() == 20 && date.ends_with('Z') && date.as_bytes()[10] == b'T',
        "{date}"
    );
    let parsed = issuer::Timestamp::parse_rfc3339(&date).unwrap();
    assert_eq!(parsed.as_unix(), expires_at, "the date is the token's exp");
}

#[test]
fn the_lifetime_of_a_token_is_a_setting() {
    let server = Server::with(&["--lifetime", "90s"]);
    let (_, claims) = parts(&server.token("user001"));
    let claims: Value = serde_json::from_str(&claims).unwrap();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        90
    );
}

#[test]
fn a_missing_field_is_named_in_the_order_of_the_table() {
    let server = Server::new();
    for body in ["{}", r#"{"issueAccessToken":true}"#, r#"{"_id":null}"#] {
        refused(&server, body, "Missing required field: _id");
    }
    for body in [r#"{"_id":"a"}"#, r#"{"_id":"a","issueAccessToken":null}"#] {
        refused(&server, body, "Missing required field: issueAccessToken");
    }
    // What is missing comes before what is invalid.
    refused(
        &server,
        r#"{"_id":7}"#,
        "Missing required field: issueAccessToken",
    );
}

#[test]
fn an_invalid_field_is_named_with_its_reason_in_the_order_of_the_table() {
    let server = Server::new();
    let (long_id, long_name) = ("x".repeat(256), "\u{10000}".repeat(257));
    let long_url = format!("https://example.com/{}", "x".repeat(2_029));
    for (field, value, why) in [
        ("_id", json!(7), "must be a string"),
        ("_id", json!(["a"]), "must be a string"),
        ("_id", json!({}), "must be a string"),
        ("_id", json!(false), "must be a string"),
        ("_id", json!(""), "must not be empty"),
        ("_id", json!(long_id), "must be at most 255 bytes"),
        ("_id", json!("a\u{0}"), "must not contain control characters"),
        ("_id", json!("a\u{7f}"), "must not contain control characters"),
        ("_id", json!("a\u{85}b"), "must not contain control characters"),
        ("_id", json!(" a"), "must not begin or end with white space"),
        (
            "_id",
            json!("a\u{3000}"),
            "must not begin or end with white space",
        ),
        ("_id", json!("."), "must not be '.' or '..'"),
        ("_id", json!(".."), "must not be '.' or '..'"),
        ("nickname", json!(7), "must be a string or null"),
        ("nickname", json!(long_name), "must be at most 256 characters"),
        ("nickname", json!("a\n"), "must not contain control characters"),
        ("avatarUrl", json!([]), "must be a string or null"),
        (
            "avatarUrl",
            json!("ftp://example.com/"),
            "must be an absolute http or https URL",
        ),
        (
            "avatarUrl",
            json!("//example.com/"),
            "must be an absolute http or https URL",
        ),
        ("avatarUrl", json!("https:///a"), "must have a host"),
        (
            "avatarUrl",
            json!("https://a@example.com/"),
            "must not contain user info",
        ),
        (
            "avatarUrl",
            json!("https://example.com/a b"),
            "must not contain spaces or control characters",
        ),
        ("avatarUrl", json!(long_url), "must be at most 2048 bytes"),
        ("issueAccessToken", json!("true"), "must be a boolean"),
        ("issueAccessToken", json!(1), "must be a boolean"),
    ] {
        let mut body = json!({"_id": "user001", "issueAccessToken": true});
        body[field] = value;
        refused(
            &server,
            &body.to_string(),
            &format!("Invalid field: {field}: {why}"),
        );
    }
    refused(
        &server,
        r#"{"issueAccessToken":0,"avatarUrl":0,"nickname":0,"_id":0}"#,
        "Invalid field: _id: must be a string",
    );
    refused(
        &server,
        r#"{"issueAccessToken":0,"avatarUrl":0,"nickname":0,"_id":"a"}"#,
        "Invalid field: nickname: must be a string or null",
    );
    refused(
        &server,
        r#"{"issueAccessToken":0,"avatarUrl":0,"_id":"a"}"#,
        "Invalid field: avatarUrl: must be a string or null",
    );
}

#[test]
fn the_longest_and_strangest_fields_that_are_allowed_come_back_as_they_went_in() {
    let server = Server::new();
    let url = format!("HTTPS://example.com:8443/{}?q=%20#f", "x".repeat(2_013));
    for (id, nickname, url) in [
        ("é".repeat(127), "\u{10000}".repeat(256), url.as_str()),
        ("a/b?c#d%2F e".to_owned(), " Amy ".to_owned(), "http://[::1]/"),
        (
            "list".to_owned(),
            "\"\\/\u{2028}".to_owned(),
            "http://example.com",
        ),
        (
            "e\u{301}".to_owned(),
            "null".to_owned(),
            "https://bücher.example/é",
        ),
    ] {
        let body = json!({"_id": id, "nickname": nickname, "avatarUrl": url, "issueAccessToken": true});
        let answer = server.issue(&body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let read = server.me(&answer.member("token")).json();
        assert_eq!(
            read["result"],
            json!({"_id": id, "nickname": nickname, "avatarUrl": url})
        );
    }
}

#[test]
fn ids_are_compared_byte_for_byte() {
    let server = Server::new();
    for id in ["é", "e\u{301}", "User", "user", "user ²", "user 2"] {
        server.token(id);
    }
}

#[test]
fn content_and_lifetime_of_an_issued_token_cannot_be_chosen() {
    let server = Server::new();
    refused(
        &server,
        r#"{"_id":"a","issueAccessToken":true,"token":"mine"}"#,
        "Invalid field: token: must not be set: the server makes it",
    );
    refused(
        &server,
        r#"{"_id":"a","issueAccessToken":true,"expirationDate":"2099-01-01T00:00:00Z"}"#,
        "Invalid field: expirationDate: must not be set: the server makes it",
    );
    let body = json!({"_id": "a", "issueAccessToken": true, "token": null, "expirationDate": null});
    assert_eq!(server.issue(&body).status, 200, "null says nothing");
}

#[test]
fn a_request_to_assign_a_token_is_told_that_this_version_does_not() {
    let server = Server::new();
    for body in [
        r#"{"_id":"a","issueAccessToken":false}"#,
        r#"{"_id":"a","issueAccessToken":false,"token":"mine","expirationDate":"2099-01-01T00:00:00Z"}"#,
    ] {
        refused(
            &server,
            body,
            "Invalid field: issueAccessToken: must be true: this version does not assign tokens",
        );
    }
}

#[test]
fn a_live_token_makes_the_second_issue_a_conflict() {
    let server = Server::new();
    let token = server.token("user001");
    let again = server.issue(&json!({"_id": "user001", "nickname": "Bob", "issueAccessToken": true}));
    assert_eq!(
        again.brief(),
        (
            409,
            r#"{"error":"USER_EXISTS","message":"User with _id 'user001' already exists"}"#
        )
    );
    // A refused request changes nothing: neither the token nor the profile.
    assert_eq!(
        server.me(&token).brief(),
        (200, r#"{"RC":0,"RM":"OK","result":{"_id":"user001"}}"#)
    );
}

#[test]
fn a_conflict_names_the_id_as_it_was_given() {
    let server = Server::new();
    server.token("o'\"\\é");
    let again = server.issue(&json!({"_id": "o'\"\\é", "issueAccessToken": true}));
    assert_eq!(
        again.json()["message"],
        json!("User with _id 'o'\"\\é' already exists")
    );
}

#[test]
fn an_expired_user_gets_a_new_token_by_the_same_call_and_keeps_the_profile() {
    let server = Server::with(&["--lifetime", "1s"]);
    let first = server.issue(&json!({
        "_id": "user001", "nickname": "Amy", "avatarUrl": "https://example.com/a", "issueAccessToken": true,
    }));
    thread::sleep(Duration::from_millis(1_100));
    assert_eq!(server.me(&first.member("token")).status, 401);
    let second = server.issue(&json!({"_id": "user001", "nickname": "Bob", "issueAccessToken": true}));
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(second.member("token"), first.member("token"));
    assert_eq!(second.member("nickname"), "Bob", "what is given is updated");
    assert_eq!(
        second.member("avatarUrl"),
        "https://example.com/a",
        "what is absent is kept"
    );
}

#[test]
fn null_and_the_empty_string_clear_a_profile_field() {
    let server = Server::with(&["--max-live-tokens", "9"]);
    for nothing in [json!(null), json!("")] {
        server.issue(
            &json!({"_id": "a", "nickname": "Amy", "avatarUrl": "http://a", "issueAccessToken": true}),
        );
        let answer = server
            .issue(&json!({"_id": "a", "nickname": nothing, "avatarUrl": nothing, "issueAccessToken": true}));
        let names: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        assert!(!names.contains(&"nickname".to_owned()) && !names.contains(&"avatarUrl".to_owned()));
    }
}
