//! Refused by the parser.

use super::{Case, Shape, WANTED, case};
use crate::program::API_KEY;

/// A head that the parser cannot read or does not want.
pub(crate) fn unreadable() -> Vec<Case> {
    // The wanted request with this line in its head.
    let with = |line: &str| {
        let mut bytes = format!(
            "POST /admin/clients HTTP/1.1\r\nHost: localhost\r\nIM-API-KEY: {API_KEY}\r\n\
             Content-Type: application/json\r\n{line}\r\n\r\n"
        )
        .into_bytes();
        bytes.extend_from_slice(WANTED.as_bytes());
        bytes
    };
    let many = "X-Filler: x\r\n".repeat(200);
    let long = "x".repeat(80_000);
    let heads: Vec<(&str, Vec<u8>, u16)> = vec![
        ("nothing but zeros", vec![0; 64], 400),
        (
            "a TLS handshake",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            400,
        ),
        ("words", b"Hello, is anybody there?\r\n\r\n".to_vec(), 400),
        ("JSON", WANTED.as_bytes().to_vec(), 400),
        ("no version", b"GET /healthz\r\n\r\n".to_vec(), 400),
        ("version 1.2", b"GET /healthz HTTP/1.2\r\n\r\n".to_vec(), 400),
        ("version 9.9", b"GET /healthz HTTP/9.9\r\n\r\n".to_vec(), 400),
        (
            "a version in lower case",
            b"GET /healthz http/1.1\r\n\r\n".to_vec(),
            400,
        ),
        ("another protocol", b"GET /healthz RTSP/1.0\r\n\r\n".to_vec(), 400),
        (
            "a space in the path",
            b"GET /health z HTTP/1.1\r\n\r\n".to_vec(),
            400,
        ),
        ("no path", b"GET  HTTP/1.1\r\n\r\n".to_vec(), 400),
        ("no method", b" /healthz HTTP/1.1\r\n\r\n".to_vec(), 400),
        (
            "a method with a brace",
            b"GE{T /healthz HTTP/1.1\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a URL without a host",
            b"GET http:// HTTP/1.1\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a URL with a bad port",
            b"GET http://a:b:c/healthz HTTP/1.1\r\n\r\n".to_vec(),
            400,
        ),
        ("a header without a colon", with("Content-Length 35"), 400),
        ("a header without a name", with(": 35"), 400),
        ("a space before the colon", with("Content-Length : 35"), 400),
        ("a folded header", with("X-A: a\r\n b"), 400),
        ("a zero in a header", with("X-A: a\0b"), 400),
        ("a control character in a header", with("X-A: a\u{1}b"), 400),
        ("a carriage return in a header", with("X-A: a\rb"), 400),
        ("a name with a space", with("X A: a"), 400),
        ("a length in words", with("Content-Length: many"), 400),
        ("a negative length", with("Content-Length: -1"), 400),
        ("a length with a sign", with("Content-Length: +35"), 400),
        ("a length in hexadecimal", with("Content-Length: 0x23"), 400),
        (
            "a length beyond numbers",
            with("Content-Length: 99999999999999999999"),
            400,
        ),
        (
            "two lengths",
            with("Content-Length: 35\r\nContent-Length: 36"),
            400,
        ),
        ("an empty length", with("Content-Length: "), 400),
        (
            "chunks before HTTP/1.1",
            b"POST /me HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a space before the colon of a coding",
            with("Transfer-Encoding : chunked"),
            400,
        ),
        ("200 headers", with(many.trim_end()), 431),
        ("a header of 80 KB", with(&format!("X-A: {long}")), 431),
        (
            "a path of 80 KB",
            format!("GET /{long} HTTP/1.1\r\n\r\n").into_bytes(),
            431,
        ),
        (
            "a head without an end",
            format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(20_000)).into_bytes(),
            431,
        ),
    ];
    heads
        .into_iter()
        .map(|(name, bytes, status)| case(name, bytes, status, Shape::Bare))
        .collect()
}
