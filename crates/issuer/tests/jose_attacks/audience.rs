//! From whom, and for whom.

use issuer::jose::{Expected, VerifyError};

use crate::jose_forge::{HEADER, NOW, at, forge, keys};

fn check(extra: &str, expected: &Expected) -> Result<(), VerifyError> {
    let token = forge(HEADER, format!(r#"{{"sub":"u","exp":2000000000{extra}}}"#));
    keys().verify(&token, expected, at(NOW)).map(|_| ())
}

/// A token of another issuer: near in spelling, a part of it, a list with it.
/// Source: RFC 8725 section 3.8; CVE-2024-53861 (PyJWT).
#[test]
fn the_issuer_is_compared_whole() {
    let me = Expected::new().issuer("https://me.example");
    assert_eq!(check(r#","iss":"https://me.example""#, &me), Ok(()));
    assert_eq!(check(r#","iss":"https://m\u0065.example""#, &me), Ok(()));
    for other in [
        "",
        "https://me",
        "me.example",
        "https://me.example/",
        "https://me.example ",
        "https://ME.example",
        "https://me.example.evil",
        "https://me.example\\u0000",
    ] {
        assert_eq!(
            check(&format!(r#","iss":"{other}""#), &me),
            Err(VerifyError::Issuer),
            "{other}"
        );
    }
    assert_eq!(check("", &me), Err(VerifyError::Issuer));
}

/// Several issuers at once, the right one among them.
/// Source: RFC 7519 section 4.1.1; CVE-2025-30144 (fast-jwt).
#[test]
fn an_issuer_is_no_list() {
    let me = Expected::new().issuer("me");
    for iss in [r#"["me"]"#, r#"["me","evil"]"#, r#"["evil","me"]"#, "[]"] {
        assert_eq!(
            check(&format!(r#","iss":{iss}"#), &me),
            Err(VerifyError::Claims),
            "{iss}"
        );
    }
}

/// A token for another audience under the same key.
/// Source: RFC 8725 section 3.9; OWASP ASVS 5.0 V9.2.3 and V9.2.4.
#[test]
fn a_token_for_somebody_else_is_refused() {
    let chat = Expected::new().audience("chat");
    for good in [
        r#","aud":"chat""#,
        r#","aud":["chat"]"#,
        r#","aud":["a","ch\u0061t"]"#,
    ] {
        assert_eq!(check(good, &chat), Ok(()), "{good}");
    }
    for other in [
        "",
        r#","aud":"""#,
        r#","aud":"Chat""#,
        r#","aud":"chat ""#,
        r#","aud":"cha""#,
        r#","aud":"chat2""#,
        r#","aud":"a chat""#,
        r#","aud":["a","b"]"#,
        r#","aud":["chat2"]"#,
    ] {
        assert_eq!(check(other, &chat), Err(VerifyError::Audience), "{other}");
    }
}

/// An audience of nobody: an empty list.
/// Source: CVE-2020-26160 (jwt-go).
#[test]
fn an_empty_list_is_no_audience() {
    assert_eq!(
        check(r#","aud":[]"#, &Expected::new().audience("chat")),
        Err(VerifyError::Audience)
    );
    // Nor is it the same as none.
    assert_eq!(
        check(r#","aud":[]"#, &Expected::new()),
        Err(VerifyError::Audience)
    );
}

/// The right audience in a list with things that are no strings, or one list deeper.
/// Source: RFC 7519 section 4.1.3.
#[test]
fn an_audience_of_mixed_types_is_refused() {
    let chat = Expected::new().audience("chat");
    for aud in [
        r#"["chat",null]"#,
        r#"[1,"chat"]"#,
        r#"["chat",["chat"]]"#,
        r#"[["chat"]]"#,
        r#"["chat",{}]"#,
        r#"{"0":"chat"}"#,
        "true",
    ] {
        assert_eq!(
            check(&format!(r#","aud":{aud}"#), &chat),
            Err(VerifyError::Claims),
            "{aud}"
        );
    }
}

/// A token with an issuer or an audience, where the server has none, and expects none.
/// Source: RFC 8725 section 3.12.
#[test]
fn what_is_not_expected_is_refused() {
    let none = Expected::new();
    assert_eq!(check("", &none), Ok(()));
    assert_eq!(check(r#","iss":"me""#, &none), Err(VerifyError::Issuer));
    assert_eq!(check(r#","iss":"""#, &none), Err(VerifyError::Issuer));
    assert_eq!(check(r#","aud":"me""#, &none), Err(VerifyError::Audience));
    // Whoever wants that says so, in so many words.
    let any = Expected::new().any_issuer().any_audience();
    for extra in ["", r#","iss":"x","aud":"y""#, r#","aud":[]"#] {
        assert_eq!(check(extra, &any), Ok(()), "{extra}");
    }
}
