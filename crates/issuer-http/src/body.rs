//! Reading the body of a request: its type, then its size, then its bytes.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, StatusCode, header},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{arriving_bodies::ArrivingBodies, error::ApiError, object::Object};

/// Bytes of the longest body.
const MAX_BODY_BYTES: usize = 64 * 1_024;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Reads the object that a request needs.
pub(crate) async fn needed_object(
    bodies: &ArrivingBodies,
    headers: &HeaderMap,
    body: Body,
    known: &'static [&'static str],
) -> Result<Object, ApiError> {
    let bytes = read(bodies, headers, body).await?.unwrap_or_default();
    Object::parse(&bytes, known)
}

/// Reads the object of a request that needs none; the empty object where no body is sent.
pub(crate) async fn optional_object(
    bodies: &ArrivingBodies,
    headers: &HeaderMap,
    body: Body,
    known: &'static [&'static str],
) -> Result<Object, ApiError> {
    match read(bodies, headers, body).await? {
        Some(bytes) => Object::parse(&bytes, known),
        None => Ok(Object::empty()),
    }
}

/// `None`: no body was sent.
async fn read(bodies: &ArrivingBodies, headers: &HeaderMap, body: Body) -> Result<Option<Bytes>, ApiError> {
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
    let read = tokio::time::timeout(BODY_TIME, collect(bodies, body)).await;
    // Without a length, only its end tells an empty body, which needs no type, from another one.
    let bytes = read.unwrap_or_else(|_| Err(too_slow()));
    if bytes.as_ref().is_ok_and(Bytes::is_empty) {
        return Ok(None);
    }
    check_type(headers)?;
    bytes.map(Some)
}

async fn collect(bodies: &ArrivingBodies, body: Body) -> Result<Bytes, ApiError> {
    let mut body = Limited::new(body, MAX_BODY_BYTES);
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    // Most bodies arrive in one piece, which needs no buffer of its own.
    if body.is_end_stream() {
        return Ok(first);
    }
    let no_room = |_| ApiError::unavailable();
    let arriving = bodies.begin();
    arriving.add(&first, MAX_BODY_BYTES).map_err(no_room)?;
    // It keeps the buffer of the connection alive.
    drop(first);
    while let Some(piece) = next(&mut body).await? {
        arriving.add(&piece, MAX_BODY_BYTES).map_err(no_room)?;
    }
    arriving.finish().map(Bytes::from).map_err(no_room)
}

/// The next bytes of a body; `None` at its end.
async fn next(body: &mut Limited<Body>) -> Result<Option<Bytes>, ApiError> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                // Trailers say nothing that is wanted.
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Some(Err(_)) => return Err(ApiError::invalid("Request body could not be read")),
        }
    }
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

/// `Content-Type`, then `Content-Encoding`.
fn check_type(headers: &HeaderMap) -> Result<(), ApiError> {
    match media_type(headers) {
        MediaType::Json => {}
        MediaType::JsonInOtherCharset => {
            return Err(unsupported(
                "Content-Type has a charset other than utf-8: send application/json, with charset=utf-8 or without charset",
            ));
        }
        MediaType::Other => return Err(unsupported("Content-Type must be application/json")),
    }
    if is_encoded(headers) {
        // RFC 9110 section 15.5.16: the header tells this 415 from one about the media type.
        return Err(
            unsupported("Content-Encoding must be identity").with_header(header::ACCEPT_ENCODING, "identity")
        );
    }
    Ok(())
}

const fn unsupported(message: &'static str) -> ApiError {
    ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        message,
    )
}

/// The media type of a body, from its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MediaType {
    /// `application/json`, alone or with `charset=utf-8`, in any case; exactly once.
    Json,
    JsonInOtherCharset,
    Other,
}

fn media_type(headers: &HeaderMap) -> MediaType {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return MediaType::Other;
    };
    let Ok(content_type) = content_type.to_str() else {
        return MediaType::Other;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = |essence: &str| essence.eq_ignore_ascii_case("application/json");
    if !parts.next().is_some_and(is_json) {
        return MediaType::Other;
    }
    // RFC 9110 section 5.6.6: a parameter may be missing behind its semicolon.
    let mut parameters = parts.filter(|parameter| !parameter.is_empty());
    match (parameters.next(), parameters.next()) {
        (None, _) => MediaType::Json,
        (Some(parameter), None) => match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => charset(value.trim()),
            _ => MediaType::Other,
        },
        (Some(_), Some(_)) => MediaType::Other,
    }
}

fn charset(value: &str) -> MediaType {
    // RFC 9110 section 5.6.6: a parameter's value may be quoted.
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    if quoted.unwrap_or(value).eq_ignore_ascii_case("utf-8") {
        MediaType::Json
    } else {
        MediaType::JsonInOtherCharset
    }
}

/// A `Content-Encoding` names a coding other than `identity`.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| {
        let codings = value.as_bytes().split(|byte| *byte == b',');
        let mut codings = codings.map(<[u8]>::trim_ascii);
        codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::MAX_DEPTH;

    #[test]
    fn the_documentation_names_the_limits_of_a_body() {
        let page = include_str!("../../../docs/compatibility.md");
        let said = [
            format!("bodies up to {} KiB (413)", MAX_BODY_BYTES >> 10),
            format!("a body within {} s (408)", BODY_TIME.as_secs()),
            format!("more than {MAX_DEPTH} levels is 400"),
            format!(
                "all bodies that are arriving together up to {} MiB",
                crate::arriving_bodies::MAX_BYTES >> 20
            ),
        ];
        for said in said {
            assert!(page.contains(&said), "{said}");
        }
    }
}
