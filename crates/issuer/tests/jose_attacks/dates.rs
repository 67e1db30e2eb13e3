//! `exp`, `nbf` and `iat`: integers in range, always looked at.

use issuer::{
    Timestamp,
    jose::{Expected, VerifyError},
};

use crate::{
    claims_refusal,
    jose_forge::{HEADER, NOW, at, forge, keys, verify},
};

/// Each date in turn with this value is refused as no date.
fn is_no_date(value: &str) {
    for claims in [
        format!(r#"{{"sub":"u","exp":{value}}}"#),
        format!(r#"{{"sub":"u","exp":2000000000,"nbf":{value}}}"#),
        format!(r#"{{"sub":"u","exp":2000000000,"iat":{value}}}"#),
    ] {
        assert_eq!(claims_refusal(&claims), VerifyError::Claims, "{claims}");
    }
}

/// A date as a string, which was taken for no date at all.
/// Source: RFC 7519 section 2; CVE-2026-25537 (jsonwebtoken for Rust).
#[test]
fn a_date_is_no_string() {
    for value in [
        r#""2000000000""#,
        r#""99999999999""#,
        r#""never""#,
        r#""""#,
        r#""2033-05-18T03:33:20Z""#,
    ] {
        is_no_date(value);
    }
}

/// A date as a fraction or with an exponent, where rounding and conversion differ.
/// Source: RFC 7519 section 2; RFC 8259 section 6.
#[test]
fn a_date_is_no_fraction() {
    for value in [
        "2000000000.0",
        "2000000000.5",
        "2e9",
        "2E+9",
        "1e400",
        "-0",
        "-0.0",
        "2000000000e0",
    ] {
        is_no_date(value);
    }
}

/// A date as null, a boolean, an array or an object.
/// Source: RFC 7519 sections 4.1.4 to 4.1.6.
#[test]
fn a_date_of_another_type_is_not_absent() {
    for value in ["null", "true", "false", "[2000000000]", "[]", "{}"] {
        is_no_date(value);
    }
}

/// A number that JSON does not have.
/// Source: RFC 8259 section 6.
#[test]
fn a_date_is_a_number_of_json() {
    for value in [
        "02000000000",
        "+2000000000",
        "0x7fffffff",
        "2_000_000_000",
        "NaN",
        "Infinity",
        "-Infinity",
        "2000000000n",
    ] {
        is_no_date(value);
    }
}

/// A date so large that it wraps around, in 32, 53, 63 or 64 bits, or one in milliseconds.
/// Source: RFC 8259 section 6.
#[test]
fn a_date_out_of_range_is_refused() {
    for value in [
        "253402300800",
        "-62167219201",
        "1750000000000",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
    ] {
        is_no_date(value);
    }
    let ends = r#"{"sub":"u","exp":253402300799,"iat":-62167219200,"nbf":0}"#;
    assert!(verify(&forge(HEADER, ends)).is_ok());
}

/// An expiry that is zero or negative, which some take for "never".
/// Source: RFC 7519 section 4.1.4.
#[test]
fn an_expiry_of_zero_or_less_has_passed() {
    for exp in [0, -1, -2_000_000_000, -62_167_219_200_i64] {
        assert_eq!(
            claims_refusal(format!(r#"{{"sub":"u","exp":{exp}}}"#)),
            VerifyError::Expired,
            "{exp}"
        );
    }
}

/// A token without an expiry.
/// Source: RFC 8725 section 3.10; OWASP ASVS 5.0 V9.2.1.
#[test]
fn a_token_without_an_expiry_does_not_live_for_ever() {
    for claims in [r#"{"sub":"u"}"#, r#"{"sub":"u","iat":1,"nbf":1}"#] {
        assert_eq!(claims_refusal(claims), VerifyError::Claims, "{claims}");
    }
}

/// A token before its time, and one at the very second of its end.
/// Source: RFC 7519 sections 4.1.4 and 4.1.5; OWASP ASVS 5.0 V9.2.1.
#[test]
fn a_token_lives_from_nbf_until_just_before_exp() {
    let token = forge(HEADER, r#"{"sub":"u","nbf":1000,"exp":2000}"#);
    let when = |expected: &Expected, now| keys().verify(&token, expected, at(now)).map(|_| ());
    let strict = Expected::new();
    assert_eq!(when(&strict, 999), Err(VerifyError::NotYetValid));
    assert_eq!((when(&strict, 1000), when(&strict, 1999)), (Ok(()), Ok(())));
    assert_eq!(when(&strict, 2000), Err(VerifyError::Expired));

    let lenient = Expected::new().leeway(30).unwrap();
    assert_eq!(
        (when(&lenient, 969), when(&lenient, 970)),
        (Err(VerifyError::NotYetValid), Ok(()))
    );
    assert_eq!(
        (when(&lenient, 2029), when(&lenient, 2030)),
        (Ok(()), Err(VerifyError::Expired))
    );
}

/// A leeway so large that nothing expires any more.
/// Source: RFC 7519 section 4.1.4.
#[test]
fn a_leeway_is_a_few_minutes_at_most() {
    assert!(Expected::new().leeway(300).is_ok());
    for seconds in [301, 86_400, u32::MAX] {
        assert!(Expected::new().leeway(seconds).is_err(), "{seconds}");
    }
}

/// A date near the end of time, so that adding the leeway wraps around.
/// Source: RFC 7519 section 4.1.4.
#[test]
fn leeway_at_the_ends_of_time_does_not_wrap_around() {
    let lenient = Expected::new().leeway(300).unwrap();
    let last = forge(HEADER, r#"{"sub":"u","nbf":-62167219200,"exp":253402300799}"#);
    assert!(keys().verify(&last, &lenient, Timestamp::MAX).is_ok());
    assert!(keys().verify(&last, &lenient, Timestamp::MIN).is_ok());
    let first = forge(HEADER, r#"{"sub":"u","exp":-62167219200}"#);
    assert_eq!(
        keys().verify(&first, &lenient, Timestamp::MAX).unwrap_err(),
        VerifyError::Expired
    );
    let never = forge(HEADER, r#"{"sub":"u","exp":253402300799,"nbf":253402300799}"#);
    assert_eq!(
        keys().verify(&never, &lenient, Timestamp::MIN).unwrap_err(),
        VerifyError::NotYetValid
    );
}

/// An issue date in the future, or before the first token ever: it lengthens nothing.
/// Source: RFC 7519 section 4.1.6.
#[test]
fn an_issue_date_gives_no_life() {
    for iat in [NOW + 1, 253_402_300_799, 0, -1] {
        let dead = format!(r#"{{"sub":"u","iat":{iat},"exp":{NOW}}}"#);
        assert_eq!(claims_refusal(dead), VerifyError::Expired, "{iat}");
        let early = format!(r#"{{"sub":"u","iat":{iat},"nbf":{},"exp":2000000000}}"#, NOW + 1);
        assert_eq!(claims_refusal(early), VerifyError::NotYetValid, "{iat}");
    }
}
