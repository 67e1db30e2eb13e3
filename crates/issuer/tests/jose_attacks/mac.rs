//! The MAC: whole, of one algorithm, compared in constant time, and first.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::jose::{KeyError, SigningKey, UnverifiedToken, VerifyError};
use ring::{digest, hmac};

use crate::jose_forge::{CLAIMS, HEADER, SECRET, b64, forge, keys, mac_over, refusal};

/// What the MAC of these tests is over.
fn input() -> String {
    format!("{}.{}", b64(HEADER), b64(CLAIMS))
}

/// The beginning of a good tag, of every length, and a tag with something behind it.
/// Source: RFC 7518 section 3.2; CVE-2020-28042 (ServiceStack).
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
    for more in [&[0][..], &tag] {
        let longer = [&tag[..], more].concat();
        assert_eq!(
            refusal(&format!("{input}.{}", b64(longer))),
            VerifyError::Signature
        );
    }
}

/// No tag at all, or one of zeros or ones, of every length that an algorithm has.
/// Source: CVE-2022-21449 (Java, "psychic signatures").
#[test]
fn a_tag_of_nothing_is_no_tag() {
    for byte in [0, 1, 0xFF] {
        for len in [0, 1, 32, 48, 64, 256] {
            assert_eq!(
                refusal(&format!("{}.{}", input(), b64(vec![byte; len]))),
                VerifyError::Signature,
                "{len}"
            );
        }
    }
    for alg in ["ES256", "ES384", "ES512", "EdDSA"] {
        let input = format!("{}.{}", b64(format!(r#"{{"alg":"{alg}"}}"#)), b64(CLAIMS));
        for len in [64, 96, 132] {
            assert_eq!(
                refusal(&format!("{input}.{}", b64(vec![0; len]))),
                VerifyError::Algorithm
            );
        }
    }
}

/// The tag of another algorithm of the family under the same secret, whole and cut to length.
/// Source: RFC 8725 section 3.1.
#[test]
fn the_tag_of_another_algorithm_is_no_tag() {
    for algorithm in [
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        hmac::HMAC_SHA384,
        hmac::HMAC_SHA512,
    ] {
        let tag = hmac::sign(&hmac::Key::new(algorithm, &SECRET), input().as_bytes());
        let tag = tag.as_ref();
        for tag in [tag, &tag[..tag.len().min(32)]] {
            assert_eq!(
                refusal(&format!("{}.{}", input(), b64(tag))),
                VerifyError::Signature
            );
        }
    }
}

/// A hash instead of a MAC: of the input, and of the secret in front of it, which can be lengthened.
/// Source: RFC 2104 section 6.
#[test]
fn a_bare_hash_is_no_mac() {
    for hashed in [
        input().into_bytes(),
        [&SECRET[..], input().as_bytes()].concat(),
        [input().as_bytes(), &SECRET].concat(),
    ] {
        let hash = digest::digest(&digest::SHA256, &hashed);
        assert_eq!(
            refusal(&format!("{}.{}", input(), b64(hash))),
            VerifyError::Signature
        );
    }
}

/// A MAC over something near the signing input: the decoded text, the payload alone, the input with its last dot.
/// Source: RFC 7515 section 5.2.
#[test]
fn a_mac_is_over_the_signing_input_and_nothing_else() {
    let (header, payload) = (b64(HEADER), b64(CLAIMS));
    for signed in [
        format!("{HEADER}.{CLAIMS}"),
        CLAIMS.to_owned(),
        payload.clone(),
        format!("{header}{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}"),
    ] {
        let tag = mac_over(hmac::HMAC_SHA256, &SECRET, &signed);
        let tag = tag.rsplit_once('.').unwrap().1;
        assert_eq!(
            refusal(&format!("{header}.{payload}.{tag}")),
            VerifyError::Signature
        );
    }
}

/// A wrong MAC over claims that would be refused too: what is said of the claims is an oracle, or hides the MAC.
/// Source: OWASP ASVS 5.0 V9.1.1; CVE-2024-51744 (golang-jwt).
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

/// An error that shows the tag that would have been right.
/// Source: CVE-2019-7644 (Auth0-WCF-Service-JWT).
#[test]
fn no_error_shows_the_tag_that_was_expected() {
    let good = forge(HEADER, CLAIMS);
    let tag = URL_SAFE_NO_PAD.decode(good.rsplit_once('.').unwrap().1).unwrap();
    let hex = format!("{:02x}{:02x}{:02x}{:02x}", tag[0], tag[1], tag[2], tag[3]);
    let error = refusal(&format!("{}.{}", input(), b64([0; 32])));
    let shown = format!("{error} {error:?} {error:#?}");
    assert_eq!(error, VerifyError::Signature);
    for part in [&good[good.len() - 8..], &hex, &format!("{:?}", &tag[..4])] {
        assert!(!shown.contains(part), "{shown}");
    }
}

/// A comparison that stops at the first byte that differs, and so tells how many were right.
/// Source: CVE-2016-7036 (python-jose), CVE-2016-5429 (jose-php).
#[test]
fn tags_are_compared_by_ring_in_constant_time() {
    let jose = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/jose");
    let (mut verifies, mut signs) = (0, 0);
    for file in fs::read_dir(jose).unwrap() {
        let source = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut code = source.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
        // A method that only tests have.
        while let Some(start) = code.find("#[cfg(test)]") {
            let len = code[start..].find("\n    }\n").unwrap();
            code.replace_range(start..start + len, "");
        }
        verifies += code.matches("hmac::verify(").count();
        signs += code.matches("hmac::sign(").count();
    }
    // One place compares. One place makes a tag, and that is signing: nothing that verifies has a tag to compare.
    assert_eq!((verifies, signs), (1, 1));
}

/// A secret that can be guessed, because it is shorter than the hash.
/// Source: RFC 7518 section 3.2; RFC 8725 section 3.5.
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

/// A token or a secret in what is printed of a key, a token or an error.
/// Source: RFC 7515 section 10.1.
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
