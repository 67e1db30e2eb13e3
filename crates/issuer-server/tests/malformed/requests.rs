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
            b"GET healthz HTTP/1.1\r\n\r\n".to_vec(),
            404,
        ),
        ("all there is", b"OPTIONS * HTTP/1.1\r\n\r\n".to_vec(), 404),
        (
            "a tunnel",
            b"CONNECT example.com:443 HTTP/1.1\r\n\r\n".to_vec(),
            404,
        ),
        (
            "a climbing path",
            b"GET /me/../healthz HTTP/1.1\r\n\r\n".to_vec(),
            404,
        ),
        (
            "a path with a parameter",
            b"GET /healthz;x=1 HTTP/1.1\r\n\r\n".to_vec(),
            404,
        ),
        (
            "an escaped question mark",
            b"GET /healthz%3Fx HTTP/1.1\r\n\r\n".to_vec(),
            404,
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
