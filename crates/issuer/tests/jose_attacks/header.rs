//! The JOSE header: what it may ask for, and what it may not.

use issuer::jose::{UnverifiedToken, VerifyError};
use ring::hmac;

use crate::jose_forge::{CLAIMS, SECRET, b64, forge, keys, mac_over, refusal, verify};

/// An extension that must be understood, in every form, under a good MAC.
/// Source: RFC 7515 section 4.1.11; CVE-2025-59420 (Authlib), CVE-2026-32597 (PyJWT), CVE-2026-35042 (fast-jwt).
#[test]
fn crit_is_refused_whatever_it_says() {
    for crit in [
        r#"["bork"],"bork":1"#,
        r#"["exp"]"#,
        r#"["alg"]"#,
        r#"["b64"]"#,
        "[]",
        "null",
        "false",
        r#""""#,
        r#"{"exp":1}"#,
    ] {
        let header = format!(r#"{{"alg":"HS256","crit":{crit}}}"#);
        assert_eq!(refusal(&forge(header, CLAIMS)), VerifyError::Extension, "{crit}");
    }
}

/// A payload that is not encoded, with and without the `crit` that goes with it.
/// Source: RFC 7797 sections 6 and 8.
#[test]
fn a_payload_that_is_not_base64_is_refused() {
    for b64 in ["false", "true", "null"] {
        for crit in ["", r#","crit":["b64"]"#] {
            let header = format!(r#"{{"alg":"HS256","b64":{b64}{crit}}}"#);
            assert_eq!(refusal(&forge(header, CLAIMS)), VerifyError::Extension, "{b64}");
        }
    }
    let raw = format!(
        "{}.{CLAIMS}",
        b64(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#)
    );
    assert_eq!(
        refusal(&mac_over(hmac::HMAC_SHA256, &SECRET, &raw)),
        VerifyError::Extension
    );
}

/// A compressed payload, which would be unpacked to far more than its size.
/// Source: RFC 7516 section 4.1.3; draft-ietf-oauth-rfc8725bis-09 section 2.12; CVE-2024-33664 (python-jose),
/// CVE-2024-28102 and CVE-2026-39373 (JWCrypto).
#[test]
fn nothing_is_ever_unpacked() {
    // DEFLATE (RFC 1951 section 3.2.4): one last block, stored, with its length and the complement of that.
    let len = u16::try_from(CLAIMS.len()).unwrap();
    let mut deflated = vec![1];
    deflated.extend_from_slice(&len.to_le_bytes());
    deflated.extend_from_slice(&(!len).to_le_bytes());
    deflated.extend_from_slice(CLAIMS.as_bytes());
    for header in [
        r#"{"alg":"HS256","zip":"DEF"}"#,
        r#"{"alg":"HS256","zip":"GZIP","typ":"JWT"}"#,
    ] {
        let token = forge(header, &deflated);
        assert_eq!(refusal(&token), VerifyError::Claims);
        let payload = UnverifiedToken::parse(&token).unwrap().verify(&keys()).unwrap();
        assert_eq!(payload.payload(), deflated);
    }
}

/// A parameter twice, so that two parsers read two headers.
/// Source: RFC 7515 section 4.
#[test]
fn no_header_parameter_stands_twice() {
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"a"}"#,
        r#"{"alg":"HS256","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","crit":[],"crit":[]}"#,
        r#"{"alg":"HS256","x":1,"x":1}"#,
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header}"
        );
    }
}

/// A parameter whose name is written with escapes, beside the plain one or instead of it.
/// Source: RFC 8259 section 8.3.
#[test]
fn a_parameter_written_with_escapes_is_that_parameter() {
    for header in [
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"a\u006cg":"HS256","alg":"none"}"#,
        r#"{"alg":"HS256","typ":"JWT","t\u0079p":"JWT"}"#,
        r#"{"alg":"HS256","x":1,"\u0078":1}"#,
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header}"
        );
    }
    assert_eq!(
        refusal(&forge(r#"{"alg":"HS256","cr\u0069t":["exp"]}"#, CLAIMS)),
        VerifyError::Extension
    );
    assert_eq!(
        refusal(&forge(r#"{"a\u006cg":"n\u006fne"}"#, CLAIMS)),
        VerifyError::Algorithm
    );
    assert!(verify(&forge(r#"{"a\u006cg":"\u0048S256"}"#, CLAIMS)).is_ok());
}

/// A header that is no object, or an object with something around it.
/// Source: RFC 7515 section 4; RFC 8725 section 3.7.
#[test]
fn a_header_is_one_json_object_in_utf_8() {
    for header in [
        &b""[..],
        b"null",
        b"\"HS256\"",
        br#"["HS256","JWT"]"#,
        br#"[{"alg":"HS256"}]"#,
        br#"{"alg":"HS256"}{}"#,
        br#"{"alg":"HS256"},"#,
        br#"{"alg":"HS256",}"#,
        b"{'alg':'HS256'}",
        br#"{"alg":"HS256"/**/}"#,
        b"\xEF\xBB\xBF{\"alg\":\"HS256\"}",
        b"{\"alg\":\"HS256\",\"x\":\"\xFF\"}",
        b"{\"alg\":\"HS256\",\"x\":\"\xED\xA0\x80\"}",
        b"{\"alg\":\"HS256\"}\0",
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header:?}"
        );
    }
}

/// A header in UTF-16 or UTF-32.
/// Source: RFC 8725 section 2.6.
#[test]
fn a_header_in_another_encoding_is_refused() {
    let text = r#"{"alg":"HS256"}"#;
    let utf_16: Vec<u16> = text.encode_utf16().collect();
    for header in [
        utf_16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf_16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        text.chars()
            .flat_map(|char| u32::from(char).to_be_bytes())
            .collect::<Vec<u8>>(),
    ] {
        assert_eq!(refusal(&forge(header, CLAIMS)), VerifyError::Malformed);
    }
}

/// A token of another kind under the same key: an access token of OAuth, a logout token, a security event.
/// Source: RFC 8725 sections 2.8 and 3.11; OWASP ASVS 5.0 V9.2.2.
#[test]
fn another_kind_of_jwt_is_not_ours() {
    for typ in [
        "at+jwt",
        "logout+jwt",
        "secevent+jwt",
        "JOSE",
        "JOSE+JSON",
        "application/at+jwt",
        "application/jwt;charset=utf-8",
        "text/jwt",
        "jwt/jwt",
        "JWT ",
        "",
    ] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), CLAIMS);
        assert_eq!(refusal(&token), VerifyError::Type, "{typ}");
        assert!(
            UnverifiedToken::parse(&token).unwrap().verify(&keys()).is_ok(),
            "{typ}"
        );
    }
}

/// A `typ` that is no string, so that nobody compares it.
/// Source: RFC 7515 section 4.1.9.
#[test]
fn a_type_that_is_no_string_is_refused() {
    for typ in ["null", "1", "false", r#"["JWT"]"#, r#"{"JWT":"JWT"}"#] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":{typ}}}"#), CLAIMS);
        assert_eq!(refusal(&token), VerifyError::Malformed, "{typ}");
    }
}

/// Claims in the header, where a verifier may look for them before the MAC, or instead of the payload.
/// Source: RFC 7519 section 5.3.
#[test]
fn claims_in_the_header_are_nobodys() {
    let header = r#"{"alg":"HS256","sub":"admin","iss":"me","aud":"chat","exp":253402300799}"#;
    let verified = verify(&forge(header, CLAIMS)).unwrap();
    assert_eq!(verified.subject(), "user001");
    assert_eq!(
        refusal(&forge(header, r#"{"sub":"user001"}"#)),
        VerifyError::Claims
    );
    assert_eq!(
        refusal(&forge(header, r#"{"sub":"user001","exp":1}"#)),
        VerifyError::Expired
    );
}
