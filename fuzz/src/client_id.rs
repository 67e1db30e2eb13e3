//! `{client_id}` in a path: percent-decoded once, and then an id or a clean 400.

use std::sync::OnceLock;

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt as _;
use issuer::jose::{KeySet, SigningKey};
use issuer_service::TokenService;
use issuer_store::MemoryStore;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::user_fields::is_user_id;

const API_KEY: &str = "the-api-key-of-a-fuzz-target";

/// The target: any bytes as the segment of a path that names a user whom nobody knows.
pub fn client_id(data: &[u8]) {
    // These end the segment, or the path.
    if data.is_empty() || data.iter().any(|byte| b"/?#".contains(byte)) {
        return;
    }
    let path = [b"/admin/clients/", data, b"/token"].concat();
    let request = Request::delete(&path[..])
        .header("IM-API-KEY", API_KEY)
        .body(Body::empty());
    // What no HTTP parser lets through.
    let Ok(request) = request else { return };
    let (status, body) = ask(request);
    let (wanted, error) = match decoded(data).filter(|id| is_user_id(id)) {
        Some(id) => {
            let message = format!("Client with id '{id}' not found");
            (404, json!({"error": "CLIENT_NOT_FOUND", "message": message}))
        }
        None => (
            400,
            json!({"error": "INVALID_REQUEST", "message": "Invalid client_id format"}),
        ),
    };
    assert_eq!((status, body), (wanted, error));
}

/// RFC 3986 section 2.1, once, and then UTF-8.
fn decoded(segment: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = segment;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn ask(request: Request<Body>) -> (u16, Value) {
    static SERVER: OnceLock<(Router, Runtime)> = OnceLock::new();
    let (router, runtime) = SERVER.get_or_init(|| {
        let keys = KeySet::new(SigningKey::hs256([7; 32]).expect("long enough"));
        let tokens = TokenService::builder(MemoryStore::new(), keys).build();
        let http = issuer_http::router(tokens.expect("the service starts"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        (
            http.api_key(API_KEY).expect("a good key").into_service_router(),
            runtime.expect("a runtime"),
        )
    });
    runtime.block_on(async {
        let Ok(response) = router.clone().oneshot(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).expect("JSON"))
    })
}
