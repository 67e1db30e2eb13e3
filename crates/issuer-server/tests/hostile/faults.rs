//! One fault in a request whose framing stays right: the server can answer it, and tell where the next one begins.

use super::draft::{Draft, Framing};
use crate::program::{API_KEY, Random};

const METHODS: &[&str] = &[
    "OPTIONS",
    "TRACE",
    "PUT",
    "PATCH",
    "PROPFIND",
    "get",
    "Post",
    "M-SEARCH",
    "PURGE",
    "X",
    "DELETE",
    "POST",
    "GET",
    "!#$%&'*+-.^_`|~",
    "LONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONGLONG",
];

const TARGETS: &[&str] = &[
    "*",
    "/",
    "//",
    "//me",
    "/me/",
    "/me//",
    "/me?",
    "/me?token=x&token=y",
    "/me#x",
    "/ME",
    "/%6de",
    "/me%00",
    "/me%2f",
    "/me%0d%0aX-Injected:%20yes",
    "/me;x=1",
    "/me/../healthz",
    "/./me",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/admin",
    "/admin/",
    "/admin//clients",
    "/admin/clients/",
    "/admin/clients//token",
    "/admin/clients/../token",
    "/admin/clients/%2e%2e/token",
    "/admin/clients/%/token",
    "/admin/clients/%zz/token",
    "/admin/clients/%ff/token",
    "/admin/clients/%c0%af/token",
    "/admin/clients/%00/token",
    "/admin/clients/a%2Fb/token",
    "/admin/clients/a/token/",
    "/admin/clients/a/token//",
    "/admin/clients/a%20/token",
    "/admin/clients/%F0%9F%92%A9/token",
    "/admin/clients/list",
    "/admin/clients?limit=-1",
    "/healthz/",
    "/healthz%3fx",
    "/healthz?%",
    "/readyz/x",
    "/metrics",
    "/openapi.json",
    "/.well-known/jwks.json",
    "http://localhost/me",
    "http://localhost",
    "http://user:password@localhost/me",
    "https://[::1]:8080/me",
    "http://localhost:99999/me",
    "HTTP://LOCALHOST/admin/clients",
    "localhost:80",
    "ftp://localhost/me",
    "me",
    "?",
    "/\"<>",
    "/{client_id}",
    "/admin/{*any}",
    "/admin/clients/{client_id}/token",
];

const TYPES: &[&str] = &[
    "text/plain",
    "application/json; charset=utf-16",
    "application/json;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json, text/plain",
    "application/jsonp",
    "*/*",
    "",
    ";",
    "application/json;;",
    "application/json; charset=\"utf-8",
    "APPLICATION/JSON",
    "application/vnd.api+json",
    "application/json\t",
];

const LINES: &[&[u8]] = &[
    b"Host: other",
    b"Host:",
    b"Host: a, b",
    b"Host: \xff",
    b"Accept: \x80\x81",
    b"Accept-Encoding: gzip, br",
    b"Range: bytes=0-1",
    b"If-Match: *",
    b"Cookie: a=b; a=c",
    b"X-HTTP-Method-Override: DELETE",
    b"X-Forwarded-For: 127.0.0.1",
    b"X-Forwarded-Host: evil",
    b"Forwarded: for=127.0.0.1;proto=https",
    b"X-Original-URL: /admin/clients",
    b"X-Rewrite-URL: /admin/clients",
    b"Authorization: Basic Og==",
    b"IM-API-KEY: wrong",
    b"IM-API-KEY:",
    b"IM-Authorization: Bearer",
    b"IM-Authorization: Bearer  a.b.c",
    b"IM-Authorization: a",
    b"IM-CLIENT-KEY: x",
    b"Idempotency-Key: a",
    b"Idempotency-Key:",
    b"Idempotency-Key: \xc3\xa9",
    b"X-Request-Id: \xff",
    b"X-Request-Id: a b",
    b"X-Request-Id: a",
    b"Content-Encoding: gzip",
    b"Content-Encoding: deflate, gzip, br",
    b"TE: trailers",
    b"Trailer: X-A",
    b"Content-Type: text/plain",
    b"Content-MD5: x",
    b"Origin: null",
    b"Origin: http://evil",
    b"Access-Control-Request-Method: DELETE",
    b"Max-Forwards: 0",
    b"Via: 1.1 a",
    b"Date: now",
    b"Referer: ?",
    b"Keep-Alive: timeout=99999",
    b"X-Empty:",
    b"x-tab:\ta\t",
    b"!#$%&'*+-.^_`|~: token",
    b"Sec-WebSocket-Key: x",
];

/// Lines after which the server may close, or speak of something else first.
const LAST_LINES: &[&[u8]] = &[
    b"Connection: close",
    b"Connection: close, keep-alive",
    b"Connection: Upgrade",
    b"Connection: content-length",
    b"Connection: IM-API-KEY",
    b"Expect: 100-continue",
    b"Expect: 200-ok",
    b"Upgrade: websocket",
    b"Upgrade: h2c",
    b"Upgrade: TLS/1.0",
    b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
];

/// Puts one fault into it.
pub(crate) fn add(random: &mut Random, draft: Draft) -> Draft {
    match random.below(20) {
        0 | 1 => method(random, draft),
        2..=4 => target(random, draft),
        5..=7 => draft_with_line(random, draft, LINES),
        8 => draft_with_line(random, draft, LAST_LINES).ends(),
        9 => twice(random, draft),
        10 => missing(random, draft),
        11 => content_type(random, draft),
        12 => chunked(random, draft),
        13 => large(random, draft),
        14 => other_version(random, draft),
        _ => super::bodies::spoil(random, draft),
    }
}

impl Draft {
    /// A body that nobody reads may end the connection.
    fn unread(self) -> Self {
        if self.body.is_some() { self.ends() } else { self }
    }
}

fn method(random: &mut Random, mut draft: Draft) -> Draft {
    if random.once_in(8) {
        // Their answers end a connection, or have no body to tell them by.
        draft.method = random.pick(&["HEAD", "CONNECT"]).to_string();
        return draft.ends();
    }
    draft.method = random.pick(METHODS).to_string();
    draft.unread()
}

fn target(random: &mut Random, mut draft: Draft) -> Draft {
    let target = random.pick(TARGETS);
    draft.target = target.to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/%.-_?=;&".contains(&byte);
    // Another form, or letters that a parser may refuse.
    if !target.starts_with('/') || !target.bytes().all(plain) {
        return draft.ends();
    }
    draft.unread()
}

fn draft_with_line(random: &mut Random, mut draft: Draft, lines: &[&[u8]]) -> Draft {
    let place = random.index(draft.lines.len() + 1);
    draft.lines.insert(place, random.pick(lines).to_vec());
    draft.unread()
}

fn twice(random: &mut Random, mut draft: Draft) -> Draft {
    let line = draft.lines[random.index(draft.lines.len())].clone();
    let place = random.index(draft.lines.len() + 1);
    draft.lines.insert(place, line);
    draft.unread()
}

fn missing(random: &mut Random, mut draft: Draft) -> Draft {
    let place = random.index(draft.lines.len());
    draft.lines.remove(place);
    draft.unread()
}

fn content_type(random: &mut Random, mut draft: Draft) -> Draft {
    draft.lines.retain(|line| !line.starts_with(b"Content-Type"));
    let value = random.pick(TYPES);
    draft.line(format!("Content-Type: {value}")).unread()
}

fn chunked(random: &mut Random, mut draft: Draft) -> Draft {
    draft.framing = Framing::Chunks(random.pick(&[1, 2, 7, 100, 5_000]));
    if draft.body.is_some() { draft.ends() } else { draft }
}

/// Too long a line, too many of them, too long a path, or an API key without an end.
fn large(random: &mut Random, mut draft: Draft) -> Draft {
    match random.below(7) {
        0 => {
            let length = random.pick(&[1_000, 30_000, 33_000, 70_000]);
            draft.target = format!("/{}", "x".repeat(length));
            draft
        }
        1 => {
            draft.target = format!("/admin/clients/{}/token", "%41".repeat(random.index(12_000)));
            draft
        }
        2 => {
            let length = random.pick(&[8_000, 31_000, 33_000, 80_000]);
            draft.line(format!("X-Filler: {}", "x".repeat(length)))
        }
        3 => {
            let count = random.pick(&[50, 90, 99, 101, 200]);
            (0..count).fold(draft, |draft, n| draft.line(format!("X-{n}: x")))
        }
        4 => (0..30).fold(draft, |draft, n| {
            draft.line(format!("X-{n}: {}", "y".repeat(1_200)))
        }),
        5 => draft.line(format!("IM-API-KEY: {}", API_KEY.repeat(200))),
        _ => draft.line(format!("IM-Authorization: {}", "a.".repeat(random.index(9_000)))),
    }
    .ends()
}

fn other_version(random: &mut Random, mut draft: Draft) -> Draft {
    let versions = [
        "HTTP/1.0",
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/3",
        "HTTP/1.",
        "HTTP/11",
        "http/1.1",
        "HTTP/1.1 x",
        "ICY",
        "",
    ];
    draft.version = random.pick(&versions).to_string();
    draft.ends()
}
