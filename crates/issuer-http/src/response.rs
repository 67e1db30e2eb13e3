//! Answers as a client sees them.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

/// How a success is wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseStyle {
    /// The object itself.
    #[default]
    Flat,
    /// `{"RC": 0, "RM": "OK", "result": {...}}`. Errors stay as they are.
    Envelope,
}

impl ResponseStyle {
    pub(crate) fn ok(self, result: &impl Serialize) -> Response {
        match self {
            Self::Flat => json(StatusCode::OK, result),
            Self::Envelope => enveloped(result),
        }
    }
}

/// A success in the envelope, whatever the style.
pub(crate) fn enveloped(result: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        #[serde(rename = "RC")]
        rc: u8,
        #[serde(rename = "RM")]
        rm: &'static str,
        result: &'a T,
    }
    json(
        StatusCode::OK,
        &Envelope {
            rc: 0,
            rm: "OK",
            result,
        },
    )
}

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Structs of strings and numbers: there is nothing in them that JSON cannot write. If there were, an empty success
    // would be worse than an error.
    let (status, body) = if let Ok(bytes) = serde_json::to_vec(body) {
        (status, Body::from(bytes))
    } else {
        tracing::error!("an answer cannot be written as JSON: this is a defect");
        let body = r#"{"error":"INTERNAL_ERROR","message":"Internal error"}"#;
        (StatusCode::INTERNAL_SERVER_ERROR, Body::from(body))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    keep_out_of_caches(response.headers_mut());
    response
}

/// Keeps an answer out of every cache (RFC 9111 section 5.2.2.5), unless it says itself what caches may do: a shared cache
/// stores the answer to a request without `Authorization`, and would give one user what was for another.
pub(crate) fn keep_out_of_caches(headers: &mut HeaderMap) {
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_json_cannot_write_is_an_internal_error_and_no_empty_success() {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("planted"))
            }
        }
        let response = json(StatusCode::OK, &Broken);
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
