//! The examples of RFC 7520, RFC 7797 and RFC 8037, and JSON texts that parsers get wrong.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod jose_forge;
mod vectors;

use std::process::Command;

use issuer::jose::{Expected, KeyError, KeySet, SigningKey, UnverifiedToken};
use jose_forge::{HEADER, NOW, at, forge, keys, verify};
use serde_json::Value;

fn payload(keys: &KeySet, token: &str) -> Option<Vec<u8>> {
    let token = UnverifiedToken::parse(token).ok()?;
    Some(token.verify(keys).ok()?.payload().to_vec())
}

fn example(file: &str) -> Option<Value> {
    vectors::json(&format!("jose-cookbook/{file}"))
}

#[test]
fn the_compact_example_of_rfc_7520_with_hmac_verifies_with_its_key() {
    let Some(example) = example("jws/4_4.hmac-sha2_integrity_protection.json") else {
        return;
    };
    let keys = KeySet::new(SigningKey::from_jwk(&example["input"]["key"].to_string()).unwrap());
    let token = example["output"]["compact"].as_str().unwrap();
    let signed = payload(&keys, token).unwrap();
    assert_eq!(signed, example["input"]["payload"].as_str().unwrap().as_bytes());
}

#[test]
fn examples_with_keys_of_other_kinds_are_refused_as_tokens_and_as_keys() {
    for file in [
        "jws/4_1.rsa_v15_signature.json",
        "jws/4_2.rsa-pss_signature.json",
        "jws/4_3.ecdsa_signature.json",
        "curve25519/jws.json",
        "curve25519/ecdh-es.json",
    ] {
        let Some(example) = example(file) else {
            return;
        };
        let key = &example["input"]["key"];
        assert!(SigningKey::from_jwk(&key.to_string()).is_err(), "{file}");
        let hmac = SigningKey::hs256([7; 32]).unwrap();
        let hmac = match key["kid"].as_str() {
            // A key of ours that the header of the example names.
            Some(kid) => hmac.with_kid(kid).unwrap(),
            None => hmac,
        };
        let keys = KeySet::new(hmac);
        for (form, output) in example["output"].as_object().unwrap() {
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            assert_eq!(payload(&keys, &token), None, "{file}: {form}");
        }
    }
}

#[test]
fn detached_content_unencoded_payloads_and_json_serializations_are_refused() {
    let files = [
        "jws/4_4.hmac-sha2_integrity_protection.json",
        "jws/4_5.signature_with_detached_content.json",
        "jws/4_6.protecting_specific_header_fields.json",
        "jws/4_7.protecting_content_only.json",
        "jws/4_8.multiple_signatures.json",
        "rfc7797/4.2.hmac-sha2_b64_false.json",
        "rfc7797/hmac-sha2_b64_false.json",
        "curve25519/jws.json",
    ];
    let mut refused = 0;
    for file in files {
        let Some(example) = example(file) else {
            return;
        };
        let of_example = SigningKey::from_jwk(&example["input"]["key"].to_string());
        let keys = of_example.map_or_else(|_| keys(), KeySet::new);
        for (form, output) in example["output"].as_object().unwrap() {
            if (file, form.as_str()) == ("jws/4_4.hmac-sha2_integrity_protection.json", "compact") {
                continue;
            }
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            assert_eq!(payload(&keys, &token), None, "{file}: {form}");
            refused += 1;
        }
    }
    assert!(refused >= 16, "{refused}");
}

#[test]
fn the_keys_of_rfc_7520_are_taken_if_they_are_for_hmac_signatures() {
    for (file, taken) in [
        ("3_1.ec_public_key.json", false),
        ("3_2.ec_private_key.json", false),
        ("3_3.rsa_public_key.json", false),
        ("3_4.rsa_private_key.json", false),
        ("3_5.symmetric_key_mac_computation.json", true),
        ("3_6.symmetric_key_encryption.json", false),
    ] {
        let Some(key) = vectors::text(&format!("jose-cookbook/jwk/{file}")) else {
            return;
        };
        assert_eq!(SigningKey::from_jwk(&key).is_ok(), taken, "{file}");
    }
}

/// The files of `JSONTestSuite`, by name.
fn json_texts() -> Option<Vec<(String, Vec<u8>)>> {
    let archive = vectors::path("json/test_parsing.tar.gz")?;
    let tar = |arguments: &[&str]| {
        let output = Command::new("tar")
            .args(arguments)
            .arg(&archive)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let names = String::from_utf8(tar(&["-tzf"])).unwrap();
    let files = names.lines().filter(|name| !name.ends_with('/'));
    let content = |name: &str| {
        let output = Command::new("tar")
            .args(["-xzOf".as_ref(), archive.as_os_str(), name.as_ref()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    Some(
        files
            .map(|name| (name.trim_start_matches("./").to_owned(), content(name)))
            .collect(),
    )
}

#[test]
fn claims_and_headers_that_are_no_json_are_refused_and_unknown_claims_may_be_any_json() {
    let Some(texts) = json_texts() else {
        return;
    };
    let (mut bad, mut good) = (0, 0);
    for (name, text) in &texts {
        // Longer tokens are refused before they are decoded.
        if text.len() > 4_000 {
            continue;
        }
        if name.starts_with("n_") {
            bad += 1;
            assert!(
                verify(&forge(r#"{"alg":"HS256"}"#, text)).is_err(),
                "{name}: claims"
            );
            assert!(
                verify(&forge(text, r#"{"sub":"a","exp":253402300799}"#)).is_err(),
                "{name}: header"
            );
        }
        let mut claims = br#"{"sub":"user001","exp":253402300799,"x":"#.to_vec();
        claims.extend(text);
        claims.push(b'}');
        let verified = verify(&forge(r#"{"alg":"HS256"}"#, claims));
        if name.starts_with("y_") {
            good += 1;
            assert!(verified.is_ok(), "{name}: {verified:?}");
        } else if name.starts_with("n_") {
            assert!(verified.is_err(), "{name}: an unknown claim");
        }
    }
    assert!(bad > 150 && good > 90, "{bad} bad, {good} good");
}

#[test]
fn keys_that_are_no_json_are_refused_and_unknown_members_of_a_key_may_be_any_json() {
    let Some(texts) = json_texts() else {
        return;
    };
    let (mut bad, mut good) = (0, 0);
    for (name, bytes) in &texts {
        // A key comes as text.
        let Ok(text) = std::str::from_utf8(bytes) else {
            continue;
        };
        let k = "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio";
        let key = format!(r#"{{"kty":"oct","alg":"HS256","k":"{k}","x":{text}}}"#);
        let with_member = SigningKey::from_jwk(&key).map(drop);
        let in_set = KeySet::from_jwks(&format!(r#"{{"keys":[{key}],"x":{text}}}"#)).map(drop);
        if name.starts_with("n_") {
            bad += 1;
            for refused in [
                SigningKey::from_jwk(text).map(drop),
                KeySet::from_jwks(text).map(drop),
                with_member,
                in_set,
            ] {
                assert_eq!(refused, Err(KeyError::Malformed), "{name}");
            }
        } else if name.starts_with("y_") {
            good += 1;
            assert_eq!((with_member, in_set), (Ok(()), Ok(())), "{name}");
        }
    }
    assert!(bad > 140 && good > 90, "{bad} bad, {good} good");
}

/// RFC 7515 section 4.1.9.
#[test]
fn the_type_may_be_the_whole_media_type_in_any_case() {
    for typ in [
        "JWT",
        "jwt",
        "Jwt",
        "application/jwt",
        "APPLICATION/JWT",
        "Application/Jwt",
    ] {
        let token = forge(
            format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#),
            r#"{"sub":"user001","exp":253402300799,"jti":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
        );
        assert_eq!(verify(&token).unwrap().subject(), "user001", "{typ}");
    }
}

/// RFC 7519 sections 4.1.1 and 4.1.3: names that are empty, repeated, or of any script.
#[test]
fn the_issuer_and_the_audiences_are_given_as_they_stand_in_the_token() {
    let any = Expected::new().any_issuer().any_audience();
    for issuer in [None, Some(""), Some("me"), Some("\u{ff}\u{ffff}")] {
        for audience in [
            None,
            Some(vec![]),
            Some(vec![""]),
            Some(vec!["chat"]),
            Some(vec!["", "chat", "", "chat", "\u{ff}é\u{10ffff}"]),
        ] {
            let claims =
                serde_json::json!({"sub": "u", "exp": 2_000_000_000, "iss": issuer, "aud": audience});
            let mut claims = claims.as_object().unwrap().clone();
            claims.retain(|_, value| !value.is_null());
            let token = forge(HEADER, serde_json::to_string(&claims).unwrap());
            let verified = keys().verify(&token, &any, at(NOW)).unwrap();
            assert_eq!((verified.subject(), verified.issuer()), ("u", issuer));
            let given: Vec<_> = verified.audience().collect();
            assert_eq!(given, audience.unwrap_or_default());
        }
    }
}
