//! Vectors that nobody in this project wrote, for the fields of a user and for dates: WHATWG URLs, UTF-8, date-times.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod vectors;

use issuer::{
    Timestamp,
    user::{AvatarUrl, Nickname, UserId},
};

/// Why an `avatarUrl` may be refused though a browser takes it: the rules of the field are narrower.
fn is_refused_on_purpose(input: &str, href: &str) -> Option<&'static str> {
    let after_scheme = input.split_once(':').map_or("", |(_, rest)| rest);
    let authority = after_scheme
        .strip_prefix("//")
        .map(|rest| rest.split(['/', '?', '#', '\\']).next().unwrap_or_default());
    let reasons = [
        (
            "spaces and control characters, which a browser strips or encodes",
            input.chars().any(|c| c.is_control() || c.is_whitespace()),
        ),
        ("no //, which a browser adds", authority.is_none()),
        ("no host before the next slash", authority == Some("")),
        (
            "a backslash, which a browser takes for a slash",
            input.contains('\\'),
        ),
        (
            "user info",
            authority.is_some_and(|authority| authority.contains('@')),
        ),
        (
            "percent-encoding in the host",
            authority.is_some_and(|authority| authority.contains('%')),
        ),
        (
            "symbols in the host, which a browser maps to other text",
            authority
                .is_some_and(|authority| authority.chars().any(|c| !c.is_ascii() && !c.is_alphanumeric())),
        ),
        (
            "characters in the host that RFC 3986 does not have",
            authority.is_some_and(|authority| authority.contains(['"', '{', '}', '`', '|', '^', '<', '>'])),
        ),
        ("more than 2,048 bytes", input.len() > AvatarUrl::MAX_BYTES),
        (
            "an IPv6 address in a form that RFC 4291 does not have",
            href.contains('[') && authority.is_some_and(|authority| authority.contains('[')),
        ),
    ];
    reasons
        .iter()
        .find_map(|(reason, applies)| applies.then_some(*reason))
}

/// Why an `avatarUrl` may be kept though a browser fails on it: it is a URL by RFC 3986, and shows no picture.
fn is_kept_on_purpose(input: &str) -> Option<&'static str> {
    let authority = input.split("://").nth(1)?.split(['/', '?', '#']).next()?;
    let host = authority.split(':').next()?;
    let last = host.trim_end_matches('.').rsplit('.').next()?;
    let is_number = !last.is_empty()
        && (last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .or_else(|| last.strip_prefix("0X"))
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())));
    let reasons = [
        (
            "a name that ends in a number and is no IPv4 address: a registered name (RFC 3986 section 3.2.2)",
            is_number,
        ),
        (
            "a name that IDNA refuses: letters and digits alone",
            host.contains("xn--") || host.contains("XN--") || !host.is_ascii(),
        ),
    ];
    reasons
        .iter()
        .find_map(|(reason, applies)| applies.then_some(*reason))
}

#[test]
fn the_urls_of_browsers_are_kept_and_refused_alike_but_for_named_reasons() {
    let Some(file) = vectors::json("urls/urltestdata.json") else {
        return;
    };
    let (mut agreed, mut narrower, mut wider) = (0, 0, 0);
    let mut unexplained = Vec::new();
    for case in file.as_array().unwrap() {
        let Some(input) = case["input"].as_str().filter(|_| case["base"].is_null()) else {
            continue;
        };
        let scheme = input.trim().split(':').next().unwrap_or_default();
        if !["http", "https"]
            .iter()
            .any(|http| scheme.eq_ignore_ascii_case(http))
        {
            continue;
        }
        let taken_there = case["failure"] != true;
        match (taken_there, AvatarUrl::parse(input).is_ok()) {
            (there, here) if there == here => agreed += 1,
            (true, _) => match is_refused_on_purpose(input, case["href"].as_str().unwrap()) {
                Some(_) => narrower += 1,
                None => unexplained.push(format!("refused: {input:?}")),
            },
            (false, _) => match is_kept_on_purpose(input) {
                Some(_) => wider += 1,
                None => unexplained.push(format!("kept: {input:?}")),
            },
        }
    }
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(agreed > 100, "{agreed} alike, {narrower} narrower, {wider} wider");
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
