//! Which pages may ask from a browser.

use axum::http::HeaderValue;
use issuer::FieldError;

/// An origin as browsers send it (RFC 6454 section 6.2), such as `https://app.example.com`: `http` or
/// `https`, a host, perhaps a port; no path, no slash at the end, no `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsOrigin(HeaderValue);

impl CorsOrigin {
    /// # Errors
    /// [`FieldError`] for `Origin`: not of that form.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let value = host
            .filter(|host| !host.is_empty() && host.bytes().all(plain))
            .and_then(|_| HeaderValue::from_str(text).ok());
        value.map(Self).ok_or(FieldError::new(
            "Origin",
            "must be an origin such as https://app.example.com",
        ))
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}
