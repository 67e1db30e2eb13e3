//! Requests that carry secrets to where they are refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::jose::dangerous;
use serde_json::{Value, json};

use crate::{
    marks::{API_KEY, CLIENT_KEY, IDEMPOTENCY_KEY, Marks, SIGNING_SECRET, WRONG_API_KEY, WRONG_TOKEN},
    program::{Answer, Ask, Client, Connection},
};

use std::net::SocketAddr;

/// The key set that every server here signs with.
pub(crate) fn key_set() -> issuer::jose::KeySet {
    issuer::jose::KeySet::new(issuer::jose::SigningKey::hs256(SIGNING_SECRET).unwrap())
}

/// The key set as its file holds it.
pub(crate) fn keys_json() -> String {
    dangerous::to_jwks(&key_set()).to_string()
}

fn with_key(method: &str, path: &str) -> Ask {
    Ask::new(method, path).header("IM-API-KEY", API_KEY)
}

fn issue(user: &str, idempotency_key: Option<&str>) -> Ask {
    let body = json!({"_id": user, "issueAccessToken": true}).to_string();
    let ask = with_key("POST", "/admin/clients").json(&body);
    match idempotency_key {
        Some(key) => ask.header("Idempotency-Key", key),
        None => ask,
    }
}

fn me(token: &str) -> Ask {
    Ask::me(token).header("IM-CLIENT-KEY", CLIENT_KEY)
}

/// Tokens with a good MAC that are refused for what they say, and one whose MAC is wrong.
fn refused_tokens(token: &str) -> Vec<String> {
    let sign = |header: &str, claims: &str| {
        let input = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let key = ring_key();
        let tag = ring::hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let good = r#"{"sub":"amy","exp":2000000000}"#;
    vec![
        sign(header, r#"{"sub":"amy","exp":1}"#),
        sign(header, r#"{"sub":"amy","nbf":4000000000,"exp":4000000001}"#),
        sign(header, r#"{"sub":"amy","iss":"x","exp":2000000000}"#),
        sign(header, r#"{"sub":"amy","aud":"x","exp":2000000000}"#),
        sign(header, "not claims"),
        sign(header, good),
        sign(r#"{"alg":"none"}"#, good),
        sign(r#"{"alg":"HS256","kid":"x"}"#, good),
        sign(r#"{"alg":"HS256","crit":["x"]}"#, good),
        sign(r#"{"alg":"HS256","typ":"at+jwt"}"#, good),
        format!("{token}x"),
        format!("Bearer {token}x"),
        format!("Basic {token}"),
        token.replacen('.', "", 1),
        WRONG_TOKEN.to_owned(),
        WRONG_TOKEN.repeat(1_000),
    ]
}

fn ring_key() -> ring::hmac::Key {
    ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SIGNING_SECRET)
}

/// Whatever is wrong with the head or the body of an administrative request that holds secrets.
fn wrong_requests(token: &str) -> Vec<Ask> {
    let post = || with_key("POST", "/admin/clients");
    let revoke = || with_key("DELETE", "/admin/clients/amy/token");
    let retry = |key: &str| post().header("Idempotency-Key", key);
    let amy = r#"{"_id":"amy","issueAccessToken":true}"#;
    let mut all = vec![
        Ask::post("/admin/clients")
            .header("IM-API-KEY", WRONG_API_KEY)
            .json(amy),
        Ask::post("/admin/clients")
            .header("Authorization", API_KEY)
            .json(amy),
        post().header("IM-API-KEY", API_KEY).json(amy),
        post().header("IM-API-KEY", WRONG_API_KEY).json(amy),
        with_key("GET", &format!("/admin/{WRONG_API_KEY}")),
        with_key("GET", &format!("/{WRONG_TOKEN}")),
        with_key("PATCH", &format!("/admin/clients?token={token}")),
        post().body(token.as_bytes()),
        post().header("Content-Type", WRONG_TOKEN).body(b"{}"),
        post().json(&format!(r#"{{"_id":"amy","token":"{token}"#)),
        post().json(token),
        post().json(&format!(r#"["{token}"]"#)),
        post().json(&format!(r#"{{"issueAccessToken":true,"token":"{token}"}}"#)),
        post().json(&json!({"_id": "amy", "issueAccessToken": true, "token": token}).to_string()),
        post().json(&json!({"_id": "amy", "issueAccessToken": WRONG_TOKEN}).to_string()),
        post().json(&json!({"_id": "amy", "issueAccessToken": false, "token": token}).to_string()),
        post().json(&json!({"_id": [API_KEY], "issueAccessToken": true}).to_string()),
        post().json(
            &json!({"_id": format!("{API_KEY}\n"), "issueAccessToken": true, "nickname": token}).to_string(),
        ),
        post().json(
            &json!({"_id": "amy", "issueAccessToken": true, "avatarUrl": format!("x:{token}")}).to_string(),
        ),
        post().json(&format!(
            r#"{{"_id":"amy","{API_KEY}":1,"{API_KEY}":"{token}","_id":"amy"}}"#
        )),
        retry(IDEMPOTENCY_KEY)
            .header("Idempotency-Key", IDEMPOTENCY_KEY)
            .json(amy),
        retry(&IDEMPOTENCY_KEY.repeat(20)).json(amy),
        retry(&format!("{IDEMPOTENCY_KEY}\u{e9}")).json(amy),
        retry(IDEMPOTENCY_KEY).json(r#"{"_id":"amy","issueAccessToken":true,"nickname":"Another"}"#),
        revoke().json(&json!({"token": WRONG_TOKEN}).to_string()),
        revoke().json(&json!({"token": [token]}).to_string()),
        revoke().json(&json!({"token": token, "all": API_KEY}).to_string()),
        revoke().json(&format!(r#"{{"token":"{token}""#)),
        with_key("DELETE", "/admin/clients/nobody/token").json(&json!({"token": token}).to_string()),
        with_key("DELETE", &format!("/admin/clients/%ff{WRONG_TOKEN}/token")),
        Ask::get(&format!("/me?token={token}")),
        Ask::get("/me").header("Authorization", token),
        me(token).header("IM-Authorization", token),
        me(token).header("IM-CLIENT-KEY", CLIENT_KEY),
        Ask::me(token).header("IM-CLIENT-KEY", WRONG_API_KEY),
        Ask::me(token),
        Ask::get("/me").header("Cookie", token).header("Referer", token),
    ];
    all.extend(refused_tokens(token).iter().map(|token| me(token)));
    all.extend(
        refused_tokens(token)
            .iter()
            .map(|token| revoke().json(&json!({ "token": token }).to_string())),
    );
    all
}

/// Bytes that no parser of HTTP takes, with secrets in them.
fn garbage(token: &str) -> Vec<Vec<u8>> {
    vec![
        format!("{token}\r\n\r\n").into_bytes(),
        format!("GET /me HTTP/1.1\r\nHost: x\r\nIM-Authorization : {token}\r\n\r\n").into_bytes(),
        format!("GET /me HTTP/1.1\r\nIM-API-KEY: {API_KEY}\0\r\n\r\n").into_bytes(),
        format!("GET /{token} HTTP/9.9\r\n\r\n").into_bytes(),
        format!("GET /me HTTP/1.1\r\nIM-Authorization: {}\r\n\r\n", token.repeat(400)).into_bytes(),
        format!("POST /admin/clients HTTP/1.1\r\nHost: x\r\nIM-API-KEY: {API_KEY}\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{{\"token\":\"{token}\"").into_bytes(),
    ]
}

fn checked(marks: &Marks, what: &str, answer: &Answer) {
    marks.are_not_in(&format!("the answer to {what}"), &answer.body);
    for (name, value) in &answer.headers {
        marks.are_not_in(name, value.as_bytes());
    }
}

/// A token, whose answer holds it and nothing else that is marked.
#[track_caller]
fn issued(client: &mut Client, marks: &mut Marks, user: &str, key: Option<&str>) -> String {
    let answer = client.ask(&issue(user, key)).unwrap();
    assert_eq!(answer.status, 200, "{user}");
    let mut body: Value = answer.json();
    let token = body["token"].take().as_str().unwrap().to_owned();
    marks.add_token(&token);
    marks.are_not_in("the answer without its token", body.to_string().as_bytes());
    token
}

/// Sends all of it, and looks at every answer.
pub(crate) fn send_all(address: SocketAddr, marks: &mut Marks) {
    let mut client = Client::new(address);
    let token = issued(&mut client, marks, "amy", Some(IDEMPOTENCY_KEY));
    let again = client.ask(&issue("amy", Some(IDEMPOTENCY_KEY))).unwrap();
    assert_eq!(again.member("token"), token);
    checked(marks, "who I am", &client.ask(&me(&token)).unwrap());
    checked(marks, "a conflict", &client.ask(&issue("amy", None)).unwrap());
    for ask in wrong_requests(&token) {
        // The connection may be gone, after a head that was too long.
        let Ok(answer) = client.ask(&ask) else {
            client = Client::new(address);
            continue;
        };
        let status = answer.status;
        assert!((400..500).contains(&status), "{status} to {ask:?}");
        checked(marks, &format!("{ask:?}"), &answer);
    }
    for bytes in garbage(&token) {
        let mut connection = Connection::to(address).unwrap();
        connection.send(&bytes);
        connection.finish();
        if let Some(answer) = connection.try_answer_to("GET").unwrap() {
            checked(marks, "garbage", &answer);
        }
    }
    let revoke = with_key("DELETE", "/admin/clients/amy/token").json(&json!({ "token": token }).to_string());
    let revoked = client.ask(&revoke).unwrap();
    assert_eq!(revoked.status, 200);
    checked(marks, "a revocation", &revoked);
    // Dead: for `/me`, for a second revocation, for its idempotency key.
    for (ask, status) in [
        (me(&token), 401),
        (revoke, 404),
        (issue("amy", Some(IDEMPOTENCY_KEY)), 409),
    ] {
        let answer = client.ask(&ask).unwrap();
        assert_eq!(answer.status, status, "{ask:?}");
        checked(marks, "a dead token", &answer);
    }
}

/// Requests to a server whose store fails: 503, and whatever is logged.
pub(crate) fn send_to_a_failing_store(address: SocketAddr, marks: &Marks, token: &str) {
    let mut client = Client::new(address);
    for ask in [
        issue("bob", Some(IDEMPOTENCY_KEY)),
        me(token),
        with_key("DELETE", "/admin/clients/amy/token").json(&json!({ "token": token }).to_string()),
    ] {
        let answer = client.ask(&ask).unwrap();
        assert_eq!(answer.status, 503, "{ask:?}");
        checked(marks, "a failing store", &answer);
    }
}

/// A token for one more user.
pub(crate) fn token_of(address: SocketAddr, marks: &mut Marks, user: &str) -> String {
    issued(&mut Client::new(address), marks, user, None)
}
