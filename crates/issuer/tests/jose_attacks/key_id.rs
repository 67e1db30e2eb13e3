//! `kid`: a name that is compared, and nothing else.

use issuer::{
    KeyFingerprint,
    jose::{KeyError, KeySet, SigningKey, UnverifiedToken, VerifyError},
};
use ring::hmac;

use crate::jose_forge::{CLAIMS, SECRET, b64, mac_over};

/// One key named `a`, one without a name.
fn two() -> KeySet {
    KeySet::new(SigningKey::hs256(SECRET).unwrap().with_kid("a").unwrap())
        .verify_also(SigningKey::hs256([1; 32]).unwrap())
        .unwrap()
}

fn verify_under(secret: &[u8], header: &str) -> Result<KeyFingerprint, VerifyError> {
    let token = mac_over(
        hmac::HMAC_SHA256,
        secret,
        &format!("{}.{}", b64(header), b64(CLAIMS)),
    );
    let parsed = UnverifiedToken::parse(&token).unwrap();
    parsed.verify(&two()).map(|payload| payload.key())
}

fn named(kid: &str) -> String {
    format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)
}

/// A name that is almost that of a key.
/// Source: RFC 7515 section 4.1.4.
#[test]
fn a_kid_names_one_key_or_none() {
    assert_eq!(verify_under(&SECRET, &named("a")), Ok(two().active_fingerprint()));
    for kid in ["b", "A", "a ", " a", "", "aa", "a\\u0000", "\\u0430"] {
        assert_eq!(
            verify_under(&SECRET, &named(kid)),
            Err(VerifyError::UnknownKey),
            "{kid}"
        );
    }
}

/// A token without `kid`, or with another's, in the hope that every key is tried.
/// Source: draft-ietf-oauth-rfc8725bis-09 section 3.1.
#[test]
fn keys_are_not_tried_one_after_the_other() {
    assert_eq!(
        verify_under(&SECRET, r#"{"alg":"HS256"}"#),
        Err(VerifyError::Signature)
    );
    assert_eq!(verify_under(&[1; 32], &named("a")), Err(VerifyError::Signature));
    assert!(verify_under(&[1; 32], r#"{"alg":"HS256"}"#).is_ok());
}

/// A path as `kid`, signed with what that file holds.
/// Source: RFC 8725 section 2.9.
#[test]
fn a_kid_is_no_path() {
    for kid in [
        "../../../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "..\\\\..\\\\nul",
        "%2e%2e%2fdev%2fnull",
    ] {
        assert_eq!(
            verify_under(b"", &named(kid)),
            Err(VerifyError::UnknownKey),
            "{kid}"
        );
    }
}

/// A query as `kid` that would select a secret of the attacker's.
/// Source: RFC 8725 section 3.10.
#[test]
fn a_kid_is_no_query() {
    for kid in [
        "a' OR '1'='1",
        "x' UNION SELECT 'own' --",
        "a\\\"; DROP TABLE keys; --",
        "*)(kid=*",
    ] {
        for secret in [&b"own"[..], &SECRET] {
            assert_eq!(
                verify_under(secret, &named(kid)),
                Err(VerifyError::UnknownKey),
                "{kid}"
            );
        }
    }
}

/// A command, a template or a placeholder as `kid`.
/// Source: RFC 8725 section 2.9.
#[test]
fn a_kid_is_no_command() {
    for kid in [
        "a|sleep 1",
        "|/bin/true",
        "$(id)",
        "`id`",
        "${jndi:ldap://x/a}",
        "{{a}}",
    ] {
        assert_eq!(
            verify_under(&SECRET, &named(kid)),
            Err(VerifyError::UnknownKey),
            "{kid}"
        );
    }
}

/// A `kid` that is no string.
/// Source: RFC 7515 section 4.1.4.
#[test]
fn a_kid_that_is_no_string_is_refused() {
    for kid in ["null", "0", "1", "true", r#"["a"]"#, r#"{"a":"a"}"#] {
        let header = format!(r#"{{"alg":"HS256","kid":{kid}}}"#);
        for secret in [&SECRET[..], &[1; 32]] {
            assert_eq!(
                verify_under(secret, &header),
                Err(VerifyError::Malformed),
                "{kid}"
            );
        }
    }
}

/// A name given to a key that would close its string in the header and add a parameter.
/// Source: RFC 8725 section 3.10.
#[test]
fn a_kid_cannot_write_into_the_header() {
    for kid in [
        "a\"",
        "a\",\"alg\":\"none",
        "a\\",
        "a b",
        "a\n",
        "é",
        "",
        "a\u{7f}",
        &"a".repeat(129),
    ] {
        let key = SigningKey::hs256(SECRET).unwrap();
        assert_eq!(key.with_kid(kid).unwrap_err(), KeyError::Kid, "{kid:?}");
    }
    assert!(
        SigningKey::hs256(SECRET)
            .unwrap()
            .with_kid(&"~".repeat(128))
            .is_ok()
    );
}

/// Two keys of one name, so that the second is hidden or takes the place of the first.
/// Source: RFC 7517 section 4.5.
#[test]
fn two_keys_of_one_name_are_refused_when_they_are_read() {
    let key =
        |kid: &str, byte: u8| format!(r#"{{"kty":"oct","alg":"HS256"{kid},"k":"{}"}}"#, b64([byte; 32]));
    for kid in ["", r#","kid":"a""#] {
        let set = format!(r#"{{"keys":[{},{}]}}"#, key(kid, 1), key(kid, 2));
        assert_eq!(KeySet::from_jwks(&set).unwrap_err(), KeyError::DuplicateKid);
    }
    let escaped = format!(
        r#"{{"keys":[{},{}]}}"#,
        key(r#","kid":"a""#, 1),
        key(r#","kid":"\u0061""#, 2)
    );
    assert_eq!(KeySet::from_jwks(&escaped).unwrap_err(), KeyError::DuplicateKid);
}
