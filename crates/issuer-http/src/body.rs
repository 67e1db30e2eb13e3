//! Reading the body of a request: its type, then its size, then its bytes.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

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
    let length = body.size_hint().exact();
    if length == Some(0) {
        return Ok(None);
    }
    if let Some(length) = length {
        check_type(headers)?;
        if length > MAX_BODY_BYTES as u64 {
            return Err(too_large());
        }
    }
    let read = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    // Without a length, only its end tells an empty body, which needs no type, from another one.
    let bytes = match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ApiError::invalid("Request body could not be read")),
        Err(_) => Err(too_slow()),
    };
    if bytes.as_ref().is_ok_and(Bytes::is_empty) {
        return Ok(None);
    }
    check_type(headers)?;
    bytes.map(Some)
}

const fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "PAYLOAD_TOO_LARGE",
        "Request body must be at most 65536 bytes",
    )
}

const fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::REQUEST_TIMEOUT,
        "REQUEST_TIMEOUT",
        "The request body took too long to arrive",
    )
}

fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    if is_json(headers) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        "Content-Type must be application/json",
    ))
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
            let (name, value) = (name.trim(), value.trim());
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            name.eq_ignore_ascii_case("charset") && quoted.unwrap_or(value).eq_ignore_ascii_case("utf-8")
        }),
    }
}
