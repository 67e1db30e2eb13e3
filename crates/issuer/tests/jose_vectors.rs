//! Vectors that nobody in this project wrote: Wycheproof and RFC 7515 appendix A.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test helpers stand outside of test functions"
)]

mod vectors;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::{
    Timestamp,
    jose::{Expected, KeyError, KeySet, SigningKey, UnverifiedToken, VerifyError},
};
use ring::hmac;
use serde_json::Value;

fn cases(group: &Value) -> &[Value] {
    group["tests"].as_array().unwrap()
}

fn groups(file: &Value) -> &[Value] {
    file["testGroups"].as_array().unwrap()
}

/// The token, also where the vector is in JSON serialization and no string.
fn jws(case: &Value) -> String {
    case["jws"]
        .as_str()
        .map_or_else(|| case["jws"].to_string(), str::to_owned)
}

fn accepts(keys: &KeySet, token: &str) -> bool {
    UnverifiedToken::parse(token)
        .and_then(|token| token.verify(keys))
        .is_ok()
}

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// The cases whose label a strict verifier cannot satisfy: their label, and the opposite is right.
fn exceptions(file: &Value) -> Vec<(u64, String)> {
    let listed = file["json_web_signature_test.json"].as_array().unwrap();
    let entry = |one: &Value| {
        (
            one["tcId"].as_u64().unwrap(),
            one["label"].as_str().unwrap().to_owned(),
        )
    };
    listed.iter().map(entry).collect()
}

/// A secret of zeros and the one in its place.
struct Replaced {
    zeros: hmac::Key,
    other: hmac::Key,
}

impl Replaced {
    /// Puts another secret into the key.
    fn zeros_of(jwk: &mut Value) -> Self {
        let algorithm = match jwk["alg"].as_str().unwrap() {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            _ => hmac::HMAC_SHA512,
        };
        let zeros = URL_SAFE_NO_PAD.decode(jwk["k"].as_str().unwrap()).unwrap();
        let other = vec![0xA5; zeros.len()];
        jwk["k"] = URL_SAFE_NO_PAD.encode(&other).into();
        Self {
            zeros: hmac::Key::new(algorithm, &zeros),
            other: hmac::Key::new(algorithm, &other),
        }
    }

    /// The token with the other MAC, where it has the very text of the MAC under zeros; else as it is.
    fn signed(&self, jws: &str) -> String {
        let Some((input, tag)) = jws.rsplit_once('.') else {
            return jws.to_owned();
        };
        let mac = |key| URL_SAFE_NO_PAD.encode(hmac::sign(key, input.as_bytes()));
        if tag == mac(&self.zeros) {
            format!("{input}.{}", mac(&self.other))
        } else {
            jws.to_owned()
        }
    }
}

#[test]
fn wycheproof_signatures_are_accepted_and_refused_as_labelled() {
    let Some(file) = vectors::json("wycheproof/json_web_signature_test.json") else {
        return;
    };
    let exceptions = exceptions(&vectors::json("wycheproof/LOCAL_EXCEPTIONS.json").unwrap());
    let (mut agreed, mut excepted, mut foreign) = (0, 0, 0);
    for group in groups(&file) {
        let mut jwk = group["private"].clone();
        let mut key = SigningKey::from_jwk(&jwk.to_string());
        // Stricter than the vectors: they have MACs under secrets of zeros. Another secret takes their place.
        let zeros = (key.as_ref().err() == Some(&KeyError::Zeros)).then(|| Replaced::zeros_of(&mut jwk));
        if zeros.is_some() {
            key = SigningKey::from_jwk(&jwk.to_string());
        }
        if group["private"]["kty"] != "oct" {
            assert!(key.is_err(), "{}", group["comment"]);
            foreign += cases(group).len();
            continue;
        }
        let keys = KeySet::new(key.unwrap());
        for case in cases(group) {
            let id = case["tcId"].as_u64().unwrap();
            let label = case["result"].as_str().unwrap();
            let jws = jws(case);
            let accepted = accepts(
                &keys,
                &zeros
                    .as_ref()
                    .map_or_else(|| jws.clone(), |zeros| zeros.signed(&jws)),
            );
            if let Some((_, excepted_label)) = exceptions.iter().find(|(excepted, _)| *excepted == id) {
                assert_eq!(label, excepted_label, "case {id}");
                assert_eq!(accepted, label != "valid", "case {id}, an exception");
                excepted += 1;
            } else {
                assert_eq!(accepted, label == "valid", "case {id}: {}", case["comment"]);
                agreed += 1;
            }
        }
    }
    assert_eq!((agreed, excepted, foreign), (36, 4, 361));
}

#[test]
fn wycheproof_key_sets_are_refused_when_they_are_read() {
    let Some(file) = vectors::json("wycheproof/json_web_key_test.json") else {
        return;
    };
    let (mut symmetric, mut accepted, mut foreign) = (0, Vec::new(), 0);
    for group in groups(&file) {
        let keys = KeySet::from_jwks(&group["private"].to_string());
        let kinds: Vec<_> = group["private"]["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| &key["kty"])
            .collect();
        for case in cases(group) {
            let id = case["tcId"].as_u64().unwrap();
            if kinds.iter().all(|kty| *kty != "oct") {
                assert_eq!(keys.as_ref().unwrap_err(), &KeyError::KeyType, "case {id}");
                foreign += 1;
                continue;
            }
            symmetric += 1;
            let good = keys.as_ref().is_ok_and(|keys| accepts(keys, &jws(case)));
            assert_eq!(good, case["result"] == "valid", "case {id}: {}", case["comment"]);
            if good {
                accepted.push(id);
            }
            // The ones that hold a good signature, and must fail for their keys.
            let refusal = match id {
                1 => Some(KeyError::KeyType),
                // Its second `k` has set trailing bits; without them it is the kid that is refused: see below.
                4 => Some(KeyError::Malformed),
                10..=12 | 16..=18 => Some(KeyError::Length),
                25 | 26 => Some(KeyError::Algorithm),
                _ => None,
            };
            assert_eq!(keys.as_ref().err(), refusal.as_ref(), "case {id}");
        }
    }
    let duplicate = groups(&file)
        .iter()
        .find(|group| cases(group)[0]["tcId"] == 4)
        .unwrap();
    let repaired = duplicate["private"].to_string().replace("Bingge\"", "BinggE\"");
    assert_eq!(KeySet::from_jwks(&repaired).unwrap_err(), KeyError::DuplicateKid);
    assert_eq!((symmetric, foreign), (15, 11));
    assert_eq!(accepted, [2, 13, 14, 15]);
}

/// Keys and messages of the HMAC vectors, as the keys and payloads of tokens.
fn hmac_vectors(
    file: &str,
    algorithm: hmac::Algorithm,
    alg: &str,
    key_of: impl Fn(&[u8]) -> Result<SigningKey, KeyError>,
) {
    let Some(file) = vectors::json(file) else { return };
    let tag_len = algorithm.digest_algorithm().output_len();
    let (mut whole, mut truncated, mut short_keys) = (0, 0, 0);
    for group in groups(&file) {
        let cut = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
        for case in cases(group) {
            let id = &case["tcId"];
            let (secret, message, tag) = (bytes(&case["key"]), bytes(&case["msg"]), bytes(&case["tag"]));
            let mac = hmac::Key::new(algorithm, &secret);
            // The MAC itself, as it is linked here.
            let agrees = hmac::sign(&mac, &message).as_ref()[..cut] == tag[..];
            assert_eq!(agrees, case["result"] == "valid", "case {id}");
            let key = key_of(&secret);
            if secret.len() < tag_len {
                assert_eq!(key.unwrap_err(), KeyError::Length, "case {id}");
                short_keys += 1;
                continue;
            }
            let keys = KeySet::new(key.unwrap());
            let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}"}}"#));
            let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&message));
            let good = hmac::sign(&mac, input.as_bytes());
            let token = |tag: &[u8]| format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert!(accepts(&keys, &token(good.as_ref())), "case {id}");
            assert!(
                !accepts(&keys, &token(&tag)),
                "case {id}: the tag of the bare message"
            );
            if cut == tag_len {
                whole += 1;
            } else {
                assert!(
                    !accepts(&keys, &token(&good.as_ref()[..cut])),
                    "case {id}: a truncated tag"
                );
                truncated += 1;
            }
        }
    }
    assert_eq!((whole, truncated, short_keys), (84, 84, 6));
}

#[test]
fn wycheproof_hs256_tags_are_whole_or_refused() {
    hmac_vectors(
        "wycheproof/hmac_sha256_test.json",
        hmac::HMAC_SHA256,
        "HS256",
        |key| SigningKey::hs256(key),
    );
}

#[test]
fn wycheproof_hs384_tags_are_whole_or_refused() {
    hmac_vectors(
        "wycheproof/hmac_sha384_test.json",
        hmac::HMAC_SHA384,
        "HS384",
        |key| SigningKey::hs384(key),
    );
}

#[test]
fn wycheproof_hs512_tags_are_whole_or_refused() {
    hmac_vectors(
        "wycheproof/hmac_sha512_test.json",
        hmac::HMAC_SHA512,
        "HS512",
        |key| SigningKey::hs512(key),
    );
}

#[test]
fn the_examples_of_rfc_7515_read_as_it_says() {
    let Some(file) = vectors::json("rfc7515-appendix/rfc7515_A1_A5.json") else {
        return;
    };
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    let secret = URL_SAFE_NO_PAD
        .decode(cases[0]["key_b64u"].as_str().unwrap())
        .unwrap();
    let keys = KeySet::new(SigningKey::hs256(secret).unwrap());

    let signed = jws(&cases[0]);
    let payload = UnverifiedToken::parse(&signed).unwrap().verify(&keys).unwrap();
    assert_eq!(
        payload.payload(),
        cases[0]["payload"].as_str().unwrap().as_bytes()
    );
    // It has no `sub`, which a token of ours must have.
    let expected = Expected::new().issuer("joe");
    let before = Timestamp::from_unix(1_300_819_379).unwrap();
    assert_eq!(
        keys.verify(&signed, &expected, before).unwrap_err(),
        VerifyError::Claims
    );

    let unsecured = jws(&cases[1]);
    assert_eq!(
        UnverifiedToken::parse(&unsecured)
            .unwrap()
            .verify(&keys)
            .unwrap_err(),
        VerifyError::Algorithm
    );
}
