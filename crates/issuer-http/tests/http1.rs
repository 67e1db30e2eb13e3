//! The rules of HTTP/1.1 that the router keeps whoever listens.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;

use axum::{
    Router,
    body::Body,
    http::{Request, Version},
};
use client::{API_KEY, get, issue, send, service};
use issuer_store::MemoryStore;

fn api() -> issuer_http::HttpApi {
    let tokens = service(MemoryStore::new()).build().unwrap();
    issuer_http::router(tokens).api_key(API_KEY).unwrap()
}

fn from(lines: &[(&str, &str)], path: &str) -> Request<Body> {
    let request = lines
        .iter()
        .fold(Request::builder().uri(path), |request, (name, value)| {
            request.header(*name, *value)
        });
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_host_that_is_twice_or_malformed_is_400_in_the_shape_of_the_route() {
    let app = api().into_service_router();
    let twice = [("Host", "a"), ("Host", "a")];
    for lines in [
        &twice[..],
        &[("Host", "a b")],
        &[("Host", "")],
        &[("Host", "user@a")],
    ] {
        for path in ["/healthz", "/admin/clients", "/nothing"] {
            let answer = send(&app, from(lines, path)).await;
            assert_eq!(answer.status, 400, "{lines:?}");
            assert!(
                answer
                    .text
                    .starts_with(r#"{"error":"INVALID_REQUEST","message":"Invalid header: Host"#)
            );
        }
        let answer = send(&app, from(lines, "/me")).await;
        assert!(
            answer
                .text
                .starts_with(r#"{"RC":400,"RM":"Bad Request","error":{"code":"INVALID_REQUEST""#)
        );
    }
    for target in [
        "http://user:password@localhost/healthz",
        "http://user@localhost/healthz",
    ] {
        assert_eq!(send(&app, get(target)).await.status, 400, "{target}");
    }
    assert_eq!(send(&app, get("http://localhost:8080/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_request_without_host_is_400_where_the_host_is_required() {
    let strict = api().require_host().into_service_router();
    assert_eq!(send(&strict, get("/healthz")).await.status, 400);
    assert_eq!(send(&strict, get("/nothing")).await.status, 400);
    assert_eq!(
        send(&strict, from(&[("Host", "a")], "/healthz")).await.status,
        200
    );
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut request = get("/healthz");
        *request.version_mut() = version;
        assert_eq!(
            send(&strict, request).await.status,
            200,
            "{version:?} has no such rule"
        );
    }
    let merged: Router = Router::new().merge(api());
    assert_eq!(send(&merged, get("/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_transfer_coding_other_than_one_chunked_is_501_and_ends_the_connection() {
    let app = api().into_service_router();
    for lines in [
        &[("Transfer-Encoding", "gzip")][..],
        &[("Transfer-Encoding", "gzip, chunked")],
        &[("Transfer-Encoding", "chunked, chunked")],
        &[("Transfer-Encoding", "")],
        &[("Transfer-Encoding", "identity")],
        &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    ] {
        let answer = send(&app, from(lines, "/healthz")).await;
        assert_eq!(
            answer.brief(),
            (
                501,
                r#"{"error":"NOT_IMPLEMENTED","message":"Transfer-Encoding must be chunked, once and alone"}"#
            ),
            "{lines:?}"
        );
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

#[tokio::test]
async fn the_connection_ends_after_the_answer_to_a_chunked_request() {
    let app = api().into_service_router();
    let mut chunked = issue();
    chunked
        .headers_mut()
        .insert("Transfer-Encoding", "Chunked".parse().unwrap());
    let answer = send(&app, chunked).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(send(&app, get("/healthz")).await.header("connection"), None);
}
