//! Which pages may ask from a browser.

use axum::http::HeaderValue;
use issuer::FieldError;

/// An origin as browsers send it (RFC 6454 section 6.2), such as `https://app.example.com`: `http` or
/// `https`, a host, perhaps a port; no path, no slash at the end, no `*`.
///
/// Browsers send the scheme and the host in small letters, and no port where it is the default of the scheme (80, 443): what
/// is given otherwise is kept so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsOrigin(HeaderValue);

impl CorsOrigin {
    /// # Errors
    /// [`FieldError`] for `Origin`: not of that form.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let refused = FieldError::new(
            "Origin",
            "must be an origin such as https://app.example.com, without a path and a slash at the end",
        );
        let text = text.to_ascii_lowercase();
        let (scheme, authority) = text.split_once("://").unwrap_or_default();
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(refused),
        };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(plain) {
            return Err(refused);
        }
        HeaderValue::try_from(format!("{scheme}://{authority}"))
            .map(Self)
            .map_err(|_| refused)
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Option<String> {
        let origin = CorsOrigin::parse(text).ok()?;
        Some(origin.into_header().to_str().unwrap().to_owned())
    }

    #[test]
    fn an_origin_is_kept_as_browsers_send_it() {
        for (given, sent) in [
            ("https://a.example", "https://a.example"),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
            ("HTTPS://A.Example", "https://a.example"),
            ("https://a.example:80", "https://a.example:80"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(kept(given).as_deref(), Some(sent), "{given}");
        }
        for wrong in [
            "",
            "a.example",
            "https://",
            "https://:443",
            "https://a.example/",
            "https://a.example/x",
            "*",
            "null",
            "ftp://a",
        ] {
            assert_eq!(kept(wrong), None, "{wrong}");
        }
    }
}
