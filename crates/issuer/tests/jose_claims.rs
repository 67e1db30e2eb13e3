//! Claims that an attacker may have had signed, or that were never meant for us: RFC 7519 section 4, RFC 8725
//! sections 2.8 and 3.8 to 3.12.

#![allow(clippy::unwrap_used, reason = "test helpers stand outside of test functions")]

mod jose_forge;

use issuer::{
    Timestamp,
    jose::{Expected, VerifyError},
};
use jose_forge::{CLAIMS, HEADER, NOW, SECRET, at, b64, forge, keys, mac_over, refusal, verify};
use ring::hmac;

#[test]
fn claims_are_one_json_object_in_utf_8() {
    for claims in [
        &b""[..],
        b"null",
        br#"["user001",2000000000]"#,
        br#"[null,"user001",null,null,null,2000000000,null]"#,
        br#"[{"sub":"user001","exp":2000000000}]"#,
        br#"{"sub":"user001","exp":2000000000}{}"#,
        br#"{"sub":"user001","exp":2000000000"#,
        b"\xEF\xBB\xBF{\"sub\":\"user001\",\"exp\":2000000000}",
        b"{\"sub\":\"\xFF\",\"exp\":2000000000}",
        b"{\"sub\":\"u\",\"exp\":2000000000,\"x\":\"\xC0\x80\"}",
        br#"{"sub":"\ud800","exp":2000000000}"#,
    ] {
        assert_eq!(refusal(&forge(HEADER, claims)), VerifyError::Claims, "{claims:?}");
    }
}

#[test]
fn no_claim_stands_twice() {
    for twice in [
        r#""sub":"admin""#,
        r#""sub":"user001""#,
        r#""s\u0075b":"admin""#,
        r#""exp":2000000001"#,
        r#""\u0065xp":2000000001"#,
        r#""iss":"a","iss":"a""#,
        r#""aud":"a","aud":"a""#,
        r#""iat":1,"iat":1"#,
        r#""nbf":1,"nbf":1"#,
        r#""jti":"a","jti":"a""#,
        r#""role":"user","role":"admin""#,
        r#""role":"user","r\u006fle":"admin""#,
    ] {
        let claims = format!(r#"{{"sub":"user001","exp":2000000000,{twice}}}"#);
        assert_eq!(refusal(&forge(HEADER, claims)), VerifyError::Claims, "{twice}");
    }
}

#[test]
fn a_date_is_an_integer_in_range() {
    let wrong = [
        "null",
        "true",
        "\"2000000000\"",
        "2000000000.0",
        "2e9",
        "2000000000.5",
        "-0",
        "[2000000000]",
        "{}",
        "253402300800",
        "-62167219201",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e400",
        "02000000000",
        "+2000000000",
        "0x7fffffff",
        "NaN",
        "Infinity",
    ];
    for value in wrong {
        let exp = format!(r#"{{"sub":"u","exp":{value}}}"#);
        assert_eq!(refusal(&forge(HEADER, exp)), VerifyError::Claims, "exp {value}");
        for name in ["iat", "nbf"] {
            let claims = format!(r#"{{"sub":"u","exp":2000000000,"{name}":{value}}}"#);
            assert_eq!(
                refusal(&forge(HEADER, claims)),
                VerifyError::Claims,
                "{name} {value}"
            );
        }
    }
    assert!(
        verify(&forge(
            HEADER,
            r#"{"sub":"u","exp":253402300799,"iat":-62167219200,"nbf":0}"#
        ))
        .is_ok()
    );
}

#[test]
fn sub_and_exp_are_required_and_strings_are_strings() {
    for claims in [
        "{}",
        r#"{"sub":"u"}"#,
        r#"{"exp":2000000000}"#,
        r#"{"sub":null,"exp":2000000000}"#,
        r#"{"sub":1,"exp":2000000000}"#,
        r#"{"sub":["u"],"exp":2000000000}"#,
        r#"{"sub":"u","exp":2000000000,"iss":null}"#,
        r#"{"sub":"u","exp":2000000000,"jti":null}"#,
        r#"{"sub":"u","exp":2000000000,"jti":1}"#,
        r#"{"sub":"u","exp":2000000000,"aud":null}"#,
        r#"{"sub":"u","exp":2000000000,"aud":1}"#,
        r#"{"sub":"u","exp":2000000000,"aud":{}}"#,
        r#"{"sub":"u","exp":2000000000,"aud":["a",null]}"#,
        r#"{"sub":"u","exp":2000000000,"aud":[["a"]]}"#,
    ] {
        let any = Expected::new().any_issuer().any_audience();
        let refused = keys().verify(&forge(HEADER, claims), &any, at(NOW));
        assert_eq!(refused.unwrap_err(), VerifyError::Claims, "{claims}");
    }
}

#[test]
fn a_jti_of_another_form_is_no_token_id() {
    for jti in [
        "",
        "a",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "AAAAAAAAAAAAAAAAAAAAAB",
    ] {
        let token = forge(HEADER, format!(r#"{{"sub":"u","exp":2000000000,"jti":"{jti}"}}"#));
        assert_eq!(verify(&token).unwrap().token_id(), None, "{jti}");
    }
}

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
    assert!(Expected::new().leeway(300).is_ok() && Expected::new().leeway(301).is_err());
}

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

#[test]
fn iss_and_aud_are_what_is_expected_or_absent() {
    let check = |extra: &str, expected: &Expected| {
        let token = forge(HEADER, format!(r#"{{"sub":"u","exp":2000000000{extra}}}"#));
        keys().verify(&token, expected, at(NOW)).map(|_| ())
    };
    let none = Expected::new();
    assert_eq!(check("", &none), Ok(()));
    assert_eq!(check(r#","iss":"me""#, &none), Err(VerifyError::Issuer));
    assert_eq!(check(r#","iss":"""#, &none), Err(VerifyError::Issuer));
    assert_eq!(check(r#","aud":"me""#, &none), Err(VerifyError::Audience));
    assert_eq!(check(r#","aud":[]"#, &none), Err(VerifyError::Audience));

    let me = Expected::new().issuer("me");
    assert_eq!(check(r#","iss":"me""#, &me), Ok(()));
    assert_eq!(check(r#","iss":"m\u0065""#, &me), Ok(()));
    for other in ["", r#","iss":"Me""#, r#","iss":"me ""#, r#","iss":"me/""#] {
        assert_eq!(check(other, &me), Err(VerifyError::Issuer), "{other}");
    }

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
        r#","aud":"Chat""#,
        r#","aud":[]"#,
        r#","aud":["a","b"]"#,
        r#","aud":["chat2"]"#,
    ] {
        assert_eq!(check(other, &chat), Err(VerifyError::Audience), "{other}");
    }

    let any = Expected::new().any_issuer().any_audience();
    for extra in ["", r#","iss":"x","aud":"y""#, r#","aud":[]"#] {
        assert_eq!(check(extra, &any), Ok(()), "{extra}");
    }
}

#[test]
fn a_token_within_a_token_is_no_claims() {
    // RFC 8725 section 2.8, 3.11: a nested JWT is not unwrapped.
    let inner = forge(HEADER, CLAIMS);
    assert_eq!(
        refusal(&forge(r#"{"alg":"HS256","cty":"JWT"}"#, &inner)),
        VerifyError::Claims
    );
    let wrapped = mac_over(hmac::HMAC_SHA256, &SECRET, &format!("{}.{inner}", b64(HEADER)));
    assert_eq!(refusal(&wrapped), VerifyError::Malformed);
}

#[test]
fn a_json_serialization_is_no_token() {
    let good = forge(HEADER, CLAIMS);
    let mut parts = good.split('.').map(str::to_owned);
    let (header, payload, tag) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let json = format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{tag}"}}"#);
    assert_eq!(refusal(&json), VerifyError::Malformed);
}
