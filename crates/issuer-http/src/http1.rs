//! The rules of RFC 9112 that hyper leaves to the server: `Host` and `Transfer-Encoding`.

use std::net::Ipv6Addr;

use axum::{
    extract::Request,
    http::{StatusCode, Version, header},
};

use crate::error::ApiError;

/// The treatment of an HTTP/1.1 request without `Host`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingHost {
    /// It is answered: requests that are made in the process, such as those of a host's tests, have none.
    Allowed,
    /// 400, as RFC 9112 section 3.2 has it.
    Refused,
}

/// Refuses what these rules refuse. Later versions of HTTP have other ones.
pub(crate) fn check(request: &Request, missing_host: MissingHost) -> Result<(), ApiError> {
    if request.version() > Version::HTTP_11 {
        return Ok(());
    }
    check_coding(request)?;
    check_host(request, missing_host)
}

/// The connection must end with the answer. hyper's parser accepts malformed ends of chunks, and could take the next
/// request for a trailer of this one.
pub(crate) fn ends_connection(request: &Request) -> bool {
    request.version() <= Version::HTTP_11 && request.headers().contains_key(header::TRANSFER_ENCODING)
}

/// RFC 9112 section 6.1: a coding that is not understood. What stands before `chunked` would have to be undone here; what
/// stands behind it, or is not it, leaves no way to find the end of the body.
fn check_coding(request: &Request) -> Result<(), ApiError> {
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(ApiError::new(
            StatusCode::NOT_IMPLEMENTED,
            "NOT_IMPLEMENTED",
            "Transfer-Encoding must be chunked, once and alone",
        )),
    }
}

/// RFC 9112 section 3.2. Before HTTP/1.1 a request needs no `Host`.
fn check_host(request: &Request, missing_host: MissingHost) -> Result<(), ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if missing_host == MissingHost::Refused && request.version() == Version::HTTP_11 => {
            return Err(ApiError::invalid("Missing header: Host"));
        }
        (None, _) => {}
        (Some(host), None) if is_host(host.as_bytes()) => {}
        (Some(_), None) => {
            return Err(ApiError::invalid(
                "Invalid header: Host: must be HOST or HOST:PORT",
            ));
        }
        (Some(_), Some(_)) => return Err(ApiError::invalid("Invalid header: Host: must not be repeated")),
    }
    // Only the absolute form of the target has an authority, and then it is the host that counts.
    match request.uri().authority() {
        Some(authority) if !is_host(authority.as_str().as_bytes()) => Err(ApiError::invalid(
            "Invalid request target: its host must be HOST or HOST:PORT",
        )),
        _ => Ok(()),
    }
}

/// `uri-host [ ":" port ]` (RFC 9110 section 7.2), with a host: one that is empty names none (section 4.2.1).
fn is_host(text: &[u8]) -> bool {
    let colon = |byte: &u8| *byte == b':';
    if let Some(rest) = text.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            return false;
        };
        let (address, port) = (rest.get(..end), rest.get(end + 1..));
        return address.is_some_and(is_ip_literal)
            && port.is_some_and(|port| port.is_empty() || port.strip_prefix(b":").is_some_and(is_port));
    }
    match text.iter().position(colon) {
        None => is_name(text),
        Some(end) => text.get(..end).is_some_and(is_name) && text.get(end + 1..).is_some_and(is_port),
    }
}

/// RFC 3986 section 3.2.3: any number of digits.
fn is_port(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

/// RFC 3986 section 3.2.2: an IPv6 address, or the form for those to come.
fn is_ip_literal(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let future = text
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'));
    match future {
        Some((version, rest)) => {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !rest.is_empty()
                && rest.bytes().all(|byte| is_plain(byte) || byte == b':')
        }
        None => text.parse::<Ipv6Addr>().is_ok(),
    }
}

/// RFC 3986 section 3.2.2: a registered name, to which IPv4 addresses belong, that is not empty.
fn is_name(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let is_escape = *byte == b'%'
            && bytes.next().is_some_and(u8::is_ascii_hexdigit)
            && bytes.next().is_some_and(u8::is_ascii_hexdigit);
        if !is_escape && !is_plain(*byte) {
            return false;
        }
    }
    !text.is_empty()
}

/// `unreserved / sub-delims`
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_perhaps_with_a_port() {
        for good in [
            "localhost",
            "localhost:8080",
            "localhost:",
            "a.example",
            "a_b.example",
            "xn--bcher-kva.example",
            "b%C3%BCcher.example",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:8080",
            "[2001:db8::192.0.2.1]",
            "[v1.a:b]",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a, b",
            "a:b",
            "a:80:90",
            "a:+80",
            "::1",
            "[::1",
            "[]",
            "[::1]80",
            "[::1]:x",
            "[127.0.0.1]",
            "[fe80::1%25eth0]",
            "[v.a]",
            "[v1.]",
            "user@a",
            "user:password@a",
            "a/b",
            "a?b",
            "a#b",
            "http://a",
            "a%",
            "a%4",
            "a%zz",
            "b\u{fc}cher.example",
            "a\\b",
            "\"a\"",
            "<a>",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
        assert!(!is_host(b"\xff"));
    }
}
