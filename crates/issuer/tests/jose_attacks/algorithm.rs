//! The algorithm: one key has one, and the token has no say in it.

use issuer::jose::{KeyError, KeySet, SigningKey, UnverifiedToken, VerifyError};
use ring::hmac;

use crate::jose_forge::{CLAIMS, SECRET, b64, forge, mac_over, refusal};

fn header(alg: &str) -> String {
    format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#)
}

/// Every casing of `none`, without a signature and under a good MAC.
/// Source: RFC 8725 section 2.1; draft-ietf-oauth-rfc8725bis-09 section 2.11; CVE-2020-15957 (DP3T), CVE-2021-22160
/// (Apache Pulsar), CVE-2022-23540 (jsonwebtoken).
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
        let input = format!("{}.{}", b64(header(&none)), b64(CLAIMS));
        assert_eq!(refusal(&format!("{input}.")), VerifyError::Algorithm, "{none}");
        assert_eq!(
            refusal(&forge(header(&none), CLAIMS)),
            VerifyError::Algorithm,
            "{none}"
        );
    }
}

/// `none`, whatever stands where the signature was: nothing, anything, a good tag, a tag of zeros.
/// Source: RFC 7519 section 6; CVE-2018-1000531 (prime-jwt).
#[test]
fn an_unsecured_token_is_refused_whatever_stands_for_its_signature() {
    let input = format!("{}.{}", b64(header("none")), b64(CLAIMS));
    for signature in [String::new(), "x".into(), b64([0; 32]), b64("none")] {
        assert_eq!(
            refusal(&format!("{input}.{signature}")),
            VerifyError::Algorithm,
            "{signature}"
        );
    }
    assert_eq!(refusal(&input), VerifyError::Malformed);
}

/// The key's own secret under another algorithm of the family, and names that are near its own.
/// Source: RFC 8725 section 3.1; OWASP ASVS 5.0 V9.1.2; CVE-2016-10555 (jwt-simple), CVE-2026-22817 (Hono).
#[test]
fn alg_is_compared_and_never_obeyed() {
    for (alg, algorithm) in [("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let input = format!("{}.{}", b64(header(alg)), b64(CLAIMS));
        assert_eq!(
            refusal(&mac_over(algorithm, &SECRET, &input)),
            VerifyError::Algorithm
        );
    }
    for alg in [
        "hs256",
        "Hs256",
        "HS256 ",
        " HS256",
        "",
        "HS1",
        "HS256\\u0000",
        "\\u0000HS256",
        "HMACSHA256",
    ] {
        assert_eq!(
            refusal(&forge(header(alg), CLAIMS)),
            VerifyError::Algorithm,
            "{alg}"
        );
    }
}

/// The name of a signature algorithm over a MAC that is good.
/// Source: RFC 8725 section 3.1; CVE-2022-23539 (jsonwebtoken).
#[test]
fn the_name_of_a_signature_algorithm_is_not_that_of_a_mac() {
    for alg in [
        "RS256", "RS512", "PS256", "ES256", "ES256K", "ES384", "EdDSA", "Ed25519",
    ] {
        assert_eq!(
            refusal(&forge(header(alg), CLAIMS)),
            VerifyError::Algorithm,
            "{alg}"
        );
    }
}

/// A public key, as PEM or as a modulus, taken as the secret of a MAC.
/// Source: RFC 8725 section 2.1; CVE-2015-9235 (jsonwebtoken), CVE-2016-5431 (jose-php), CVE-2022-29217 (PyJWT),
/// CVE-2023-48223 and CVE-2026-34950 (fast-jwt), CVE-2024-54150 (cjwt).
#[test]
fn a_public_key_is_never_the_secret_of_a_mac() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
    let input = format!("{}.{}", b64(header("HS256")), b64(CLAIMS));
    for public in [pem.to_owned(), pem.trim().to_owned(), format!(" {pem}")] {
        assert_eq!(
            refusal(&mac_over(hmac::HMAC_SHA256, public.as_bytes(), &input)),
            VerifyError::Signature
        );
    }
    // A set holds `oct` keys alone, so that no public text can end up as one.
    let mixed = r#"{"keys":[{"kty":"oct","alg":"HS256","kid":"a","k":"KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio"},
        {"kty":"EC","alg":"ES256","crv":"P-256","x":"AQAB","y":"AQAB"}]}"#;
    assert_eq!(KeySet::from_jwks(mixed).unwrap_err(), KeyError::KeyType);
}

/// An RSA or EC key of a JWK Set, with or without `alg`, asked to check a MAC.
/// Source: CVE-2022-23541 (jsonwebtoken), CVE-2024-33663 (python-jose), CVE-2026-44699 (LibJWT).
#[test]
fn a_key_of_another_type_is_no_secret() {
    let k = b64([0x2A; 32]);
    for other in [
        r#""kty":"RSA","n":"AQAB","e":"AQAB","alg":"HS256""#,
        r#""kty":"RSA","n":"AQAB","e":"AQAB""#,
        r#""kty":"EC","crv":"P-256","alg":"HS256""#,
        r#""kty":"OKP","crv":"Ed25519","alg":"HS256""#,
        r#""kty":"OCT","alg":"HS256""#,
        r#""kty":"","alg":"HS256""#,
    ] {
        let jwk = format!(r#"{{{other},"k":"{k}"}}"#);
        assert_eq!(
            SigningKey::from_jwk(&jwk).unwrap_err(),
            KeyError::KeyType,
            "{other}"
        );
    }
}

/// A secret whose JWK leaves the algorithm open, or names one that is none of a MAC.
/// Source: RFC 8725 section 3.1; CVE-2026-22817 (Hono).
#[test]
fn a_key_without_its_algorithm_is_refused_when_it_is_read() {
    let k = b64([0x2A; 64]);
    for alg in [
        "",
        r#","alg":"none""#,
        r#","alg":"RS256""#,
        r#","alg":"hs256""#,
        r#","alg":"A128KW""#,
    ] {
        let jwk = format!(r#"{{"kty":"oct","k":"{k}"{alg}}}"#);
        assert_eq!(
            SigningKey::from_jwk(&jwk).unwrap_err(),
            KeyError::Algorithm,
            "{alg}"
        );
    }
}

/// Two keys of a set crossed: the `kid` of one, the algorithm and the secret of the other.
/// Source: draft-ietf-oauth-rfc8725bis-09 section 3.1; CVE-2021-46743 (firebase/php-jwt).
#[test]
fn a_kid_selects_the_algorithm_together_with_the_key() {
    let (a, b) = ([0x0A; 32], [0x0B; 64]);
    let keys = KeySet::new(SigningKey::hs256(a).unwrap().with_kid("a").unwrap())
        .verify_also(SigningKey::hs512(b).unwrap().with_kid("b").unwrap())
        .unwrap();
    let verify = |alg, kid, algorithm, secret: &[u8]| {
        let header = format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
        let token = mac_over(algorithm, secret, &format!("{}.{}", b64(header), b64(CLAIMS)));
        UnverifiedToken::parse(&token).unwrap().verify(&keys).map(|_| ())
    };
    assert_eq!(verify("HS256", "a", hmac::HMAC_SHA256, &a), Ok(()));
    assert_eq!(verify("HS512", "b", hmac::HMAC_SHA512, &b), Ok(()));
    for secret in [&a[..], &b] {
        assert_eq!(
            verify("HS512", "a", hmac::HMAC_SHA512, secret),
            Err(VerifyError::Algorithm)
        );
        assert_eq!(
            verify("HS256", "b", hmac::HMAC_SHA256, secret),
            Err(VerifyError::Algorithm)
        );
    }
    assert_eq!(
        verify("HS256", "a", hmac::HMAC_SHA256, &b),
        Err(VerifyError::Signature)
    );
    assert_eq!(
        verify("HS512", "b", hmac::HMAC_SHA512, &a),
        Err(VerifyError::Signature)
    );
}

/// A header without `alg`, or with one that is no string.
/// Source: RFC 7515 section 4.1.1.
#[test]
fn a_header_without_a_string_for_alg_is_malformed() {
    for header in [
        r"{}",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":{"name":"HS256"}}"#,
        r#"{"alg":256}"#,
        r#"{"alg":true}"#,
        r#"{"ALG":"HS256"}"#,
    ] {
        assert_eq!(
            refusal(&forge(header, CLAIMS)),
            VerifyError::Malformed,
            "{header}"
        );
    }
}

/// A password-based algorithm with a count of iterations that would keep a server busy for hours.
/// Source: draft-ietf-oauth-rfc8725bis-09 section 2.10; CVE-2023-52428 (Nimbus JOSE+JWT).
#[test]
fn no_header_makes_the_verifier_iterate() {
    for alg in [
        "PBES2-HS256+A128KW",
        "PBES2-HS512+A256KW",
        "dir",
        "A128KW",
        "ECDH-ES",
    ] {
        let header =
            format!(r#"{{"alg":"{alg}","enc":"A128CBC-HS256","p2c":2147483647,"p2s":"AAAAAAAAAAA"}}"#);
        assert_eq!(refusal(&forge(header, CLAIMS)), VerifyError::Algorithm, "{alg}");
    }
}
