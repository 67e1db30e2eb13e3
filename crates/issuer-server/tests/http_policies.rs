//! The settings that decide over one token more, and over the shape of the answer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod program;

use std::{thread, time::Duration};

use program::{Ask, Server};
use serde_json::json;

#[test]
fn a_user_holds_as_many_live_tokens_as_the_setting_says() {
    let server = Server::with(&["--max-live-tokens", "3"]);
    let tokens: Vec<String> = (0..3).map(|_| server.token("user001")).collect();
    let fourth = server.issue(&json!({"_id": "user001", "issueAccessToken": true}));
    assert_eq!((fourth.status, &*fourth.member("error")), (409, "USER_EXISTS"));
    for token in tokens {
        assert_eq!(server.me(&token).status, 200);
    }
}

#[test]
fn a_token_in_the_refresh_window_stands_in_no_ones_way_and_dies_with_the_next() {
    let server = Server::with(&["--lifetime", "1h", "--refresh-window", "3599s"]);
    let first = server.token("user001");
    // Exactly the window is left: not less.
    thread::sleep(Duration::from_millis(2_100));
    assert_eq!(server.me(&first).status, 200, "it still authenticates");
    let second = server.token("user001");
    assert_eq!(server.me(&first).status, 401);
    assert_eq!(server.me(&second).status, 200);
}

#[test]
fn under_upsert_the_oldest_token_goes_and_stops_working_at_once() {
    let server = Server::with(&["--policy", "upsert", "--max-live-tokens", "2"]);
    let [first, second, third] = ["a", "b", "c"].map(|_| server.token("user001"));
    assert_eq!(server.me(&first).status, 401);
    assert_eq!(server.me(&second).status, 200);
    assert_eq!(server.me(&third).status, 200);
}

#[test]
fn under_upsert_a_request_without_issue_access_token_writes_the_profile_alone() {
    let server = Server::with(&["--policy", "upsert"]);
    let new = server.issue(&json!({"_id": "user001", "nickname": "Amy"}));
    assert_eq!(new.brief(), (200, r#"{"_id":"user001","nickname":"Amy"}"#));
    let token = server.token("user001");
    let known = server.issue(&json!({"_id": "user001", "avatarUrl": "http://a", "issueAccessToken": null}));
    assert_eq!(
        known.brief(),
        (
            200,
            r#"{"_id":"user001","nickname":"Amy","avatarUrl":"http://a","issueAccessToken":true}"#
        )
    );
    assert_eq!(server.me(&token).status, 200, "the token stays");
}

#[test]
fn in_the_envelope_a_success_is_wrapped_and_an_error_is_not() {
    let server = Server::with(&["--response-style", "envelope"]);
    let answer = server.issue(&json!({"_id": "user001", "issueAccessToken": true}));
    let result = answer.json()["result"].clone();
    let (token, date) = (
        result["token"].as_str().unwrap(),
        result["expirationDate"].as_str().unwrap(),
    );
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"RC":0,"RM":"OK","result":{{"_id":"user001","issueAccessToken":true,"token":"{token}","expirationDate":"{date}"}}}}"#
        )
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let again = server.issue(&json!({"_id": "user001", "issueAccessToken": true}));
    assert_eq!(
        again.brief(),
        (
            409,
            r#"{"error":"USER_EXISTS","message":"User with _id 'user001' already exists"}"#
        )
    );
    let revoked = server.ask(&Ask::delete("/admin/clients/user001/token").key());
    assert_eq!(
        revoked.text(),
        r#"{"RC":0,"RM":"OK","result":{"success":true,"message":"All tokens revoked successfully","revokedTokens":1}}"#
    );
}
