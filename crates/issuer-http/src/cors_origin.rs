//! Which pages may ask from a browser.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::HeaderValue;
use issuer::FieldError;

/// An origin as browsers send it (RFC 6454 section 6.2), such as `https://app.example.com`: `http` or
/// `https`, a host, perhaps a port; no path, no slash at the end, no `*`.
///
/// Browsers send the scheme and the host in small letters, no port where it is the default of the scheme (80, 443), and
/// addresses in their shortest form: what is given otherwise is kept so, or refused where it could never match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsOrigin(HeaderValue);

impl CorsOrigin {
    /// # Errors
    /// [`FieldError`] for `Origin`: not of that form.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        as_browsers_send(text)
            .and_then(|origin| HeaderValue::try_from(origin).map_err(|_| FORM))
            .map(Self)
            .map_err(|rule| FieldError::new("Origin", rule))
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

const FORM: &str = "must be an origin such as https://app.example.com, without a path and a slash at the end";
const HOST: &str = "must have its host as browsers send it: in ASCII (xn--... for other letters), an IPv4 address as four numbers";
const PORT: &str = "must have a port from 0 to 65535";

fn as_browsers_send(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or(FORM)?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err(FORM),
    };
    if authority.contains(['/', '?', '#', '@', '*', '\\']) {
        return Err(FORM);
    }
    let in_brackets = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority.get(in_brackets..).and_then(|rest| rest.find(':')) {
        Some(at) => authority.split_at(in_brackets + at),
        None => (authority, ""),
    };
    let host = host_as_browsers_send(host)?;
    let port = match port.strip_prefix(':') {
        None | Some("") => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse::<u16>().map_err(|_| PORT)?)
        }
        Some(_) => return Err(PORT),
    };
    Ok(match port.filter(|port| *port != default_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// WHATWG URL, "host serializing".
fn host_as_browsers_send(host: &str) -> Result<String, &'static str> {
    if let Some(literal) = host.strip_prefix('[') {
        let address: Option<Ipv6Addr> = literal.strip_suffix(']').and_then(|literal| literal.parse().ok());
        return match address {
            // Browsers write the IPv4 address within in hexadecimal digits, the standard library does not.
            Some(address) if address.to_ipv4_mapped().is_none() => Ok(format!("[{address}]")),
            _ => Err(HOST),
        };
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() {
        return Err(FORM);
    }
    if !host.bytes().all(plain) {
        return Err(HOST);
    }
    // A name whose last part is a number is an IPv4 address, in several forms.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_address = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
    if is_address && host.parse::<Ipv4Addr>().is_err() {
        return Err(HOST);
    }
    Ok(host.to_owned())
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
            ("https://a.example:", "https://a.example"),
            ("https://a.example:0443", "https://a.example"),
            ("https://a.example:08443", "https://a.example:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::0001]", "http://[::1]"),
            (
                "http://[2001:DB8:0:0:1:0:0:1]:3000",
                "http://[2001:db8::1:0:0:1]:3000",
            ),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://my_service", "https://my_service"),
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
            "https://a.example?",
            "https://me@a.example",
            "https://*.a.example",
            // These could never match.
            "https://a:b:c",
            "https://a.example:x",
            "https://a.example:+1",
            "https://a.example:65536",
            "https://b\u{fc}cher.example",
            "http://127.1",
            "http://0x7f.0.0.1",
            "http://1.2.3.4.5",
            "http://[::ffff:1.2.3.4]",
            "http://[::1",
            "http://::1",
            "http://[a]",
            "http://...",
        ] {
            assert_eq!(kept(wrong), None, "{wrong}");
        }
    }
}
