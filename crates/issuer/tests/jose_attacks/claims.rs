//! The claims that name somebody or something: there, and of their type.

use issuer::{
    jose::{Expected, VerifyError},
    user::UserId,
};

use crate::{
    claims_refusal,
    jose_forge::{HEADER, NOW, at, forge, keys, verify},
};

/// A token without a subject, or with one that is no string.
/// Source: RFC 7519 section 4.1.2; RFC 8725 section 3.8.
#[test]
fn a_subject_is_a_string_and_is_there() {
    for sub in ["null", "1", "true", r#"["user001"]"#, r#"{"id":"user001"}"#] {
        assert_eq!(
            claims_refusal(format!(r#"{{"sub":{sub},"exp":2000000000}}"#)),
            VerifyError::Claims,
            "{sub}"
        );
    }
    assert_eq!(claims_refusal(r#"{"exp":2000000000}"#), VerifyError::Claims);
    assert_eq!(claims_refusal("{}"), VerifyError::Claims);
}

/// A subject that looks like another's: padded, composed otherwise, with letters of another script.
/// Source: RFC 7519 section 4.1.2; RFC 8725 section 3.8.
#[test]
fn a_subject_is_compared_byte_for_byte() {
    let victim = UserId::parse("jos\u{e9}").unwrap();
    for sub in [
        "jos\u{e9} ",
        " jos\u{e9}",
        "Jos\u{e9}",
        "jose\u{301}",
        "j\u{43e}s\u{e9}",
        "jos\u{e9}\\u0000",
    ] {
        let token = forge(HEADER, format!(r#"{{"sub":"{sub}","exp":2000000000}}"#));
        let verified = verify(&token).unwrap();
        let named = UserId::parse(verified.subject());
        assert!(named.is_err() || named.unwrap() != victim, "{sub:?}");
    }
}

/// Other registered claims of the wrong type, which a lenient reader takes for absent.
/// Source: RFC 7519 section 4.1.
#[test]
fn a_claim_of_the_wrong_type_is_not_absent() {
    let any = Expected::new().any_issuer().any_audience();
    for extra in [
        r#""iss":null"#,
        r#""iss":1"#,
        r#""iss":{}"#,
        r#""jti":null"#,
        r#""jti":1"#,
        r#""aud":null"#,
        r#""aud":1"#,
        r#""aud":{}"#,
    ] {
        let token = forge(HEADER, format!(r#"{{"sub":"u","exp":2000000000,{extra}}}"#));
        let refused = keys().verify(&token, &any, at(NOW));
        assert_eq!(refused.unwrap_err(), VerifyError::Claims, "{extra}");
    }
}

/// A `jti` that is none of ours, in the hope that it names somebody's record.
/// Source: RFC 7519 section 4.1.7.
#[test]
fn a_jti_of_another_form_is_no_token_id() {
    for jti in [
        "",
        "a",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAA+/",
        "AAAAAAAAAAAAAAAAAAAAAA\\u0000",
    ] {
        let token = forge(HEADER, format!(r#"{{"sub":"u","exp":2000000000,"jti":"{jti}"}}"#));
        assert_eq!(verify(&token).unwrap().token_id(), None, "{jti}");
    }
}
