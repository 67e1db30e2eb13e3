//! Refused by whoever reads the body.

use super::{Case, Shape, WANTED, case};
use crate::program::Ask;

/// A body that is no JSON object, or not a good one.
pub(crate) fn bad() -> Vec<Case> {
    let deep = format!(
        r#"{{"x":{}{},"_id":"a","issueAccessToken":true}}"#,
        "[".repeat(64),
        "]".repeat(64)
    );
    let deepest = format!(r#"{{"x":{}"#, "[".repeat(60_000));
    let objects = format!("{}1{}", r#"{"x":"#.repeat(10_000), "}".repeat(10_000));
    let utf_16: Vec<u8> = WANTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("one brace", b"{".to_vec()),
        ("the other brace", b"}".to_vec()),
        ("a name alone", br#"{"_id"}"#.to_vec()),
        ("no value", br#"{"_id":}"#.to_vec()),
        ("no end", br#"{"_id":"a","issueAccessToken":true"#.to_vec()),
        (
            "a comma at the end",
            br#"{"_id":"a","issueAccessToken":true,}"#.to_vec(),
        ),
        (
            "a comma at the start",
            br#"{,"_id":"a","issueAccessToken":true}"#.to_vec(),
        ),
        ("no comma", br#"{"_id":"a" "issueAccessToken":true}"#.to_vec()),
        (
            "a name without quotes",
            br#"{_id:"a","issueAccessToken":true}"#.to_vec(),
        ),
        ("single quotes", br"{'_id':'a','issueAccessToken':true}".to_vec()),
        (
            "a number as a name",
            br#"{1:2,"_id":"a","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "a comment",
            br#"{/**/"_id":"a","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "something behind it",
            br#"{"_id":"a","issueAccessToken":true}x"#.to_vec(),
        ),
        (
            "another object behind it",
            br#"{"_id":"a","issueAccessToken":true}{}"#.to_vec(),
        ),
        (
            "a zero behind it",
            b"{\"_id\":\"a\",\"issueAccessToken\":true}\0".to_vec(),
        ),
        (
            "a list around it",
            br#"[{"_id":"a","issueAccessToken":true}]"#.to_vec(),
        ),
        (
            "a string around it",
            br#""{\"_id\":\"a\",\"issueAccessToken\":true}""#.to_vec(),
        ),
        (
            "_id twice",
            br#"{"_id":"a","_id":"a","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "_id twice, once escaped",
            br#"{"_id":"a","\u005fid":"b","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "_id twice, once null",
            br#"{"_id":null,"_id":"a","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "issueAccessToken twice",
            br#"{"_id":"a","issueAccessToken":false,"issueAccessToken":true}"#.to_vec(),
        ),
        ("True", br#"{"_id":"a","issueAccessToken":True}"#.to_vec()),
        ("NaN", br#"{"_id":"a","issueAccessToken":true,"x":NaN}"#.to_vec()),
        (
            "Infinity",
            br#"{"_id":"a","issueAccessToken":true,"x":-Infinity}"#.to_vec(),
        ),
        (
            "a number with a zero in front",
            br#"{"_id":"a","issueAccessToken":true,"x":01}"#.to_vec(),
        ),
        (
            "a number with a bare point",
            br#"{"_id":"a","issueAccessToken":true,"x":1.}"#.to_vec(),
        ),
        (
            "a number with a plus",
            br#"{"_id":"a","issueAccessToken":true,"x":+1}"#.to_vec(),
        ),
        (
            "a number in hexadecimal",
            br#"{"_id":"a","issueAccessToken":true,"x":0x1}"#.to_vec(),
        ),
        (
            "a number beyond numbers as a nickname",
            br#"{"_id":"a","issueAccessToken":true,"nickname":1e9999}"#.to_vec(),
        ),
        (
            "half an escape",
            br#"{"_id":"a\u00","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "an escape that is none",
            br#"{"_id":"a\x41","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "half a surrogate pair",
            br#"{"_id":"a\ud800","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "a pair the wrong way round",
            br#"{"_id":"a\udc00\ud800","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "an escaped zero",
            br#"{"_id":"a\u0000","issueAccessToken":true}"#.to_vec(),
        ),
        (
            "a bare line feed in a string",
            b"{\"_id\":\"a\n\",\"issueAccessToken\":true}".to_vec(),
        ),
        (
            "a bare zero in a string",
            b"{\"_id\":\"a\0\",\"issueAccessToken\":true}".to_vec(),
        ),
        (
            "a byte that is no UTF-8",
            b"{\"_id\":\"a\xff\",\"issueAccessToken\":true}".to_vec(),
        ),
        (
            "UTF-8 that is too long",
            b"{\"_id\":\"a\xc0\xaf\",\"issueAccessToken\":true}".to_vec(),
        ),
        (
            "UTF-8 of a surrogate",
            b"{\"_id\":\"a\xed\xa0\x80\",\"issueAccessToken\":true}".to_vec(),
        ),
        (
            "bad UTF-8 in an unknown member",
            b"{\"_id\":\"a\",\"issueAccessToken\":true,\"x\":\"\xff\"}".to_vec(),
        ),
        ("UTF-16", utf_16),
        ("a byte order mark", [b"\xef\xbb\xbf", WANTED.as_bytes()].concat()),
        ("a form", b"_id=a&issueAccessToken=true".to_vec()),
        ("XML", b"<_id>a</_id>".to_vec()),
        ("65 levels", deep.into_bytes()),
        ("60,000 levels", deepest.into_bytes()),
        ("10,000 objects", objects.into_bytes()),
        (
            "white space that JSON does not know",
            "\u{a0}{\"_id\":\"a\",\"issueAccessToken\":true}".into(),
        ),
    ];
    bodies
        .into_iter()
        .map(|(name, body)| {
            let ask = Ask::post("/admin/clients")
                .key()
                .header("Content-Type", "application/json");
            case(name, ask.body(&body).bytes(), 400, Shape::Flat)
        })
        .collect()
}
