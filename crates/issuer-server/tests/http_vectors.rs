//! Vectors that nobody in this project wrote, over HTTP: `JSONTestSuite` and flenniken's UTF-8 tests.
//!
//! They are read from the folder in `ISSUER_VECTORS`, else from `../shared/vectors` beside the workspace. Without the
//! variable and without that folder the tests say so and pass; with the variable, a missing file fails them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::explicit_write,
    clippy::format_collect,
    reason = "a test that cannot go on has failed"
)]

mod program;
#[path = "../../issuer/tests/vectors/mod.rs"]
mod vectors;

use std::{fs, process::Command};

use program::{Answer, Ask, Server};
use serde_json::Value;

/// The files of `JSONTestSuite`, by name.
fn json_files() -> Option<Vec<(String, Vec<u8>)>> {
    let archive = vectors::path("json/test_parsing.tar.gz")?;
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    assert!(unpacked.unwrap().success());
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect();
    files.sort();
    Some(files)
}

fn issue(server: &Server, body: &[u8]) -> Answer {
    let ask = Ask::post("/admin/clients")
        .key()
        .header("Content-Type", "application/json");
    server.ask(&ask.body(body))
}

#[test]
fn each_file_of_json_test_suite_is_refused_or_accepted_as_its_name_says() {
    let Some(files) = json_files() else { return };
    let server = Server::new();
    let (mut accepted, mut refused, mut either) = (0, 0, 0);
    for (number, (name, text)) in files.iter().enumerate() {
        let whole = issue(&server, text);
        let user = format!(r#","_id":"user{number}","issueAccessToken":true}}"#);
        let value = issue(&server, &[br#"{"x":"#, &text[..], user.as_bytes()].concat());
        assert!(
            whole.status < 500 && value.status < 500,
            "{name}: {whole:?}, {value:?}"
        );
        match &name[..2] {
            "y_" => {
                assert_eq!(value.status, 200, "{name}: {value:?}");
                accepted += 1;
            }
            "n_" => {
                let expected = if text.len() > 65_536 { 413 } else { 400 };
                assert_eq!(whole.status, expected, "{name}: {whole:?}");
                refused += 1;
            }
            "i_" => {
                assert!(
                    whole.status == 400 || whole.status == 413,
                    "{name}: it holds no user"
                );
                assert!([200, 400].contains(&value.status), "{name}: {value:?}");
                either += 1;
            }
            _ => panic!("{name}"),
        }
    }
    assert_eq!((accepted, refused, either), (95, 188, 35));
}

/// The sequences of the file, with their numbers, and whether they are valid.
fn sequences() -> Option<Vec<(String, Vec<u8>, bool)>> {
    let text = vectors::text("utf8/utf8tests.txt")?;
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sequences = lines.map(|line| {
        let (number, rest) = line.split_once(':').unwrap();
        let (kind, rest) = rest.split_once(':').unwrap();
        let bytes = match kind.trim() {
            "valid" => rest.as_bytes().to_vec(),
            _ => from_hex(rest.split(':').next().unwrap()),
        };
        (number.to_owned(), bytes, kind.trim().starts_with("valid"))
    });
    Some(sequences.collect())
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let digits = digits.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The same as a string of JSON, valid or not, without its quotes.
fn in_json(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| match byte {
            b'"' | b'\\' => vec![b'\\', *byte],
            0..0x20 => format!("\\u{byte:04x}").into_bytes(),
            _ => vec![*byte],
        })
        .collect()
}

#[test]
fn in_bodies_valid_utf_8_comes_back_byte_for_byte_and_invalid_is_400() {
    let Some(sequences) = sequences() else { return };
    let server = Server::new();
    for (n, (number, bytes, is_valid)) in sequences.iter().enumerate() {
        let body = [
            format!(r#"{{"_id":"user{n}","issueAccessToken":true,"nickname":"a"#).as_bytes(),
            &in_json(bytes),
            b"\"}",
        ]
        .concat();
        let answer = issue(&server, &body);
        let text = std::str::from_utf8(bytes);
        assert_eq!(text.is_ok(), *is_valid, "{number}");
        match text {
            Err(_) => assert_eq!(
                answer.brief(),
                (
                    400,
                    r#"{"error":"INVALID_REQUEST","message":"Request body must be valid UTF-8"}"#
                ),
                "{number}"
            ),
            Ok(text) if text.chars().any(char::is_control) => assert_eq!(answer.status, 400, "{number}"),
            Ok(text) => {
                assert_eq!(answer.status, 200, "{number}: {answer:?}");
                let me: Value = server.me(&answer.member("token")).json();
                assert_eq!(me["result"]["nickname"], format!("a{text}"), "{number}");
            }
        }
    }
    assert!(sequences.len() > 200, "{}", sequences.len());
}

#[test]
fn in_paths_valid_utf_8_names_a_user_and_invalid_is_400() {
    let Some(sequences) = sequences() else { return };
    let server = Server::new();
    for (number, bytes, is_valid) in &sequences {
        let escaped: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
        let answer = server.ask(&Ask::delete(&format!("/admin/clients/{escaped}/token")).key());
        let text = std::str::from_utf8(bytes).ok().filter(|_| *is_valid);
        let is_id = text.is_some_and(|text| {
            !text.chars().any(char::is_control)
                && text.trim() == text
                && !text.is_empty()
                && text.len() <= 255
        });
        if is_id {
            assert_eq!(
                (answer.status, &*answer.member("error")),
                (404, "CLIENT_NOT_FOUND"),
                "{number}"
            );
            let expected = format!("Client with id '{}' not found", text.unwrap());
            assert_eq!(answer.member("message"), expected, "{number}");
        } else {
            assert_eq!(
                (answer.status, &*answer.member("message")),
                (400, "Invalid client_id format"),
                "{number}"
            );
        }
    }
}

#[test]
fn in_headers_bytes_beyond_ascii_are_no_key_no_token_and_no_id_whether_they_are_utf_8_or_not() {
    let Some(sequences) = sequences() else { return };
    let server = Server::new();
    for (number, bytes, _) in &sequences {
        // Control characters in a head are the parser's to refuse.
        let is_field_value = bytes.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f);
        let is_ascii = bytes.is_ascii();
        for (start, name, expected) in [
            ("GET /admin/clients", "IM-API-KEY", 401),
            ("GET /me", "IM-Authorization", 401),
            ("GET /me", "IM-CLIENT-KEY", 401),
            ("GET /healthz", "X-Request-Id", 200),
            ("GET /healthz", "X-Other", 200),
        ] {
            let mut connection = server.connect();
            let head = format!("{start} HTTP/1.1\r\nHost: a\r\n{name}: a");
            connection.send(&[head.as_bytes(), bytes, b"\r\n\r\n"].concat());
            let answer = connection.answer_to("GET");
            let expected = if is_field_value { expected } else { 400 };
            assert_eq!(answer.status, expected, "{number} in {name}: {answer:?}");
            if is_field_value && name == "X-Request-Id" && !is_ascii {
                assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{number}");
            }
        }
        let mut connection = server.connect();
        let body = r#"{"_id":"a","issueAccessToken":true}"#;
        let head = Ask::post("/admin/clients").key().json(body).bytes();
        let (line, rest) = head.split_at(head.iter().position(|byte| *byte == b'\n').unwrap() + 1);
        connection.send(&[line, b"Idempotency-Key: a", bytes, b"\r\n", rest].concat());
        let answer = connection.answer_to("POST");
        let is_key = bytes.iter().all(u8::is_ascii_graphic);
        assert_eq!(answer.status == 400, !is_key, "{number}: {answer:?}");
        assert!(answer.status < 500, "{number}");
    }
    assert_eq!(server.ask(&Ask::get("/readyz")).status, 200);
}
