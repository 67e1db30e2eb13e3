//! What an attacker may send, and that it is refused: RFC 8725, and what verifiers have been caught with.
//! Claims have a file of their own.

#![allow(clippy::unwrap_used, reason = "test helpers stand outside of test functions")]

mod jose_forge;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::jose::{KeyError, KeySet, MAX_TOKEN_BYTES, SigningKey, UnverifiedToken, VerifyError};
use jose_forge::{CLAIMS, HEADER, SECRET, b64, forge, keys, mac_over, refusal, verify};
use ring::hmac;

#[test]
fn the_tokens_that_these_attacks_start_from_are_good() {
    assert_eq!(verify(&forge(HEADER, CLAIMS)).unwrap().subject(), "user001");
    let verified = verify(&forge(
        r#" { "typ" : "jwt", "x" : [[{}]], "alg" : "HS256" } "#,
        CLAIMS,
    ))
    .unwrap();
    assert_eq!(verified.key(), keys().active_fingerprint());
}

// RFC 8725 section 2.1, 3.1, 3.2: the algorithm.

#[test]
fn no_casing_of_none_is_an_algorithm() {
    for bits in 0..16_u8 {
        let letter = |(index, letter): (usize, char)| {
            if bits >> index & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        };
        let none: String = "none".chars().enumerate().map(letter).collect();
        let header = format!(r#"{{"alg":"{none}"}}"#);
        let input = format!("{}.{}", b64(&header), b64(CLAIMS));
        assert_eq!(refusal(&format!("{input}.")), VerifyError::Algorithm, "{none}");
        assert_eq!(refusal(&forge(&header, CLAIMS)), VerifyError::Algorithm, "{none}");
    }
}

#[test]
fn alg_is_compared_and_never_obeyed() {
    // The key's own secret, under an algorithm that it is not for.
    for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let input = format!("{}.{}", b64(format!(r#"{{"alg":"{alg}"}}"#)), b64(CLAIMS));
        assert_eq!(
            refusal(&mac_over(algorithm, &SECRET, &input)),
            VerifyError::Algorithm
        );
    }
    for alg in [
        "hs256",
        "Hs256",
        "HS256 ",
        "",
        "RS256",
        "ES256",
        "EdDSA",
        "HS1",
        "\\u0000HS256",
    ] {
        assert_eq!(
            refusal(&forge(format!(r#"{{"alg":"{alg}"}}"#), CLAIMS)),
            VerifyError::Algorithm,
            "{alg}"
        );
    }
}

#[test]
fn a_header_without_a_string_for_alg_is_malformed() {
    for header in [
        r"{}",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":256}"#,
        r#"{"ALG":"HS256"}"#,
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header}"
        );
    }
}

#[test]
fn a_public_key_is_never_the_secret_of_a_mac() {
    // RFC 8725 section 2.1. A set holds `oct` keys alone, so that no public text can end up as one.
    let mixed = r#"{"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"Kioq"},{"kty":"EC","alg":"ES256","crv":"P-256"}]}"#;
    assert!(KeySet::from_jwks(mixed).is_err());
    let public = r#"{"kty":"RSA","alg":"HS256","n":"AQAB","e":"AQAB","k":"KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio"}"#;
    assert_eq!(SigningKey::from_jwk(public).unwrap_err(), KeyError::KeyType);
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    // RFC 8725 section 3.10: `jwk`, `jku`, `x5u`, `x5c` lead nowhere.
    let own = [0x11; 32];
    let jwk = format!(r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#, b64(own));
    for header in [
        format!(r#"{{"alg":"HS256","jwk":{jwk}}}"#),
        r#"{"alg":"HS256","jku":"https://evil.example/jwks.json"}"#.to_owned(),
        r#"{"alg":"HS256","x5u":"file:///etc/passwd"}"#.to_owned(),
    ] {
        let input = format!("{}.{}", b64(header), b64(CLAIMS));
        assert_eq!(
            refusal(&mac_over(hmac::HMAC_SHA256, &own, &input)),
            VerifyError::Signature
        );
    }
}

// RFC 8725 section 3.10: the key id.

#[test]
fn a_kid_names_one_key_or_none() {
    let two = KeySet::new(SigningKey::hs256(SECRET).unwrap().with_kid("a").unwrap())
        .verify_also(SigningKey::hs256([1; 32]).unwrap())
        .unwrap();
    let verify = |header: &str| {
        let token = forge(header, CLAIMS);
        UnverifiedToken::parse(&token)
            .unwrap()
            .verify(&two)
            .map(|payload| payload.key())
    };
    assert_eq!(
        verify(r#"{"kid":"a","alg":"HS256"}"#),
        Ok(two.active_fingerprint())
    );
    for kid in [
        "b",
        "A",
        "a ",
        "",
        "../../dev/null",
        "a' OR '1'='1",
        "a\\u0000",
        "a|sleep 1",
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        assert_eq!(verify(&header), Err(VerifyError::UnknownKey), "{kid}");
    }
    // A token without `kid` is for the key without, and not for any that happens to fit.
    assert_eq!(verify(r#"{"alg":"HS256"}"#), Err(VerifyError::Signature));
    for kid in ["null", "1", "true", r#"["a"]"#, r#"{"a":"a"}"#] {
        assert_eq!(
            verify(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#)),
            Err(VerifyError::Malformed),
            "{kid}"
        );
    }
}

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

// RFC 7515 section 4: the header.

#[test]
fn crit_is_refused_whatever_it_says() {
    for crit in [
        r#"["exp"]"#,
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
    assert_eq!(
        refusal(&forge(r#"{"alg":"HS256","cr\u0069t":[]}"#, CLAIMS)),
        VerifyError::Extension
    );
}

#[test]
fn a_payload_that_is_not_base64_is_refused() {
    // RFC 7797.
    for b64 in ["false", "true", "null"] {
        let header = format!(r#"{{"alg":"HS256","b64":{b64}}}"#);
        assert_eq!(refusal(&forge(header, CLAIMS)), VerifyError::Extension, "{b64}");
    }
}

#[test]
fn no_header_parameter_stands_twice() {
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"a"}"#,
        r#"{"alg":"HS256","typ":"JWT","t\u0079p":"JWT"}"#,
        r#"{"alg":"HS256","crit":[],"crit":[]}"#,
        r#"{"alg":"HS256","x":1,"x":1}"#,
        r#"{"alg":"HS256","x":1,"\u0078":1}"#,
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header}"
        );
    }
}

#[test]
fn a_header_is_one_json_object_in_utf_8() {
    for header in [
        &b""[..],
        b"null",
        b"\"HS256\"",
        br#"["HS256","JWT"]"#,
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

#[test]
fn another_kind_of_jwt_is_not_ours() {
    // RFC 8725 section 3.11.
    for typ in ["at+jwt", "JOSE", "application/jwt", "JWT ", "", "logout+jwt"] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), CLAIMS);
        assert_eq!(refusal(&token), VerifyError::Type, "{typ}");
        assert!(
            UnverifiedToken::parse(&token).unwrap().verify(&keys()).is_ok(),
            "{typ}"
        );
    }
    for typ in ["null", "1", r#"["JWT"]"#] {
        let token = forge(format!(r#"{{"alg":"HS256","typ":{typ}}}"#), CLAIMS);
        assert_eq!(refusal(&token), VerifyError::Malformed, "{typ}");
    }
}

// RFC 7515 sections 2 and 7.1: the text.

#[test]
fn a_token_has_exactly_three_parts() {
    let good = forge(HEADER, CLAIMS);
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        good.rsplit_once('.').unwrap().0.into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", b64("{}")),
        good.replacen('.', "..", 1),
        good.replacen('.', "", 1),
    ] {
        assert!(matches!(refusal(&token), VerifyError::Malformed), "{token}");
    }
    // The MAC may be over four parts; they are too many all the same.
    let four = mac_over(
        hmac::HMAC_SHA256,
        &SECRET,
        &format!("{}.{}.e30", b64(HEADER), b64(CLAIMS)),
    );
    assert_eq!(refusal(&four), VerifyError::Malformed);
}

#[test]
fn a_segment_has_one_text() {
    // Set trailing bits, padding, white space, the other alphabet: in each segment, under a good MAC.
    let (header, claims) = (b64(HEADER), b64(format!("{CLAIMS} ")));
    let over = |input: &str| mac_over(hmac::HMAC_SHA256, &SECRET, input);
    let good = over(&format!("{header}.{claims}"));
    assert!(verify(&good).is_ok());
    let last = |text: &str, replacement: &str| format!("{}{replacement}", &text[..text.len() - 1]);
    // 35 bytes leave two bits, and 32 bytes (the tag) leave two as well.
    assert!(claims.ends_with('A') || claims.ends_with('g'), "{claims}");
    let trailing = last(&claims, if claims.ends_with('g') { "h" } else { "B" });
    for payload in [
        trailing,
        format!("{claims}="),
        format!(" {claims}"),
        format!("{claims}\n"),
        format!("{claims}A+"),
    ] {
        assert_eq!(
            refusal(&over(&format!("{header}.{payload}"))),
            VerifyError::Malformed,
            "{payload}"
        );
    }
    for header in [
        format!("{header}="),
        format!("{header} "),
        format!("\t{header}"),
        format!("{header}é"),
    ] {
        assert_eq!(
            refusal(&over(&format!("{header}.{claims}"))),
            VerifyError::Malformed,
            "{header}"
        );
    }
    let set = URL_SAFE_NO_PAD.decode(good.rsplit_once('.').unwrap().1).unwrap();
    let text = b64(&set);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.find(text.chars().last().unwrap()).unwrap() + 1;
    let input = good.rsplit_once('.').unwrap().0;
    let sloppy = last(&text, &alphabet[next..=next]);
    assert_eq!(refusal(&format!("{input}.{sloppy}")), VerifyError::Malformed);
    for signature in [
        format!("{text}="),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}A"),
    ] {
        assert_eq!(
            refusal(&format!("{input}.{signature}")),
            VerifyError::Signature,
            "{signature:?}"
        );
    }
    assert!(verify(&format!(" {good}")).is_err() && verify(&format!("{good}\r\n")).is_err());
}

#[test]
fn an_oversized_token_is_refused_before_it_is_decoded() {
    let padding = |len| format!(r#"{{"sub":"u","exp":2000000000,"x":"{}"}}"#, "x".repeat(len));
    let token = (6_000..6_144)
        .map(|len| forge(HEADER, padding(len)))
        .find(|token| token.len() > MAX_TOKEN_BYTES);
    assert_eq!(refusal(&token.unwrap()), VerifyError::Oversized);
    let mut fitting = (5_900..6_144).map(|len| forge(HEADER, padding(len))).rev();
    assert!(verify(&fitting.find(|token| token.len() <= MAX_TOKEN_BYTES).unwrap()).is_ok());
    assert_eq!(refusal(&"\u{1F600}".repeat(100_000)), VerifyError::Oversized);
}

// RFC 7518 section 3.2 and RFC 8725 section 3.5: the MAC.

#[test]
fn a_truncated_tag_is_no_tag() {
    let good = forge(HEADER, CLAIMS);
    let (input, signature) = good.rsplit_once('.').unwrap();
    let tag = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for len in 0..tag.len() {
        assert_eq!(
            refusal(&format!("{input}.{}", b64(&tag[..len]))),
            VerifyError::Signature,
            "{len}"
        );
    }
    let longer = [&tag[..], &[0]].concat();
    assert_eq!(
        refusal(&format!("{input}.{}", b64(longer))),
        VerifyError::Signature
    );
}

#[test]
fn a_weak_secret_is_refused_when_the_key_is_made() {
    for (least, make) in [
        (
            32,
            SigningKey::hs256 as fn(Vec<u8>) -> Result<SigningKey, KeyError>,
        ),
        (48, SigningKey::hs384),
        (64, SigningKey::hs512),
    ] {
        for len in [0, 1, least - 1, 1_025] {
            assert_eq!(make(vec![1; len]).unwrap_err(), KeyError::Length, "{len}");
        }
        assert!(make(vec![1; least]).is_ok() && make(vec![1; 1_024]).is_ok());
    }
}

#[test]
fn nothing_is_said_of_claims_before_the_mac_is_good() {
    let expired = r#"{"sub":"u","exp":1}"#;
    for claims in [expired, "", "[]", r#"{"exp":"never"}"#] {
        let mut token = forge(HEADER, claims);
        let wrong = if token.pop() == Some('A') { 'E' } else { 'A' };
        assert_eq!(
            refusal(&format!("{token}{wrong}")),
            VerifyError::Signature,
            "{claims}"
        );
    }
    // Nor of a payload's encoding.
    let input = format!("{}.====", b64(HEADER));
    assert_eq!(
        refusal(&format!("{input}.{}", b64([0; 32]))),
        VerifyError::Signature
    );
    assert_eq!(refusal(&forge(HEADER, expired)), VerifyError::Expired);
}

// No input costs more than its size.

#[test]
fn nesting_is_skipped_without_recursion() {
    for open in ["[", r#"{"a":"#] {
        let deep = open.repeat(6_000 / open.len());
        assert_eq!(
            refusal(&forge(format!(r#"{{"alg":"HS256","x":{deep}"#), CLAIMS)),
            VerifyError::Malformed
        );
    }
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(verify(&forge(format!(r#"{{"alg":"HS256","x":{deep}}}"#), CLAIMS)).is_ok());
    assert!(
        verify(&forge(
            HEADER,
            format!(r#"{{"sub":"u","exp":2000000000,"x":{deep}}}"#)
        ))
        .is_ok()
    );
    for name in ["sub", "aud", "exp"] {
        assert_eq!(
            refusal(&forge(HEADER, format!(r#"{{"{name}":{deep}}}"#))),
            VerifyError::Claims
        );
    }
}

#[test]
fn members_that_nobody_knows_are_not_without_number() {
    use std::fmt::Write as _;

    let members = |count: usize| {
        (0..count).fold(String::new(), |mut all, index| {
            write!(all, r#","{index}":0"#).unwrap();
            all
        })
    };
    assert!(verify(&forge(format!(r#"{{"alg":"HS256"{}}}"#, members(128)), CLAIMS)).is_ok());
    assert_eq!(
        refusal(&forge(format!(r#"{{"alg":"HS256"{}}}"#, members(129)), CLAIMS)),
        VerifyError::Malformed
    );
    let claims = |count| format!(r#"{{"sub":"u","exp":2000000000{}}}"#, members(count));
    assert!(verify(&forge(HEADER, claims(128))).is_ok());
    assert_eq!(refusal(&forge(HEADER, claims(129))), VerifyError::Claims);
}

#[test]
fn no_error_and_no_debug_shows_a_token_or_a_secret() {
    let good = forge(HEADER, CLAIMS);
    let parsed = UnverifiedToken::parse(&good).unwrap();
    assert_eq!(format!("{parsed:?}"), "UnverifiedToken(..)");
    let shown = format!("{:?} {:?}", keys(), parsed.verify(&keys()).unwrap());
    assert!(
        !shown.contains("42") && !shown.contains("2a2a") && !shown.contains("user001"),
        "{shown}"
    );
}
