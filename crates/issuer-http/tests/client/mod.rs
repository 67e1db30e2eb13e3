//! Calls into a router without a socket.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test takes what it needs, and one that cannot go on has failed"
)]

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, request},
};
use http_body_util::BodyExt as _;
use issuer::jose::{KeySet, SigningKey};
use issuer_service::{Builder, TokenService};
use issuer_store::Store;
use tower::ServiceExt as _;

pub(crate) const API_KEY: &str = "aW4tcHJvY2VzcyB0ZXN0IGtleSwgMzIgYnl0ZXMgISE=";

pub(crate) const WANTED: &str = r#"{"_id":"a","issueAccessToken":true}"#;

/// A service over this store, not yet built.
pub(crate) fn service(store: impl Store + 'static) -> Builder {
    TokenService::builder(store, KeySet::new(SigningKey::hs256([7; 32]).unwrap()))
}

/// The whole API over this service, as a server has it.
pub(crate) fn api(tokens: &TokenService) -> Router {
    issuer_http::router(tokens.clone())
        .api_key(API_KEY)
        .unwrap()
        .into_service_router()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn brief(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.text)
    }

    /// The token that came back.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.text).unwrap();
        body.get("token").unwrap().as_str().unwrap().to_owned()
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

fn with_key(method: &str, path: &str) -> request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("IM-API-KEY", API_KEY)
}

/// A request to issue, without a body so far.
pub(crate) fn issue_at(path: &str) -> request::Builder {
    with_key("POST", path).header("Content-Type", "application/json")
}

pub(crate) fn issue() -> Request<Body> {
    issue_at("/admin/clients").body(Body::from(WANTED)).unwrap()
}

pub(crate) fn revoke_all(path: &str) -> Request<Body> {
    with_key("DELETE", path).body(Body::empty()).unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

pub(crate) fn get_with(path: &str, token: &str) -> Request<Body> {
    Request::builder()
        .uri(path)
        .header("IM-Authorization", token)
        .body(Body::empty())
        .unwrap()
}
