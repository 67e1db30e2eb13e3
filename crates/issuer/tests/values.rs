//! The values that every record is made of: what they hold, and how they are written and read.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use issuer::{
    Digest, KeyFingerprint, Lifetime, Timestamp, TokenId,
    state::{ApiKeyRecord, ApiKeyScope, Control, ControlError, Version},
};
use proptest::prelude::*;
use time::OffsetDateTime;

fn unix(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

// ------------------------------------------------------------------------------------- Timestamp

#[test]
fn a_date_is_read_as_rfc_3339_has_it() {
    for (text, seconds) in [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-06-30T12:00:00Z", 1_751_284_800),
        ("2025-06-30t12:00:00z", 1_751_284_800),
        ("2025-06-30T14:00:00+02:00", 1_751_284_800),
        ("2025-06-30T01:30:00-10:30", 1_751_284_800),
        ("2025-06-30T12:00:00+00:00", 1_751_284_800),
        ("2025-06-30T12:00:00-00:00", 1_751_284_800),
        ("2025-07-01T11:59:00+23:59", 1_751_284_800),
        ("2024-02-29T00:00:00Z", 1_709_164_800),
        ("2000-02-29T00:00:00Z", 951_782_400),
        ("1969-12-31T23:59:59Z", -1),
        ("1900-01-01T00:00:00Z", -2_208_988_800),
        ("0000-01-01T00:00:00Z", -62_167_219_200),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ] {
        assert_eq!(Timestamp::parse_rfc3339(text), Ok(unix(seconds)), "{text}");
    }
}

#[test]
fn fractions_of_a_second_are_cut_off_never_rounded() {
    for text in [
        "2025-06-30T12:00:00.0Z",
        "2025-06-30T12:00:00.5Z",
        "2025-06-30T12:00:00.999Z",
        "2025-06-30T12:00:00.999999999Z",
        "2025-06-30T12:00:00.9999999999999999999999999Z",
        "2025-06-30T14:00:00.999+02:00",
    ] {
        assert_eq!(Timestamp::parse_rfc3339(text), Ok(unix(1_751_284_800)), "{text}");
    }
    // Towards the past, also before 1970: the digits that stand there are the ones that are kept.
    let before = Timestamp::parse_rfc3339("1969-12-31T23:59:58.999Z").unwrap();
    assert_eq!(before.to_string(), "1969-12-31T23:59:58Z");
    let last = Timestamp::parse_rfc3339("9999-12-31T23:59:59.999Z").unwrap();
    assert_eq!(last, Timestamp::MAX);
}

#[test]
fn any_other_form_of_a_date_is_refused() {
    for text in [
        "",
        "2025-06-30",
        "2025-06-30T12:00:00",
        "2025-06-30T12:00Z",
        "2025-06-30 12:00:00Z",
        "2025-06-30_12:00:00Z",
        "2025-06-30T12:00:00 Z",
        " 2025-06-30T12:00:00Z",
        "2025-06-30T12:00:00Z ",
        "2025-06-30T12:00:00Z\n",
        "2025-06-30T12:00:00ZZ",
        "2025-06-30T12:00:00.Z",
        "2025-06-30T12:00:00,5Z",
        "2025-06-30T12:00:00+0200",
        "2025-06-30T12:00:00+02",
        "2025-06-30T12:00:00+2:00",
        "2025-06-30T12:00:00+24:00",
        "2025-06-30T12:00:00+02:60",
        "2025-06-30T12:00:00\u{2212}02:00",
        "20250630T120000Z",
        "2025-6-30T12:00:00Z",
        "25-06-30T12:00:00Z",
        "+2025-06-30T12:00:00Z",
        "-2025-06-30T12:00:00Z",
        "12025-06-30T12:00:00Z",
        "2025-W27-1T12:00:00Z",
        "2025-181T12:00:00Z",
        "1751284800",
        "Mon, 30 Jun 2025 12:00:00 GMT",
        "２０２５-06-30T12:00:00Z",
    ] {
        assert!(Timestamp::parse_rfc3339(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_day_or_a_second_that_does_not_exist_is_refused() {
    for text in [
        "2025-00-01T00:00:00Z",
        "2025-13-01T00:00:00Z",
        "2025-06-00T00:00:00Z",
        "2025-06-31T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-06-30T24:00:00Z",
        "2025-06-30T25:00:00Z",
        "2025-06-30T12:60:00Z",
        "2025-06-30T12:00:61Z",
    ] {
        assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
    }
}

#[test]
fn a_leap_second_is_refused() {
    for text in [
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:60.5Z",
        "2017-01-01T00:59:60+01:00",
        "2025-06-30T12:00:60Z",
    ] {
        assert!(Timestamp::parse_rfc3339(text).is_err(), "{text}");
    }
}

#[test]
fn a_date_is_judged_by_its_year_in_utc() {
    let read = Timestamp::parse_rfc3339;
    assert_eq!(read("9999-12-31T23:59:59+00:01"), Ok(unix(253_402_300_739)));
    assert!(read("9999-12-31T23:59:59-00:01").is_err());
    assert!(read("9999-12-31T23:00:00-01:00").is_err());
    assert_eq!(read("9999-12-31T22:59:59-01:00"), Ok(Timestamp::MAX));
    assert!(read("0000-01-01T00:00:00+00:01").is_err());
    assert_eq!(read("0000-01-01T00:01:00+00:01"), Ok(Timestamp::MIN));
}

#[test]
fn a_date_is_written_in_utc_with_whole_seconds_and_z() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1_751_284_800, "2025-06-30T12:00:00Z"),
        (-62_135_596_801, "0000-12-31T23:59:59Z"),
    ] {
        assert_eq!(unix(seconds).to_string(), text);
    }
    assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
}

#[test]
fn a_moment_outside_the_years_0_to_9999_does_not_exist() {
    assert_eq!(Timestamp::from_unix(Timestamp::MAX.as_unix() + 1), None);
    assert_eq!(Timestamp::from_unix(Timestamp::MIN.as_unix() - 1), None);
    assert_eq!(Timestamp::from_unix(i64::MAX), None);
    assert_eq!(Timestamp::from_unix(i64::MIN), None);
    assert_eq!(Timestamp::MAX.checked_add(Lifetime::MIN), None);
    assert_eq!(unix(0).checked_add_seconds(i64::MAX), None);
    assert_eq!(unix(-1).checked_add_seconds(i64::MIN), None);
    assert_eq!(Timestamp::MAX.saturating_add_seconds(1), Timestamp::MAX);
    assert_eq!(unix(1).saturating_add_seconds(i64::MAX), Timestamp::MAX);
    assert_eq!(unix(-1).saturating_add_seconds(i64::MIN), Timestamp::MIN);
    assert_eq!(unix(5).saturating_add_seconds(-7), unix(-2));
    assert_eq!(Timestamp::MIN.seconds_since(Timestamp::MAX), -315_569_519_999);
}

#[test]
fn a_clock_is_cut_to_whole_seconds_towards_the_past() {
    for (nanoseconds, seconds) in [(1_999_999_999, 1), (0, 0), (-1, -1), (-1_000_000_000, -1)] {
        let clock = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        assert_eq!(Timestamp::try_from(clock), Ok(unix(seconds)), "{nanoseconds}");
    }
    let negative_year = OffsetDateTime::from_unix_timestamp(Timestamp::MIN.as_unix() - 1).unwrap();
    assert!(Timestamp::try_from(negative_year).is_err());
}

proptest! {
    #[test]
    fn a_date_that_was_written_is_read_back(
        seconds in Timestamp::MIN.as_unix()..=Timestamp::MAX.as_unix(),
    ) {
        let text = unix(seconds).to_string();
        prop_assert_eq!(text.len(), 20);
        prop_assert_eq!(Timestamp::parse_rfc3339(&text), Ok(unix(seconds)));
        let moment = OffsetDateTime::from(unix(seconds));
        prop_assert_eq!(Timestamp::try_from(moment), Ok(unix(seconds)));
    }

    #[test]
    fn an_offset_moves_a_date_and_a_fraction_does_not(
        seconds in -60_000_000_000_i64..250_000_000_000, hours in 0_i64..24, minutes in 0_i64..60, fraction in "[0-9]{1,12}",
    ) {
        let local = unix(seconds).to_string();
        let local = local.trim_end_matches('Z');
        let offset = hours * 3_600 + minutes * 60;
        let east = Timestamp::parse_rfc3339(&format!("{local}.{fraction}+{hours:02}:{minutes:02}"));
        prop_assert_eq!(east, Ok(unix(seconds - offset)));
        let west = Timestamp::parse_rfc3339(&format!("{local}.{fraction}-{hours:02}:{minutes:02}"));
        prop_assert_eq!(west, Ok(unix(seconds + offset)));
    }

    #[test]
    fn reading_a_date_never_panics(
        text in "\\PC{0,40}|[0-9TtZz:+. -]{0,40}|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}.{0,8}",
    ) {
        let _ = Timestamp::parse_rfc3339(&text);
    }
}

// -------------------------------------------------------------------------------------- Lifetime

#[test]
fn a_lifetime_is_1_second_to_3653_days() {
    assert_eq!(Lifetime::from_seconds(1), Ok(Lifetime::MIN));
    assert_eq!(Lifetime::from_seconds(315_619_200), Ok(Lifetime::MAX));
    assert_eq!(Lifetime::from_days(3_653), Ok(Lifetime::MAX));
    assert_eq!(Lifetime::default().as_seconds(), 604_800);
    for seconds in [0, -1, 315_619_201, i64::MIN, i64::MAX] {
        let error = Lifetime::from_seconds(seconds).unwrap_err();
        assert_eq!(error.to_string(), "a lifetime must be 1 second to 3653 days");
    }
    for days in [0, -1, 3_654, i64::MIN, i64::MAX, i64::MAX / 86_400 + 1] {
        assert!(Lifetime::from_days(days).is_err(), "{days}");
    }
}

// --------------------------------------------------------------------------------------- TokenId

#[test]
fn a_token_id_has_one_text() {
    let zero = TokenId::from_bytes([0; 16]);
    assert_eq!(zero.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(format!("{zero:?}"), "TokenId(AAAAAAAAAAAAAAAAAAAAAA)");
    assert_eq!(TokenId::parse("AAAAAAAAAAAAAAAAAAAAAA"), Some(zero));
    let full = TokenId::from_bytes([0xff; 16]);
    assert_eq!(full.to_string(), "_____________________w");
    assert_eq!(TokenId::parse("_____________________w"), Some(full));
    for text in [
        "",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAH",
        "_____________________x",
        "/////////////////////w",
        "+++++++++++++++++++++w",
        "AAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        " AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAA\nAAAAAAAAAA",
        "éAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAé",
    ] {
        assert_eq!(TokenId::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_token_id_ascends_with_time_whatever_chance_adds() {
    let mut last = TokenId::from_parts(0, [0xff; 10]);
    for millis in [
        1,
        2,
        255,
        256,
        1_750_000_000_000,
        1_750_000_000_001,
        (1 << 48) - 1,
    ] {
        let next = TokenId::from_parts(millis, [0; 10]);
        assert!(next > last, "{millis}");
        last = TokenId::from_parts(millis, [0xff; 10]);
    }
}

#[test]
fn a_token_id_is_48_bits_of_milliseconds_and_then_the_random_bits() {
    let id = TokenId::from_parts(0x0102_0304_0506, [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let expected: Vec<u8> = (1..=16).collect();
    assert_eq!(id.as_bytes().as_slice(), expected);
    assert_eq!(
        TokenId::from_parts(1 << 48, [1; 10]),
        TokenId::from_parts(0, [1; 10])
    );
}

proptest! {
    #[test]
    fn a_token_id_that_was_written_is_read_back(bytes: [u8; 16]) {
        let id = TokenId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.as_bytes(), id.encode());
        prop_assert_eq!(TokenId::parse(&text), Some(id));
    }

    #[test]
    fn a_text_that_is_read_as_a_token_id_is_the_one_that_is_written(text in "[A-Za-z0-9_-]{22}|.{0,30}|[A-Za-z=+/]{20,24}") {
        if let Some(id) = TokenId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_later_millisecond_has_a_greater_token_id(early in 0_u64..(1 << 48) - 1, late in 1_u64..1 << 47, a: [u8; 10], b: [u8; 10]) {
        let late = early.saturating_add(late).min((1 << 48) - 1);
        prop_assert!(TokenId::from_parts(early, a) < TokenId::from_parts(late, b));
    }
}

// ---------------------------------------------------------------------------------------- Digest

#[test]
fn a_digest_is_sha_256() {
    // FIPS 180-4's example "abc".
    let expected = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0,
        0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
    ];
    assert_eq!(Digest::of(b"abc"), Digest::from_bytes(expected));
    assert_eq!(*Digest::of(b"abc").as_bytes(), expected);
}

#[test]
fn two_lists_of_parts_never_share_a_digest_because_they_share_their_bytes() {
    let lists: [&[&[u8]]; 8] = [
        &[],
        &[b""],
        &[b"", b""],
        &[b"ab", b"c"],
        &[b"a", b"bc"],
        &[b"abc"],
        &[b"abc", b""],
        &[b"\0\0\0\0\0\0\0\x03abc"],
    ];
    for (at, one) in lists.iter().enumerate() {
        for other in &lists[at + 1..] {
            assert_ne!(
                Digest::of_parts(one),
                Digest::of_parts(other),
                "{one:?} {other:?}"
            );
        }
    }
}

#[test]
fn debug_shows_of_a_digest_no_more_than_tells_two_apart() {
    assert_eq!(format!("{:?}", Digest::of(b"abc")), "Digest(ba78..)");
    assert_eq!(
        format!("{:?}", KeyFingerprint::from_bytes([0xa; 16])),
        "KeyFingerprint(0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a)"
    );
}

#[test]
fn a_fingerprint_and_a_version_are_the_bytes_that_they_were_made_of() {
    let bytes = std::array::from_fn(|index| u8::try_from(index).unwrap());
    assert_eq!(KeyFingerprint::from_bytes(bytes).as_bytes(), &bytes);
    assert_eq!(Version::from_bytes(bytes).as_bytes(), &bytes);
}

// --------------------------------------------------------------------------------------- Control

fn control() -> Control {
    Control {
        api_keys: vec![ApiKeyRecord {
            name: "first \"key\" é".to_owned(),
            hash: Digest::of(b"secret"),
            scope: ApiKeyScope::Full,
            created_at: unix(1),
            expires_at: Some(unix(2)),
            revoked_at: None,
        }],
    }
}

#[test]
fn the_control_record_is_readable_json() {
    let text = control().to_json().unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["format"], 1);
    let key = &json["api_keys"][0];
    assert_eq!(key["name"], "first \"key\" é");
    assert_eq!(key["scope"], "full");
    assert_eq!(key["created_at"], 1);
    assert_eq!(key["expires_at"], 2);
    assert_eq!(key["revoked_at"], serde_json::Value::Null);
    assert_eq!(key["sha256"].as_str().map(str::len), Some(43));
    assert_eq!(Control::from_json(&text), Ok(control()));
}

#[test]
fn a_control_record_of_a_newer_version_is_told_apart_from_a_damaged_one() {
    for text in [
        r#"{"format":2}"#,
        r#"{"format":2,"api_keys":"moved elsewhere"}"#,
        r#"{"more":[],"format":4294967295}"#,
    ] {
        assert_eq!(Control::from_json(text), Err(ControlError::Newer), "{text}");
    }
}

#[test]
fn a_damaged_control_record_is_never_read_as_one_with_fewer_keys() {
    let good = control().to_json().unwrap();
    for at in 0..good.len() {
        if let Some(cut) = good.get(..at) {
            assert_eq!(Control::from_json(cut), Err(ControlError::Damaged), "{cut}");
        }
    }
    for text in [
        "",
        "null",
        "[]",
        "[1]",
        "{}",
        r#"{"format":1}"#,
        r#"{"format":0,"api_keys":[]}"#,
        r#"{"format":-1,"api_keys":[]}"#,
        r#"{"format":"1","api_keys":[]}"#,
        r#"{"format":1.0,"api_keys":[]}"#,
        r#"{"format":1,"format":1,"api_keys":[]}"#,
        r#"{"format":1,"api_keys":[],"api_keys":[]}"#,
        r#"{"format":1,"api_keys":null}"#,
        r#"{"format":1,"api_keys":[null]}"#,
        r#"{"format":1,"api_keys":[{}]}"#,
        r#"{"format":1,"api_keys":[],"more":[]}"#,
        r#"{"format":1,"api_keys":[]} {}"#,
    ] {
        assert_eq!(Control::from_json(text), Err(ControlError::Damaged), "{text}");
    }
    for (what, with) in [
        ("\"full\"", "\"Full\""),
        ("\"full\"", "\"none\""),
        ("\"created_at\":1", "\"created_at\":1.5"),
        ("\"created_at\":1", "\"created_at\":999999999999999"),
        ("\"created_at\":1", "\"created_at\":null"),
        ("\"expires_at\":2", "\"expires_at\":\"never\""),
        ("\"sha256\":\"", "\"sha256\":\"A"),
        ("\"sha256\":\"", "\"sha256\":\"="),
        ("\"name\"", "\"nome\""),
    ] {
        let text = good.replacen(what, with, 1);
        assert_ne!(text, good);
        assert_eq!(Control::from_json(&text), Err(ControlError::Damaged), "{text}");
    }
}

#[test]
fn an_api_key_works_until_it_is_revoked_or_its_time_is_over() {
    let key = control().api_keys.remove(0);
    assert!(key.is_live(unix(1)));
    assert!(!key.is_live(unix(2)));
    let endless = ApiKeyRecord {
        expires_at: None,
        ..key.clone()
    };
    assert!(endless.is_live(Timestamp::MAX));
    let revoked = ApiKeyRecord {
        revoked_at: Some(unix(9)),
        ..endless
    };
    assert!(!revoked.is_live(unix(1)), "whatever the clock says");
}

fn api_key() -> impl Strategy<Value = ApiKeyRecord> {
    let moment = || (Timestamp::MIN.as_unix()..=Timestamp::MAX.as_unix()).prop_map(unix);
    let scope = prop_oneof![
        Just(ApiKeyScope::Read),
        Just(ApiKeyScope::Issue),
        Just(ApiKeyScope::Full)
    ];
    let optional = || proptest::option::of(moment());
    (
        ".{0,20}",
        any::<[u8; 32]>(),
        scope,
        moment(),
        optional(),
        optional(),
    )
        .prop_map(
            |(name, hash, scope, created_at, expires_at, revoked_at)| ApiKeyRecord {
                name,
                hash: Digest::from_bytes(hash),
                scope,
                created_at,
                expires_at,
                revoked_at,
            },
        )
}

proptest! {
    #[test]
    fn a_control_record_that_was_written_is_read_back(api_keys in proptest::collection::vec(api_key(), 0..5)) {
        let control = Control { api_keys };
        prop_assert_eq!(Control::from_json(&control.to_json().unwrap()), Ok(control));
    }

    #[test]
    fn reading_a_control_record_never_panics(text in ".{0,60}|[\\[\\]{}\":,0-9a-z_]{0,60}") {
        let _ = Control::from_json(&text);
    }
}
