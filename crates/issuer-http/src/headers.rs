//! The headers that say who calls.

use axum::http::{HeaderMap, HeaderName};

pub(crate) const IM_API_KEY: HeaderName = HeaderName::from_static("im-api-key");
pub(crate) const IM_AUTHORIZATION: HeaderName = HeaderName::from_static("im-authorization");
pub(crate) const IM_CLIENT_KEY: HeaderName = HeaderName::from_static("im-client-key");
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header's one value; `None` where it is absent, there twice, or not visible ASCII.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The token of `IM-Authorization`: alone, or behind `Bearer` in any case and one or more spaces.
pub(crate) fn token(headers: &HeaderMap) -> Option<&str> {
    let value = only(headers, &IM_AUTHORIZATION)?;
    match value.split_once(' ') {
        None => Some(value),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim_start_matches(' ')),
        Some(_) => None,
    }
}
