//! Bodies that are no good JSON, or good JSON of the wrong things.

use super::draft::Draft;
use crate::program::Random;

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e400",
    "-1E-400",
    "123456789012345678901234567890",
    "0.1e+1",
    "\"\"",
    "\" a\"",
    "\".\"",
    "\"..\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\udbff\\udfff\"",
    "\"a\\tb\"",
    "\"\u{7f}\"",
    "\"\u{85}\"",
    "\"\u{202e}\"",
    "[]",
    "{}",
    "[null]",
    "{\"a\":{}}",
    "\"<script>\"",
    "\"'; drop table users; --\"",
    "\"http://a b\"",
    "\"http://u:p@h/\"",
    "\"javascript:x\"",
    "\"%0d%0aX: y\"",
    "\"\\r\\nX: y\"",
    "\"\u{560d}\u{560a}\"",
    "NaN",
    "Infinity",
    "undefined",
    "01",
    "+1",
    "1.",
    ".5",
    "0x10",
    "'a'",
];

const NAMES: &[&str] = &[
    "_id",
    "nickname",
    "avatarUrl",
    "issueAccessToken",
    "token",
    "expirationDate",
    "__proto__",
    "constructor",
    "",
    "_ID",
    "\\u005fid",
    "data",
];

/// Gives it a body with a fault; where it has none yet, it becomes one that needs a body.
pub(crate) fn spoil(random: &mut Random, draft: Draft) -> Draft {
    let mut draft = if draft.body.is_some() {
        draft
    } else {
        Draft::issue("guest0")
    };
    let good = draft.body.take().unwrap_or_default();
    let body = match random.below(14) {
        0..=3 => members(random),
        4 => deep(random),
        5 => truncated(random, good),
        6 => inserted(random, good),
        7 => flipped(random, good),
        8 => [
            &good[..],
            random.pick(&[&b"x"[..], b"{}", b"\0", b",", b"]", b"\xef\xbb\xbf"]),
        ]
        .concat(),
        9 => [
            random.pick(&[&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\0", b"[", b"\xc2\xa0"]),
            &good[..],
        ]
        .concat(),
        10 => gzip(),
        11 => String::from_utf8_lossy(&good)
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect(),
        12 => random_bytes(random),
        _ => return long(random, draft, good),
    };
    // Nobody reads the body of a request that is refused before.
    let is_read = draft.target.starts_with("/admin/clients") && draft.keeps;
    draft.keeps = is_read;
    draft.body(body)
}

fn members(random: &mut Random) -> Vec<u8> {
    let count = random.pick(&[0, 1, 2, 3, 4, 4, 5, 40, 2_000]);
    let members: Vec<String> = (0..count)
        .map(|_| format!("\"{}\":{}", random.pick(NAMES), random.pick(VALUES)))
        .collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

fn deep(random: &mut Random) -> Vec<u8> {
    let levels = random.pick(&[1, 62, 63, 64, 65, 128, 1_000, 30_000, 64_000]);
    let (open, close) = random.pick(&[("[", "]"), ("{\"x\":", "}"), ("[", ""), ("{\"x\":[", "]}")]);
    let mut text = format!("{{\"x\":{}{}}}", open.repeat(levels), close.repeat(levels));
    text.truncate(65_536);
    text.into_bytes()
}

fn truncated(random: &mut Random, mut good: Vec<u8>) -> Vec<u8> {
    good.truncate(random.index(good.len() + 1));
    good
}

fn inserted(random: &mut Random, mut good: Vec<u8>) -> Vec<u8> {
    let what: &[u8] = random.pick(&[
        &b"\xff"[..],
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\0",
        b"\r\n",
        b"\\",
        b"\"",
        b"{",
        b"/**/",
        b"\\u00",
        b"\x1b[2J",
    ]);
    let place = random.index(good.len() + 1);
    good.splice(place..place, what.iter().copied());
    good
}

fn flipped(random: &mut Random, mut good: Vec<u8>) -> Vec<u8> {
    if !good.is_empty() {
        let place = random.index(good.len());
        good[place] ^= 1 << random.below(8);
    }
    good
}

/// What `gzip` makes of nothing: a body that claims to be packed.
fn gzip() -> Vec<u8> {
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec()
}

fn random_bytes(random: &mut Random) -> Vec<u8> {
    let length = random.index(300);
    random.bytes(length)
}

fn long(random: &mut Random, draft: Draft, mut good: Vec<u8>) -> Draft {
    let length = random.pick(&[65_535, 65_536, 65_537, 200_000]);
    good.resize(length, random.pick(&[b' ', b'x', b'[', b'0', 0]));
    let draft = draft.body(good);
    // The server need not read to its end what is too long.
    if length > 65_536 { draft.ends() } else { draft }
}
