//! Who is let into the administrative routes, and what whoever is not learns.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
};
use client::{API_KEY, api, get, get_with, issue, revoke_all, send, service};
use issuer::{
    Digest, Timestamp,
    state::{ApiKeyRecord, ApiKeyScope, Control, Expect, Version, Versioned},
};
use issuer_http::{ClientKey, CorsOrigin, RequireApiKey};
use issuer_service::TokenService;
use issuer_store::{MemoryStore, Outcome, Store as _};

/// The API over a store that knows the key of these tests with this scope alone.
fn api_for(scope: ApiKeyScope) -> Router {
    issuer_http::router(tokens_for(scope)).into_service_router()
}

fn tokens_for(scope: ApiKeyScope) -> TokenService {
    let store = Arc::new(MemoryStore::new());
    let key = ApiKeyRecord {
        name: "test".to_owned(),
        hash: Digest::of(API_KEY.as_bytes()),
        scope,
        created_at: Timestamp::MIN,
        expires_at: None,
        revoked_at: None,
    };
    let control = Versioned {
        version: Version::from_bytes([1; 16]),
        value: Control { api_keys: vec![key] },
    };
    assert_eq!(
        store.set_control(Expect::Absent, &control).unwrap(),
        Outcome::Applied
    );
    service(store).build().unwrap()
}

#[tokio::test]
async fn a_route_of_a_host_takes_keys_of_its_scope_and_of_wider_ones() {
    use ApiKeyScope::{Full, Issue, Read};

    for (asked, taken) in [
        (Read, &[Read, Issue, Full][..]),
        (Issue, &[Issue, Full]),
        (Full, &[Full]),
    ] {
        for scope in [Read, Issue, Full] {
            let layer = RequireApiKey::new(tokens_for(scope), asked);
            let app = Router::new().route("/report", axum::routing::get(async || "report"));
            let request = Request::builder().uri("/report").header("IM-API-KEY", API_KEY);
            let answer = send(&app.route_layer(layer), request.body(Body::empty()).unwrap()).await;
            let expected = if taken.contains(&scope) { 200 } else { 403 };
            assert_eq!(answer.status, expected, "{asked:?} {scope:?}");
        }
    }
}

#[tokio::test]
async fn a_key_of_small_scope_does_no_more_than_its_scope_allows() {
    let denied = r#"{"error":"INSUFFICIENT_PERMISSIONS","message":"API key does not have permission for this operation"}"#;
    for (scope, may_issue, may_revoke) in [
        (ApiKeyScope::Read, false, false),
        (ApiKeyScope::Issue, true, false),
        (ApiKeyScope::Full, true, true),
    ] {
        let app = api_for(scope);
        let issued = send(&app, issue()).await;
        assert_eq!(issued.status == 200, may_issue, "{issued:?}");
        let revoked = send(&app, revoke_all("/admin/clients/a/token")).await;
        assert_eq!(revoked.status == 200, may_revoke, "{revoked:?}");
        for (allowed, answer) in [(may_issue, issued), (may_revoke, revoked)] {
            assert!(allowed || answer.brief() == (403, denied), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_scope_is_looked_at_after_the_path_and_the_method_and_before_the_request() {
    let app = api_for(ApiKeyScope::Read);
    let ask = |method: Method, path: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .header("IM-API-KEY", API_KEY)
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(send(&app, ask(Method::GET, "/admin/nothing")).await.status, 404);
    assert_eq!(send(&app, ask(Method::GET, "/admin/clients")).await.status, 405);
    assert_eq!(
        send(&app, ask(Method::DELETE, "/admin/clients/%zz/token"))
            .await
            .status,
        403
    );
    assert_eq!(send(&app, ask(Method::POST, "/admin/clients")).await.status, 403);
}

#[tokio::test]
async fn without_a_key_known_and_unknown_paths_get_the_same_answer_header_by_header() {
    let app = api(&service(MemoryStore::new()).build().unwrap());
    let mut answers = Vec::new();
    for path in [
        "/admin/nothing",
        "/admin/clients",
        "/admin/clients/",
        "/admin/clients/a/token",
        "/admin/",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .body(Body::empty())
                .unwrap();
            let mut answer = send(&app, request).await;
            assert_eq!(answer.status, 401, "{path}");
            assert!(answer.headers.remove("x-request-id").is_some(), "{path}");
            answers.push((answer.headers, answer.text));
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn with_a_key_another_method_still_learns_which_are_allowed() {
    let app = api(&service(MemoryStore::new()).build().unwrap());
    let mut request = get("/admin/clients");
    request
        .headers_mut()
        .insert("IM-API-KEY", API_KEY.parse().unwrap());
    let answer = send(&app, request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, Some("POST"))
    );
}

#[tokio::test]
async fn a_client_key_is_asked_for_before_the_token() {
    let tokens = service(MemoryStore::new()).build().unwrap();
    let app = issuer_http::router(tokens)
        .api_key(API_KEY)
        .unwrap()
        .client_key(ClientKey::parse("k1").unwrap())
        .into_service_router();
    let token = send(&app, issue()).await.token();
    assert_eq!(send(&app, get_with("/me", &token)).await.status, 403);
    let mut request = get_with("/me", &token);
    request
        .headers_mut()
        .insert("IM-CLIENT-KEY", "k1".parse().unwrap());
    assert_eq!(send(&app, request).await.status, 200);
}

#[test]
fn what_no_header_can_carry_is_no_client_key_and_no_origin() {
    for text in ["", "with space", "é", &"k".repeat(513)] {
        assert!(ClientKey::parse(text).is_err(), "{text}");
    }
    for text in [
        "",
        "*",
        "null",
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "ftp://a",
        "https://a b",
    ] {
        assert!(CorsOrigin::parse(text).is_err(), "{text}");
    }
    for text in [
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:3000",
    ] {
        assert!(CorsOrigin::parse(text).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn every_401_says_how_to_authenticate() {
    let tokens = service(MemoryStore::new()).build().unwrap();
    let app = api(&tokens);
    for path in ["/admin/clients", "/admin/clients/a/token", "/admin/nothing"] {
        for key in [None, Some("wrong")] {
            let mut request = get(path);
            if let Some(key) = key {
                request.headers_mut().insert("IM-API-KEY", key.parse().unwrap());
            }
            let answer = send(&app, request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("www-authenticate")),
                (401, Some("ApiKey"))
            );
        }
    }
    let nothing = send(&app, get("/me")).await;
    assert_eq!(
        (nothing.status.as_u16(), nothing.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    let dead = send(&app, issue()).await.token();
    send(&app, revoke_all("/admin/clients/a/token")).await;
    for token in ["", "x", "Basic x", "Bearer", &dead] {
        let answer = send(&app, get_with("/me", token)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate")),
            (401, Some(r#"Bearer error="invalid_token""#)),
            "{token}"
        );
    }
    let mut twice = get_with("/me", "x");
    twice
        .headers_mut()
        .append("IM-Authorization", "x".parse().unwrap());
    assert_eq!(
        send(&app, twice).await.header("www-authenticate"),
        Some(r#"Bearer error="invalid_token""#)
    );
    assert_eq!(send(&app, get("/healthz")).await.header("www-authenticate"), None);
}

#[tokio::test]
async fn without_a_key_another_method_does_not_learn_which_are_allowed() {
    let app = api(&service(MemoryStore::new()).build().unwrap());
    for method in ["GET", "PURGE", "OPTIONS"] {
        for path in ["/admin/clients", "/admin/nothing"] {
            let request = Request::builder().method(method).uri(path);
            let answer = send(&app, request.body(Body::empty()).unwrap()).await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (401, None));
        }
    }
}
