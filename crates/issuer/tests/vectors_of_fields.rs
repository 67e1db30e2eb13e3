//! Vectors that nobody in this project wrote, for the fields of a user and for dates: WHATWG URLs, UTF-8, date-times.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod vectors;

use std::collections::BTreeSet;

use issuer::{
    Timestamp,
    user::{AvatarUrl, Nickname, UserId},
};

/// The part between `//` and the path; `None` without `//`.
fn authority(input: &str) -> Option<&str> {
    let (_, rest) = input.split_once("://")?;
    rest.split(['/', '?', '#', '\\']).next()
}

/// A reason, and whether it applies to a URL.
type Reason = (&'static str, fn(&str) -> bool);

/// Why an `avatarUrl` is refused though a browser takes it: the rules of the field are narrower.
const REFUSED_ON_PURPOSE: &[Reason] = &[
    (
        "spaces and control characters, which a browser strips or encodes",
        |input| input.chars().any(|c| c.is_control() || c.is_whitespace()),
    ),
    ("no //, which a browser adds", |input| authority(input).is_none()),
    ("a backslash, which a browser takes for a slash", |input| {
        input.contains('\\')
    }),
    ("user info", |input| {
        authority(input).unwrap_or_default().contains('@')
    }),
    ("percent-encoding in the host", |input| {
        authority(input).unwrap_or_default().contains('%')
    }),
    ("characters in the host that RFC 3986 does not have", |input| {
        authority(input)
            .unwrap_or_default()
            .contains(['"', '{', '}', '`', '|', '^', '<', '>'])
    }),
];

/// Why an `avatarUrl` is kept though a browser fails on it: it is a URL by RFC 3986, and shows no picture.
const KEPT_ON_PURPOSE: &[Reason] = &[(
    "a name that ends in a number and is no IPv4 address: a registered name (RFC 3986 section 3.2.2)",
    |input| {
        let host = authority(input).unwrap_or_default();
        let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
        let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
        match hex {
            Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
            None => !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()),
        }
    },
)];

#[test]
fn the_urls_of_browsers_are_kept_and_refused_alike_but_for_named_reasons() {
    let Some(file) = vectors::json("urls/urltestdata.json") else {
        return;
    };
    let mut agreed = 0;
    let mut used = BTreeSet::new();
    let mut unexplained = Vec::new();
    for case in file.as_array().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| case["base"].is_null()) else {
            continue;
        };
        // A browser drops what is before the scheme, and tabs and line breaks within it.
        let seen: String = input.chars().filter(|c| !"\t\n\r".contains(*c)).collect();
        let seen = seen.trim_start_matches(|c: char| c <= ' ');
        let scheme = seen.split(':').next().unwrap_or_default();
        if !["http", "https"]
            .iter()
            .any(|http| scheme.eq_ignore_ascii_case(http))
        {
            continue;
        }
        let (there, here) = (case["failure"] != true, AvatarUrl::parse(input).is_ok());
        if there == here {
            agreed += 1;
            continue;
        }
        let reasons = if there {
            REFUSED_ON_PURPOSE
        } else {
            KEPT_ON_PURPOSE
        };
        match reasons.iter().find(|(_, applies)| applies(input)) {
            Some((reason, _)) => _ = used.insert(*reason),
            None => unexplained.push(format!("{input:?}: kept here: {here}")),
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    // A reason that explains nothing could hide something.
    let all = REFUSED_ON_PURPOSE.iter().chain(KEPT_ON_PURPOSE);
    assert_eq!(used, all.map(|(reason, _)| *reason).collect());
    // The file was read: it has 207 such entries.
    assert!(agreed > 200, "{agreed}");
}

/// The bytes of a line, and whether they are UTF-8.
fn utf8_case(line: &str) -> Option<(Vec<u8>, bool)> {
    let (_, rest) = line.split_once(':').filter(|_| !line.starts_with('#'))?;
    if let Some(text) = rest.strip_prefix("valid:") {
        return Some((text.as_bytes().to_vec(), true));
    }
    let (hex, valid) = match rest.strip_prefix("valid hex:") {
        Some(hex) => (hex, true),
        None => (rest.strip_prefix("invalid hex:")?.split(':').next()?, false),
    };
    let digits: String = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    Some((bytes.collect(), valid))
}

#[test]
fn what_is_utf8_is_kept_byte_for_byte_or_refused_and_nothing_else_is_text() {
    let Some(file) = vectors::text("utf8/utf8tests.txt") else {
        return;
    };
    let (mut valid, mut invalid) = (0, 0);
    for (bytes, is_valid) in file.lines().filter_map(utf8_case) {
        assert_eq!(std::str::from_utf8(&bytes).is_ok(), is_valid, "{bytes:x?}");
        // As a claim of a token, where the bytes come from outside.
        let Ok(text) = std::str::from_utf8(&bytes) else {
            invalid += 1;
            continue;
        };
        valid += 1;
        if let Ok(id) = UserId::parse(text) {
            assert_eq!(id.as_str().as_bytes(), bytes);
        }
        if let Ok(nickname) = Nickname::parse(text) {
            assert_eq!(nickname.as_str().as_bytes(), bytes);
        }
    }
    assert!(valid > 15 && invalid > 100, "{valid} valid, {invalid} invalid");
}

#[test]
fn date_times_are_read_as_the_json_schema_suite_has_them_but_for_leap_seconds() {
    let Some(file) = vectors::json("dates/date-time.json") else {
        return;
    };
    let mut seen = 0;
    for case in file[0]["tests"].as_array().unwrap() {
        let Some(text) = case["data"].as_str() else {
            continue;
        };
        seen += 1;
        let is_leap_second = text.contains(":60");
        let expected = case["valid"] == true && !is_leap_second;
        assert_eq!(
            Timestamp::parse_rfc3339(text).is_ok(),
            expected,
            "{text}: {}",
            case["description"]
        );
    }
    assert!(seen > 20, "{seen}");
}
