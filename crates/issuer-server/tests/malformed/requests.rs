//! Refused by a route, or by the lack of one.

use super::{Case, Shape, WANTED, case};
use crate::program::{API_KEY, Ask};

/// A request that the parser can read and the routes refuse.
pub(crate) fn bad() -> Vec<Case> {
    let chunked = |chunks: &[u8]| {
        let ask = Ask::post("/admin/clients")
            .key()
            .header("Content-Type", "application/json")
            .header("Transfer-Encoding", "chunked");
        [&ask.bytes(), chunks].concat()
    };
    let issue = || Ask::post("/admin/clients").json(WANTED);
    let with_lines = |lines: &str| {
        let head = format!(
            "POST /admin/clients HTTP/1.1\r\nIM-API-KEY: {API_KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{lines}\r\n\r\n",
            WANTED.len()
        );
        [head.as_bytes(), WANTED.as_bytes()].concat()
    };
    let coded = |coding: &str| with_lines(&format!("Host: a\r\n{coding}"));
    let revoke = |id: &str| Ask::delete(&format!("/admin/clients/{id}/token")).key().bytes();
    let me = |token: &str| Ask::get("/me").header("IM-Authorization", token).bytes();
    let twice = issue().key().header("Content-Type", "application/json");
    let flat: Vec<(&str, Vec<u8>, u16)> = vec![
        (
            "a chunk whose size is no number",
            chunked(b"zz\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        ("a chunk without a size", chunked(b"\r\n{}\r\n0\r\n\r\n"), 400),
        (
            "a chunk whose size is beyond numbers",
            chunked(b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a chunk longer than it says",
            chunked(b"1\r\n{}\r\n0\r\n\r\n"),
            400,
        ),
        (
            "a method in lower case",
            Ask::new("post", "/admin/clients").key().json(WANTED).bytes(),
            405,
        ),
        (
            "a method that is none",
            Ask::new("CREATE", "/admin/clients").key().json(WANTED).bytes(),
            405,
        ),
        (
            "a path without a slash",
            b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        (
            "all there is",
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        (
            "a tunnel",
            b"CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        (
            "a climbing path",
            b"GET /me/../healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        (
            "a path with a parameter",
            b"GET /healthz;x=1 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        (
            "an escaped question mark",
            b"GET /healthz%3Fx HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            404,
        ),
        ("no host", with_lines("X-Host: a"), 400),
        ("an empty host", with_lines("Host:"), 400),
        ("two hosts", with_lines("Host: a\r\nHost: a"), 400),
        ("two hosts in one", with_lines("Host: a, b"), 400),
        ("a host with a space", with_lines("Host: a b"), 400),
        ("a host with a user", with_lines("Host: user@a"), 400),
        ("a host with a path", with_lines("Host: a/b"), 400),
        ("a host that is a URL", with_lines("Host: http://a"), 400),
        ("a host with a bad port", with_lines("Host: a:b"), 400),
        ("a host beyond ASCII", with_lines("Host: \u{fc}"), 400),
        ("an open bracket", with_lines("Host: [::1"), 400),
        (
            "a URL with a user",
            b"GET http://user:password@a/healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a URL without a host line",
            b"GET http://a/healthz HTTP/1.1\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a coding that is not chunked",
            coded("Transfer-Encoding: gzip"),
            501,
        ),
        (
            "a coding before chunked",
            coded("Transfer-Encoding: gzip, chunked"),
            501,
        ),
        (
            "chunked, but not at last",
            coded("Transfer-Encoding: chunked, gzip"),
            501,
        ),
        ("chunked twice", coded("Transfer-Encoding: chunked, chunked"), 501),
        (
            "chunked in two lines",
            coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            501,
        ),
        (
            "chunked and another line",
            coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
            501,
        ),
        ("a coding without a name", coded("Transfer-Encoding:"), 501),
        (
            "chunked with a parameter",
            coded("Transfer-Encoding: chunked;q=1"),
            501,
        ),
        ("chunked in quotes", coded("Transfer-Encoding: \"chunked\""), 501),
        ("identity", coded("transfer-encoding:identity"), 501),
        (
            "a body that is compressed",
            issue().key().header("Content-Encoding", "gzip").bytes(),
            415,
        ),
        (
            "a query on what revokes",
            Ask::delete("/admin/clients/a/token?token=x").key().bytes(),
            400,
        ),
        ("no key", issue().bytes(), 401),
        ("an empty key", issue().header("IM-API-KEY", "").bytes(), 401),
        (
            "a key and a comma",
            issue().header("IM-API-KEY", &format!("{API_KEY},")).bytes(),
            401,
        ),
        ("the key twice", issue().key().key().bytes(), 401),
        (
            "a key beyond ASCII",
            issue().header("IM-API-KEY", "ключ").bytes(),
            401,
        ),
        ("the type twice", twice.bytes(), 415),
        (
            "a type beyond ASCII",
            Ask::post("/admin/clients")
                .key()
                .header("Content-Type", "é")
                .body(b"{}")
                .bytes(),
            415,
        ),
        (
            "the idempotency key twice",
            issue()
                .key()
                .header("Idempotency-Key", "a")
                .header("Idempotency-Key", "b")
                .bytes(),
            400,
        ),
        (
            "an idempotency key beyond ASCII",
            issue().key().header("Idempotency-Key", "é").bytes(),
            400,
        ),
        ("an id with half an escape", revoke("a%4"), 400),
        ("an id with a bad escape", revoke("%u0041"), 400),
        ("an id of bad UTF-8", revoke("%ff"), 400),
        ("an id with an escaped zero", revoke("a%00"), 400),
        ("an empty id", revoke(""), 404),
        ("an id that climbs", revoke(".."), 400),
        ("an id that climbs behind escapes", revoke("%2e%2e"), 400),
        ("an id of 256 bytes", revoke(&"x".repeat(256)), 400),
    ];
    let of_me: Vec<(&str, Vec<u8>)> = vec![
        ("no token", Ask::get("/me").bytes()),
        ("an empty token", me("")),
        ("two points", me("..")),
        ("a token beyond ASCII", me("é")),
        ("a token of 20 KB", me(&"x".repeat(20_000))),
        (
            "the token twice",
            Ask::get("/me")
                .header("IM-Authorization", "a")
                .header("IM-Authorization", "b")
                .bytes(),
        ),
        (
            "a token that is signed with nothing",
            me("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."),
        ),
        ("a body", Ask::get("/me").json(WANTED).bytes()),
    ];
    let flat = flat
        .into_iter()
        .map(|(name, bytes, status)| case(name, bytes, status, Shape::Flat));
    let of_me = of_me
        .into_iter()
        .map(|(name, bytes)| case(name, bytes, 401, Shape::Me));
    flat.chain(of_me).collect()
}
