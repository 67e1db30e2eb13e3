//! Requests with another request hidden in them, which some server or other has been seen to find there. It stands where
//! no request begins by RFC 9112, or behind a message after which the connection must be closed (section 6.3): whoever
//! carries it out is wrong.

use super::draft::{Draft, in_chunks};
use crate::program::{API_KEY, Random};

/// Whose token a hidden request revokes.
pub(crate) const CANARY: &str = "canary";

/// How the names of users begin whom only a hidden request creates.
pub(crate) const HIDDEN: &str = "hidden-";

pub(crate) struct Smuggled {
    pub(crate) shape: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Where the sender may wait a moment: the server has refused the request by then.
    pub(crate) pause: Option<usize>,
}

/// The user whom the request hidden in this shape would create.
pub(crate) fn user_of(shape: &str) -> String {
    format!("{HIDDEN}{shape}")
}

type Shape = fn(&mut Random, &Hidden) -> Vec<u8>;

/// All shapes, by name.
pub(crate) const SHAPES: &[(&str, Shape)] = &[
    ("te-cl", |_, hidden| {
        both("Transfer-Encoding: chunked", hidden, Order::CodingFirst)
    }),
    ("cl-te", |_, hidden| {
        both("Transfer-Encoding: chunked", hidden, Order::LengthFirst)
    }),
    ("te-te", |random, hidden| {
        both(random.pick(CODINGS), hidden, order(random))
    }),
    ("short-length", short_length),
    ("two-lengths", two_lengths),
    ("odd-length", odd_length),
    ("chunk-extension", chunk_extension),
    ("chunk-size", chunk_size),
    ("chunk-spill", |_, hidden| {
        chunked(&[b"5\r\nAAAAAXX", &b"0\r\n\r\n"[..], hidden.bytes()].concat())
    }),
    ("chunk-line-feed", |_, hidden| {
        chunked(&[b"0\n\n", hidden.bytes()].concat())
    }),
    ("last-chunk", |_, hidden| {
        chunked(&[b"0\r\n\rX", hidden.bytes()].concat())
    }),
    ("trailers", |_, hidden| {
        chunked(&[b"2\r\n{}\r\n0\r\n", hidden.head(), b"\r\n\r\n"].concat())
    }),
    ("chunk-data", |random, hidden| {
        chunked(&in_chunks(hidden.bytes(), random.pick(&[1, 40, 4_000])))
    }),
    ("body", in_the_body),
    ("unread-body", in_an_unread_body),
    ("large-body", in_a_large_body),
    ("expect", |_, hidden| {
        sized("POST /admin/clients", "Expect: 100-continue", hidden.bytes())
    }),
    ("upgrade", upgrade),
    ("old-version", old_version),
    ("folded", folded),
    ("line", within_a_line),
    ("target", within_the_target),
    ("json", within_json),
];

/// Ways of writing `Transfer-Encoding: chunked` that some read and some do not. A length stands beside each.
const CODINGS: &[&str] = &[
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "X: y\r\n\tTransfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding:\u{b}chunked",
    "Transfer-Encoding: \u{c}chunked",
    "Transfer-Encoding: \"chunked\"",
    "Transfer-Encoding: chunked;q=1",
    "TRANSFER-ENCODING: CHUNKED",
    "transfer-encoding:chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: chunked ",
    "Transfer-Encoding:\n chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding\0: chunked",
    "Transfer-Encoding: chunked\0",
    "Foo: bar\nTransfer-Encoding: chunked",
    "Foo: bar\rTransfer-Encoding: chunked",
    "Transfer-Encoding: ch\u{f8}nked",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked chunked",
    "Transfer-Encoding: ,chunked",
    "Transfer-Encoding: chunked,",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: cow",
    "Content-Encoding: chunked",
    "TE: chunked",
    "X-Transfer-Encoding: chunked",
];

/// A request of this shape, wherein another one is hidden.
pub(crate) fn smuggle(random: &mut Random) -> Smuggled {
    let (shape, make) = random.pick(SHAPES);
    let bytes = make(random, &Hidden::new(random.clone(), shape));
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    Smuggled {
        shape,
        bytes,
        pause: head.map(|at| at + 4).filter(|_| random.once_in(8)),
    }
}

/// The request that is hidden: it creates a user, or revokes what the canary has.
pub(crate) struct Hidden {
    bytes: Vec<u8>,
    head: usize,
}

impl Hidden {
    fn new(mut random: Random, shape: &str) -> Self {
        let draft = if random.once_in(4) {
            Draft::revoke(CANARY)
        } else {
            Draft::issue(&user_of(shape))
        };
        let bytes = draft.bytes();
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        Self { bytes, head }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Without the empty line at its end.
    fn head(&self) -> &[u8] {
        &self.bytes[..self.head]
    }
}

#[derive(Clone, Copy)]
enum Order {
    CodingFirst,
    LengthFirst,
}

fn order(random: &mut Random) -> Order {
    random.pick(&[Order::CodingFirst, Order::LengthFirst])
}

/// A head with these lines and the API key, and this behind it.
fn with_head(start: &str, lines: &str, rest: &[u8]) -> Vec<u8> {
    let head = format!(
        "{start} HTTP/1.1\r\nHost: localhost\r\nIM-API-KEY: {API_KEY}\r\nContent-Type: application/json\r\n{lines}\r\n\r\n"
    );
    [head.as_bytes(), rest].concat()
}

fn sized(start: &str, line: &str, body: &[u8]) -> Vec<u8> {
    with_head(start, &format!("{line}\r\nContent-Length: {}", body.len()), body)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    with_head("POST /admin/clients", "Transfer-Encoding: chunked", body)
}

/// The length covers it all; by the coding the body ends at once.
fn both(coding: &str, hidden: &Hidden, order: Order) -> Vec<u8> {
    let body = [b"0\r\n\r\n", hidden.bytes()].concat();
    let length = format!("Content-Length: {}", body.len());
    let lines = match order {
        Order::CodingFirst => format!("{coding}\r\n{length}"),
        Order::LengthFirst => format!("{length}\r\n{coding}"),
    };
    with_head("POST /admin/clients", &lines, &body)
}

/// The coding covers it all; by the length the body ends before it.
fn short_length(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let body = in_chunks(hidden.bytes(), 100_000);
    let length = body.windows(2).position(|window| window == b"\r\n").unwrap() + 2;
    let lines = match order(random) {
        Order::CodingFirst => format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        Order::LengthFirst => format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
    };
    with_head("POST /admin/clients", &lines, &body)
}

fn two_lengths(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let body = [b"{}", hidden.bytes()].concat();
    let (whole, short) = (body.len(), random.pick(&[0, 2]));
    let lines = match random.below(4) {
        0 => format!("Content-Length: {whole}\r\nContent-Length: {short}"),
        1 => format!("Content-Length: {short}\r\nContent-Length: {whole}"),
        2 => format!("Content-Length: {short}, {whole}"),
        _ => format!("Content-Length: {whole}, {short}"),
    };
    with_head("POST /admin/clients", &lines, &body)
}

/// A length that is none, or the whole one, written strangely.
fn odd_length(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let body = hidden.bytes();
    let whole = body.len();
    let line = match random.below(12) {
        0 => "Content-Length: +0".to_owned(),
        1 => "Content-Length: -0".to_owned(),
        2 => "Content-Length: 0x0".to_owned(),
        3 => "Content-Length: 0 0".to_owned(),
        4 => "Content-Length: 0e0".to_owned(),
        5 => "Content-Length: 18446744073709551616".to_owned(),
        6 => "Content-Length : 0".to_owned(),
        7 => "Content-Length:".to_owned(),
        8 => "Content-Length: \u{b}0".to_owned(),
        9 => "Content-Length: \u{663}".to_owned(),
        10 => format!("Content-Length: 000{whole}"),
        _ => format!("Content-Length:\t{whole} \t"),
    };
    with_head("POST /admin/clients", &line, body)
}

/// A line feed in the extension of a chunk, which ends the line for some (2025, "funky chunks").
fn chunk_extension(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let inner = [b"0\r\n\r\n", hidden.bytes()].concat();
    let feed = random.pick(&["\n", "\r", "\r\r\n", "\u{b}\n", "a=\"\n", "a=\"\r\n\""]);
    let size = format!("{:x}", inner.len());
    let data = &"xxxxxxxxxx"[..size.len()];
    let start = format!("{:x};{feed}{data}\r\n{size}\r\n", data.len());
    chunked(&[start.as_bytes(), &inner, b"\r\n0\r\n\r\n"].concat())
}

/// A size that is none: read as zero, or as what is left of it after an overflow, it ends the body.
fn chunk_size(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let size = random.pick(&[
        "",
        "-0",
        "+0",
        "0x0",
        " 0",
        "0_",
        "0 0",
        "g",
        "10000000000000000",
        "100000000",
        "ffffffffffffffff",
        "\0",
        "\u{660}",
        "0\u{b}",
        "0\t0",
        "80000000",
        "7fffffffffffffff",
    ]);
    chunked(&[size.as_bytes(), b"\r\n\r\n", hidden.bytes()].concat())
}

fn in_the_body(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let start = random.pick(&[
        "POST /admin/clients",
        "DELETE /admin/clients/nobody/token",
        "GET /healthz",
        "GET /me",
        "OPTIONS *",
        "TRACE /",
        "PUT /me",
        "GET /admin/clients",
        "POST /nothing",
    ]);
    sized(start, "X: y", hidden.bytes())
}

/// The request is refused before anybody reads its body.
fn in_an_unread_body(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let body = hidden.bytes().repeat(random.pick(&[1, 1, 3, 30, 200]));
    let start = random.pick(&["POST /admin/clients", "POST /nothing", "GET /me", "PUT /healthz"]);
    let mut bytes = format!("{start} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    if random.once_in(2) {
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
        bytes.extend(body);
    } else {
        bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
        bytes.extend(in_chunks(&body, random.pick(&[50, 5_000])));
    }
    bytes
}

/// The server stops reading somewhere within it.
fn in_a_large_body(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let mut body = hidden.bytes().repeat(66_000 / hidden.bytes().len() + 60);
    if random.once_in(2) {
        let filler = 65_536 - random.index(20);
        body = [&vec![b' '; filler][..], &hidden.bytes().repeat(20)].concat();
    }
    if random.once_in(2) {
        sized("POST /admin/clients", "X: y", &body)
    } else {
        chunked(&in_chunks(&body, random.pick(&[1_000, 65_536, 100_000])))
    }
}

fn upgrade(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let lines = random.pick(&[
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0",
    ]);
    sized("POST /admin/clients", lines, hidden.bytes())
}

/// No chunks before HTTP/1.1, where a length is all there is.
fn old_version(_: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let body = [b"0\r\n\r\n", hidden.bytes()].concat();
    let head = format!(
        "POST /admin/clients HTTP/1.0\r\nIM-API-KEY: {API_KEY}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

/// An empty line that is none, because it is folded or has something in it.
fn folded(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let empty = random.pick(&["\r\n ", "\r\n\t", "\r\n \r\n ", "\r\n\0", "\r\n\u{b}", "\r\n:"]);
    let start = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: y{empty}\r\n");
    [start.as_bytes(), hidden.bytes()].concat()
}

/// The ends of its lines are no ends here.
fn within_a_line(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let text = String::from_utf8_lossy(hidden.bytes()).into_owned();
    let end = random.pick(&[
        "\r",
        "%0d%0a",
        "\\r\\n",
        "\u{560d}\u{560a}",
        "\u{85}",
        "\u{2028}",
        " ",
        "\t",
        "\0\0",
    ]);
    let (before, after) = random.pick(&[
        ("X: ", ""),
        ("Cookie: \"", "\""),
        ("X-Request-Id: ", ""),
        ("X", ": y"),
        ("Idempotency-Key: ", ""),
    ]);
    let line = format!("{before}{}{after}", text.replace("\r\n", end));
    format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n").into_bytes()
}

fn within_the_target(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let text = String::from_utf8_lossy(hidden.bytes()).replace(' ', random.pick(&["%20", "+", " ", "\t"]));
    let text = text.replace(
        "\r\n",
        random.pick(&["%0d%0a", "%0D%0A", "\r", "%u000d%u000a", "\u{10a}"]),
    );
    format!("GET /healthz?x={text} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// As a string of a body, in a field that comes back and in one that does not.
fn within_json(random: &mut Random, hidden: &Hidden) -> Vec<u8> {
    let text = serde_json::Value::from(String::from_utf8_lossy(hidden.bytes())).to_string();
    let name = random.pick(&["nickname", "avatarUrl", "x", "_id"]);
    let body = format!(r#"{{"_id":"guest1","issueAccessToken":true,"{name}":{text}}}"#);
    sized("POST /admin/clients", "X: y", body.as_bytes())
}
