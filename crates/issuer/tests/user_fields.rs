//! What each field of a user accepts, and what it says to the rest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod vectors;

use issuer::{
    FieldError,
    user::{AvatarUrl, NewUser, Nickname, Patch, UserId},
};
use proptest::prelude::*;

#[track_caller]
fn accepted(parse: fn(&str) -> Result<String, FieldError>, texts: &[&str]) {
    for text in texts {
        assert_eq!(parse(text).as_deref(), Ok(*text), "{text:?}");
    }
}

#[track_caller]
fn refused(parse: fn(&str) -> Result<String, FieldError>, message: &str, texts: &[&str]) {
    for text in texts {
        let said = parse(text).map_err(|error| error.to_string());
        assert_eq!(said, Err(message.to_owned()), "{text:?}");
    }
}

fn user_id(text: &str) -> Result<String, FieldError> {
    UserId::parse(text).map(|id| id.as_str().to_owned())
}

fn nickname(text: &str) -> Result<String, FieldError> {
    Nickname::parse(text).map(|name| name.as_str().to_owned())
}

fn avatar_url(text: &str) -> Result<String, FieldError> {
    AvatarUrl::parse(text).map(|url| url.as_str().to_owned())
}

#[test]
fn an_id_is_kept_as_it_was_given() {
    accepted(
        user_id,
        &[
            "user001",
            "0",
            "...",
            ".hidden",
            "a b",
            "a/b?c#d%2F",
            "list",
            "'; DROP TABLE users; --",
            "\u{200b}",
            "\u{feff}user",
            "田中",
            "👩‍👩‍👧",
            "e\u{301}",
            "\u{202e}abc",
            "\u{fffd}",
            "\u{10ffff}",
            &"x".repeat(255),
            &"é".repeat(127),
            "a\u{2028}b",
        ],
    );
}

#[test]
fn a_field_is_written_as_it_was_given() {
    assert_eq!(UserId::parse("amy").unwrap().to_string(), "amy");
    assert_eq!(Nickname::parse("Amy").unwrap().to_string(), "Amy");
    let url = "https://example.com/a.jpg";
    assert_eq!(AvatarUrl::parse(url).unwrap().to_string(), url);
}

#[test]
fn a_map_by_id_is_read_by_its_text() {
    let map = std::collections::BTreeMap::from([(UserId::parse("amy").unwrap(), 1)]);
    assert_eq!((map.get("amy"), map.get("bob")), (Some(&1), None));
}

#[test]
fn an_id_is_compared_byte_for_byte() {
    let composed = UserId::parse("\u{e9}").unwrap();
    let decomposed = UserId::parse("e\u{301}").unwrap();
    assert_ne!(composed, decomposed);
    assert_ne!(UserId::parse("amy").unwrap(), UserId::parse("Amy").unwrap());
    assert!(UserId::parse("Z").unwrap() < UserId::parse("a").unwrap());
    assert!(UserId::parse("z").unwrap() < UserId::parse("é").unwrap());
}

#[test]
fn an_id_that_breaks_a_rule_is_told_which() {
    refused(user_id, "_id: must not be empty", &[""]);
    refused(
        user_id,
        "_id: must be at most 255 bytes",
        &[&"x".repeat(256), &"é".repeat(128), &"👩".repeat(64)],
    );
    refused(
        user_id,
        "_id: must not contain control characters",
        &[
            "\0", "a\0", "\t", "a\tb", "a\nb", "user\r\n", "\u{1f}", "\u{7f}", "a\u{80}b", "a\u{85}",
            "\u{9f}",
        ],
    );
    refused(
        user_id,
        "_id: must not begin or end with white space",
        &[
            " ",
            " a",
            "a ",
            "\u{a0}a",
            "a\u{1680}",
            "\u{2003}",
            "a\u{2028}",
            "\u{2029}a",
            "a\u{202f}",
            "\u{205f}a",
            "a\u{3000}",
        ],
    );
    refused(user_id, "_id: must not be '.' or '..'", &[".", ".."]);
}

#[test]
fn every_control_character_is_refused_anywhere_and_no_other() {
    for code in 0..=0x2_ffff_u32 {
        let Some(character) = char::from_u32(code) else {
            continue;
        };
        let control = matches!(code, 0..=0x1f | 0x7f..=0x9f);
        let text = format!("a{character}b");
        assert_eq!(user_id(&text).is_err(), control, "_id {code:#x}");
        assert_eq!(nickname(&text).is_err(), control, "nickname {code:#x}");
        if control {
            assert!(avatar_url(&format!("https://a/{text}")).is_err(), "{code:#x}");
        }
    }
}

#[test]
fn a_nickname_is_kept_as_it_was_given() {
    accepted(
        nickname,
        &[
            "Amy",
            " Amy ",
            " ",
            "<script>alert(1)</script>",
            "\u{202e}ymA",
            "\u{200d}",
            &"x".repeat(256),
            &"👩".repeat(256),
        ],
    );
}

#[test]
fn a_nickname_that_breaks_a_rule_is_told_which() {
    refused(nickname, "nickname: must not be empty", &[""]);
    refused(
        nickname,
        "nickname: must be at most 256 characters",
        &[&"x".repeat(257), &"👩".repeat(257), &"e\u{301}".repeat(129)],
    );
    refused(
        nickname,
        "nickname: must not contain control characters",
        &["\0", "Amy\n", "A\tmy", "\u{7f}", "A\u{85}"],
    );
}

#[test]
fn an_avatar_url_is_kept_as_it_was_given() {
    let longest = format!("https://example.com/{}", "x".repeat(2_048 - 20));
    assert_eq!(longest.len(), AvatarUrl::MAX_BYTES);
    accepted(
        avatar_url,
        &[
            "https://example.com/avatar.jpg",
            "http://example.com",
            "HTTPS://EXAMPLE.COM/A",
            "hTTp://a/",
            "https://a?b=c",
            "https://a#b",
            "https://a.b:443/",
            "https://a:/",
            "https://a:0/",
            "https://a:65535/",
            "https://192.0.2.1/",
            "https://[2001:db8::1]/a",
            "https://[::]",
            "https://[::]:80/",
            "https://[::ffff:192.0.2.1]:8080/",
            "https://例え.jp/絵.png",
            "https://a/%20",
            "https://a/b@c",
            "https://a/?u=x@y",
            "https://a/#x@y",
            "https://a//b/../c",
            "https://a/b\\c",
            "https://a/https://b",
            "https://a-b_c~d.e/",
            &longest,
        ],
    );
}

#[test]
fn an_avatar_url_that_breaks_a_rule_is_told_which() {
    refused(avatar_url, "avatarUrl: must not be empty", &[""]);
    refused(
        avatar_url,
        "avatarUrl: must be at most 2048 bytes",
        &[&format!("https://example.com/{}", "x".repeat(2_048 - 19))],
    );
    refused(
        avatar_url,
        "avatarUrl: must not contain spaces or control characters",
        &[
            " https://a/",
            "https://a/ ",
            "https://a/b c",
            "https://a/\n",
            "https://\0a/",
            "https://a/\u{7f}",
            "https://a/\u{85}",
            "https://a/\u{a0}",
            "https://a/\u{3000}",
            "java\tscript://a/",
        ],
    );
    refused(
        avatar_url,
        "avatarUrl: must be an absolute http or https URL",
        &[
            "a",
            "/avatar.jpg",
            "//example.com/a",
            "example.com/a",
            "http:",
            "http:/a",
            "http:a",
            "https:\\\\a/",
            "ftp://a/",
            "httpss://a/",
            "javascript:alert(1)",
            "javascript://a/%0aalert(1)",
            "data:image/png;base64,AAAA",
            "file:///etc/passwd",
            "://a",
        ],
    );
}

#[test]
fn an_avatar_url_whose_authority_breaks_a_rule_is_told_which() {
    refused(
        avatar_url,
        "avatarUrl: must not contain user info",
        &[
            "https://user@a/",
            "https://user:pass@a/",
            "https://@a/",
            "https://a@/",
            "https://a:80@b/",
            "https://a\\@b/",
            "https://example.com@evil.example/",
        ],
    );
    refused(
        avatar_url,
        "avatarUrl: must have a host",
        &[
            "https://",
            "https:///",
            "https:///a",
            "https://?a",
            "https://#a",
            "https://:80/",
        ],
    );
    refused(
        avatar_url,
        "avatarUrl: must have a valid host",
        &[
            // A browser ends the host at `\`, RFC 3986 does not: one would see `a`, the other `b`.
            "https://a\\.b/",
            "https://a\\b",
            "https://\\a/",
            "https://[/",
            "https://[]/",
            "https://[::1/",
            "https://::1]/",
            "https://[::1]a/",
            "https://[1.2.3.4]/",
            "https://[fe80::1%25eth0]/",
            "https://[v1.a]/",
            "https://a<b/",
            "https://a\"b/",
            "https://a|b/",
            "https://{a}/",
            "https://a^b/",
            "https://a`b/",
            // No percent-encoding: what it stands for is read in several ways.
            "http://%zz/",
            "http://%/",
            "http://a%2Fb/",
            "http://a%40b/",
            "http://a%00b/",
            "http://a%41b/",
            // Beyond ASCII letters and digits alone.
            "http://\u{ad}/",
            "http://a\u{fffd}b/",
            "http://a\u{202e}b/",
            "http://a\u{fdd0}b/",
            "http://a\u{ffff}b/",
            "http://a\u{10ffff}b/",
            "http://a\u{ff0f}b/",
            "http://a\u{ff20}b/",
            "http://a\u{ff0e}b/",
            "http://a\u{3002}b/",
            "http://a\u{2488}b/",
            "http://a\u{2100}b/",
            "http://a\u{200b}b/",
            "http://\u{1f4a9}/",
            // Symbols that Unicode counts among what is alphabetic.
            "http://\u{24b6}bc/",
            "http://\u{24e9}bc/",
            "http://\u{1f130}bc/",
            "http://\u{1f150}bc/",
            "http://\u{1f189}bc/",
        ],
    );
    refused(
        avatar_url,
        "avatarUrl: must have a valid port",
        &[
            "https://a:65536/",
            "https://a:-1/",
            "https://a:+1/",
            "https://a:8o/",
            "https://a:80:80/",
            "https://a:99999999999999999999/",
            "https://[::1]:x/",
            "https://a:\u{663}/",
        ],
    );
}

#[test]
fn an_empty_nickname_or_avatar_url_clears_the_field_and_an_absent_one_keeps_it() {
    let asked = NewUser::new("amy").unwrap();
    assert_eq!(*asked.nickname_patch(), Patch::Keep);
    assert_eq!(*asked.avatar_url_patch(), Patch::Keep);
    let asked = asked.nickname("").unwrap().avatar_url("").unwrap();
    assert_eq!(*asked.nickname_patch(), Patch::Clear);
    assert_eq!(*asked.avatar_url_patch(), Patch::Clear);
    let stored = Nickname::parse("Amy").unwrap();
    assert_eq!(Patch::Keep.apply_to(Some(&stored)), Some(stored.clone()));
    assert_eq!(Patch::<Nickname>::Clear.apply_to(Some(&stored)), None);
    assert_eq!(Patch::Set(stored.clone()).apply_to(None), Some(stored));
}

#[test]
fn an_error_never_repeats_the_value() {
    let secret = "hunter2\n";
    for error in [
        user_id(secret).unwrap_err(),
        nickname(secret).unwrap_err(),
        avatar_url(secret).unwrap_err(),
    ] {
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

proptest! {
    #[test]
    fn a_field_is_kept_byte_for_byte_or_refused_and_never_panics(text in "\\PC{0,300}|.{0,300}|[ -~]{0,40}") {
        kept_or_refused(&text);
    }

    #[test]
    fn an_avatar_url_never_panics_and_has_a_host_where_accepted(
        text in "(http|https|HTTP)://[a\\[\\]:@/\\\\.#?%1é ]{0,12}",
    ) {
        if let Ok(kept) = avatar_url(&text) {
            prop_assert_eq!(&kept, &text);
            let rest = &text[text.find("://").unwrap() + 3..];
            prop_assert!(!rest.is_empty() && !rest.starts_with(['/', '?', '#', ':', '@', '\\']));
            let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
            prop_assert!(!authority.contains(['@', '\\']));
        }
    }
}

fn kept_or_refused(text: &str) {
    for (field, said) in [
        ("_id", user_id(text)),
        ("nickname", nickname(text)),
        ("avatarUrl", avatar_url(text)),
    ] {
        match said {
            Ok(kept) => assert_eq!(kept.as_bytes(), text.as_bytes()),
            Err(error) => assert_eq!(error.field(), field),
        }
    }
}

/// The Big List of Naughty Strings, where it is there: it is data of others, and no part of this tree.
#[test]
fn each_naughty_string_is_kept_byte_for_byte_or_refused() {
    let Some(text) = vectors::text("naughty-strings/blns.json") else {
        return;
    };
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
    for string in &strings {
        kept_or_refused(string);
    }
    assert_eq!(strings.len(), 515);
    let kept = strings.iter().filter(|string| user_id(string).is_ok()).count();
    assert!(kept > 400, "{kept} of them are ids like any other");
}
