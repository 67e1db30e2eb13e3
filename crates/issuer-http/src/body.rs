//! Reading the body of a request: its type, then its size, then its bytes.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::{BodyExt as _, Limited};

use crate::{error::ApiError, object::Object};

/// Bytes of the longest body.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Reads the object that a request needs.
pub(crate) async fn needed_object(
    headers: &HeaderMap,
    body: Body,
    known: &'static [&'static str],
) -> Result<Object, ApiError> {
    let bytes = read(headers, body).await?.unwrap_or_default();
    Object::parse(&bytes, known)
}

/// Reads the object of a request that needs none; the empty object where no body is sent.
pub(crate) async fn optional_object(
    headers: &HeaderMap,
    body: Body,
    known: &'static [&'static str],
) -> Result<Object, ApiError> {
    match read(headers, body).await? {
        Some(bytes) => Object::parse(&bytes, known),
        None => Ok(Object::empty()),
    }
}

/// `None`: no body was sent.
async fn read(headers: &HeaderMap, body: Body) -> Result<Option<Bytes>, ApiError> {
    if body.is_end_stream() || body.size_hint().exact() == Some(0) {
        return Ok(None);
    }
    if !is_json(headers) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "Content-Type must be application/json",
        ));
    }
    if body.size_hint().lower() > MAX_BODY_BYTES as u64 {
        return Err(too_large());
    }
    let Ok(read) = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY_BYTES).collect()).await else {
        return Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "REQUEST_TIMEOUT",
            "The request body took too long to arrive",
        ));
    };
    match read {
        Ok(collected) => Ok(Some(collected.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(ApiError::invalid("Request body could not be read")),
    }
}

const fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        "Request body must be at most 65536 bytes",
    )
}

/// `application/json`, alone or with `charset=utf-8`, in any case; exactly once.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return false;
    }
    match parameters.trim() {
        "" => true,
        parameter => parameter.split_once('=').is_some_and(|(name, value)| {
            // RFC 9110 section 5.6.6: a parameter's value may be quoted.
            name.trim().eq_ignore_ascii_case("charset")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }),
    }
}
