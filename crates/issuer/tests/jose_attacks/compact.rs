//! The compact serialization: three parts and no other form of a JWT.

use allocation_counter::measure;
use issuer::jose::{UnverifiedToken, VerifyError};
use ring::hmac;

use crate::jose_forge::{CLAIMS, HEADER, SECRET, b64, forge, keys, mac_over, refusal, verify};

const FORGED: &str = r#"{"sub":"admin","exp":2000000000}"#;

/// Header, payload and signature of a good token.
fn parts() -> [String; 3] {
    let good = forge(HEADER, CLAIMS);
    let parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// A dot too many or too few.
/// Source: RFC 7515 section 7.1.
#[test]
fn a_token_has_exactly_three_parts() {
    let good = forge(HEADER, CLAIMS);
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", b64("{}")),
        good.replacen('.', "..", 1),
        good.replacen('.', "", 1),
    ] {
        assert_eq!(refusal(&token), VerifyError::Malformed, "{token}");
    }
    // The MAC may be over four parts; they are too many all the same.
    let four = mac_over(
        hmac::HMAC_SHA256,
        &SECRET,
        &format!("{}.{}.e30", b64(HEADER), b64(CLAIMS)),
    );
    assert_eq!(refusal(&four), VerifyError::Malformed);
}

/// A good token without its signature, with or without the dot.
/// Source: RFC 8725 section 2.1; OWASP ASVS 5.0 V9.1.1.
#[test]
fn a_token_stripped_of_its_signature_is_refused() {
    let [header, payload, _] = parts();
    assert_eq!(refusal(&format!("{header}.{payload}.")), VerifyError::Signature);
    assert_eq!(refusal(&format!("{header}.{payload}")), VerifyError::Malformed);
    assert_eq!(
        refusal(&format!("{header}.{}.", b64(FORGED))),
        VerifyError::Signature
    );
}

/// A payload that is left out, to be filled in by somebody else.
/// Source: RFC 7515 appendix F.
#[test]
fn a_detached_payload_is_refused() {
    let [header, _, signature] = parts();
    assert_eq!(refusal(&format!("{header}..{signature}")), VerifyError::Signature);
    // Even where nothing is what was signed.
    assert_eq!(refusal(&forge(HEADER, "")), VerifyError::Claims);
}

/// Five parts: an encrypted token where a signed one is due, or one around a token that nobody signed.
/// Source: RFC 8725 section 2.3; CVE-2023-51774 (json-jwt), CVE-2026-29000 (pac4j-jwt).
#[test]
fn an_encrypted_token_is_no_signed_one() {
    let header = b64(r#"{"alg":"dir","enc":"A128CBC-HS256"}"#);
    let plain = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(FORGED));
    for token in [
        format!("{header}..{}.{}.{}", b64([0; 16]), b64(&plain), b64([0; 16])),
        format!(
            "{}.{}.{}.{}.{}",
            b64(HEADER),
            b64([0; 16]),
            b64([0; 16]),
            b64(CLAIMS),
            b64([0; 32])
        ),
        mac_over(
            hmac::HMAC_SHA256,
            &SECRET,
            &format!("{}..{}.{}", b64(HEADER), b64([0; 16]), b64(CLAIMS)),
        ),
    ] {
        assert_eq!(refusal(&token), VerifyError::Malformed);
    }
}

/// A signed token within a signed token.
/// Source: RFC 7519 section 5.2; RFC 8725 section 3.3.
#[test]
fn a_token_within_a_token_is_no_claims() {
    let inner = forge(HEADER, CLAIMS);
    for header in [r#"{"alg":"HS256","cty":"JWT"}"#, HEADER] {
        assert_eq!(refusal(&forge(header, &inner)), VerifyError::Claims);
        assert_eq!(
            refusal(&forge(header, format!("\"{inner}\""))),
            VerifyError::Claims
        );
    }
    let wrapped = mac_over(hmac::HMAC_SHA256, &SECRET, &format!("{}.{inner}", b64(HEADER)));
    assert_eq!(refusal(&wrapped), VerifyError::Malformed);
}

/// The flattened JSON serialization of a good token.
/// Source: RFC 7515 section 7.2.2; draft-ietf-oauth-rfc8725bis-09 section 2.13.
#[test]
fn the_flattened_json_serialization_is_no_token() {
    let [header, payload, signature] = parts();
    let json = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#);
    assert_eq!(refusal(&json), VerifyError::Malformed);
    let unprotected = format!(r#"{{"payload":"{payload}","header":{HEADER},"signature":"{signature}"}}"#);
    assert_eq!(refusal(&unprotected), VerifyError::Malformed);
}

/// The general JSON serialization, with one good signature among several.
/// Source: RFC 7515 section 7.2.1; draft-ietf-oauth-rfc8725bis-09 section 2.13.
#[test]
fn several_signatures_are_no_signature() {
    let [header, payload, signature] = parts();
    let good = format!(r#"{{"protected":"{header}","signature":"{signature}"}}"#);
    let bad = format!(r#"{{"protected":"{}","signature":""}}"#, b64(r#"{"alg":"none"}"#));
    for signatures in [&good, &format!("{good},{bad}"), &format!("{bad},{good}")] {
        let json = format!(r#"{{"payload":"{payload}","signatures":[{signatures}]}}"#);
        assert_eq!(refusal(&json), VerifyError::Malformed);
    }
}

/// One text that is both: split at the dots it has forged claims, read as JSON it has a good signature.
/// Source: draft-ietf-oauth-rfc8725bis-09 section 2.13; CVE-2022-39227 (python-jwt).
#[test]
fn a_text_that_is_json_and_compact_at_once_is_no_token() {
    let [header, payload, signature] = parts();
    let forged = b64(FORGED);
    for token in [
        format!(
            r#"{{"  {header}.{forged}.":"","protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
        ),
        format!(
            r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}","x":".{forged}.{signature}"}}"#
        ),
        format!(r#"{header}.{forged}.{{"payload":"{payload}","signature":"{signature}"}}"#),
    ] {
        assert!(
            matches!(refusal(&token), VerifyError::Malformed | VerifyError::Signature),
            "{token}"
        );
    }
}

/// Thousands of dots, each of which would make a part.
/// Source: CVE-2025-27144 (go-jose), CVE-2025-30204 (golang-jwt), CVE-2025-22868 (golang.org/x/oauth2/jws).
#[test]
fn dots_without_number_cost_no_memory() {
    let good = forge(HEADER, CLAIMS);
    for token in [".".repeat(8_192), format!("{good}{}", ".".repeat(8_000))] {
        let counted = measure(|| {
            assert_eq!(
                UnverifiedToken::parse(&token).unwrap_err(),
                VerifyError::Malformed
            );
        });
        assert_eq!(counted.count_total, 0);
    }
    let megabyte = ".".repeat(1_000_000);
    let counted = measure(|| {
        assert_eq!(
            UnverifiedToken::parse(&megabyte).unwrap_err(),
            VerifyError::Oversized
        );
    });
    assert_eq!(counted.count_total, 0);
}

/// Parts of two good tokens, put together.
/// Source: RFC 8725 section 3.3.
#[test]
fn a_signature_is_for_one_header_and_one_payload() {
    let (one, other) = (forge(HEADER, CLAIMS), forge(r#"{"alg":"HS256"}"#, FORGED));
    let (one, other): (Vec<_>, Vec<_>) = (one.split('.').collect(), other.split('.').collect());
    for bits in 0..8_usize {
        let part = |index: usize| {
            if bits >> index & 1 == 0 {
                one[index]
            } else {
                other[index]
            }
        };
        let token = format!("{}.{}.{}", part(0), part(1), part(2));
        match bits {
            0 | 7 => assert!(verify(&token).is_ok()),
            _ => assert_eq!(refusal(&token), VerifyError::Signature, "{bits}"),
        }
    }
}

/// Something around a good token: white space, a scheme, quotes, a NUL.
/// Source: RFC 7515 section 7.1.
#[test]
fn a_token_is_not_trimmed() {
    let good = forge(HEADER, CLAIMS);
    for token in [
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\r\n"),
        format!("\u{feff}{good}"),
        format!("{good}\0"),
        format!("Bearer {good}"),
        format!("\"{good}\""),
        format!("{good},{good}"),
        good.replace('.', " . "),
    ] {
        assert!(
            matches!(refusal(&token), VerifyError::Malformed | VerifyError::Signature),
            "{token:?}"
        );
        assert!(
            keys()
                .verify(&token, &issuer::jose::Expected::new(), issuer::Timestamp::MIN)
                .is_err()
        );
    }
}
