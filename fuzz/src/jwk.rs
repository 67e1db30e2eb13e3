//! JWKs and JWK Sets: taken exactly when RFC 7517 and the library's stricter rules take them, with the secret they show.

use data_encoding::BASE64URL_NOPAD;
use issuer::{
    KeyFingerprint, Timestamp, TokenId,
    jose::{Claims, KeyError, KeySet, SigningKey, dangerous},
};
use ring::hmac;

use crate::members::{Raw, find, members_once, optional_text};

/// The target: any text as a JWK and as a JWK Set.
pub fn jwk(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match (SigningKey::from_jwk(text), read(text)) {
        (Ok(key), Some(read)) => judge_key(key, &read),
        // A key of another kind, or zeros, in `k`: the second implementation does not look for them.
        (Err(_), None) | (Err(KeyError::KeyText | KeyError::Zeros), Some(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but {}", theirs.is_some()),
    }
    match (KeySet::from_jwks(text), read_set(text)) {
        (Ok(set), Some(read)) => judge_set(&set, &read),
        // A key of another kind, or zeros, in `k`: the second implementation does not look for them.
        (Err(_), None) | (Err(KeyError::KeyText | KeyError::Zeros), Some(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but {}", theirs.is_some()),
    }
}

/// A key, in the words of a second implementation.
struct Read {
    alg: String,
    kid: Option<String>,
    secret: Vec<u8>,
    /// The object as it stands in the text.
    json: String,
}

fn judge_key(key: SigningKey, read: &Read) {
    assert_eq!(key.algorithm().name(), read.alg);
    assert_eq!(key.kid(), read.kid.as_deref());
    let written = dangerous::to_jwk(&key);
    let back = SigningKey::from_jwk(&written).expect("what is written can be read");
    assert_eq!(back.fingerprint(), key.fingerprint());
    assert_eq!(dangerous::to_jwk(&back), written);

    let token = KeySet::new(key).sign(&Claims {
        issuer: None,
        subject: "user001",
        audience: None,
        issued_at: Timestamp::MIN,
        expires_at: Timestamp::MAX,
        token_id: TokenId::from_bytes([0; 16]),
    });
    let token = token.expect("short");
    let (input, signature) = token.as_str().rsplit_once('.').expect("three segments");
    let tag = hmac::sign(&hmac::Key::new(hash(&read.alg), &read.secret), input.as_bytes());
    assert_eq!(signature, BASE64URL_NOPAD.encode(tag.as_ref()));
}

fn judge_set(set: &KeySet, read: &[Read]) {
    let fingerprint = |read: &Read| {
        SigningKey::from_jwk(&read.json)
            .expect("a key of a set is a key")
            .fingerprint()
    };
    let fingerprints: Vec<KeyFingerprint> = read.iter().map(fingerprint).collect();
    assert!(set.fingerprints().eq(fingerprints.iter().copied()));
    assert_eq!(Some(&set.active_fingerprint()), fingerprints.first());
    let back = KeySet::from_jwks(&dangerous::to_jwks(set)).expect("what is written can be read");
    assert!(back.fingerprints().eq(fingerprints));
}

fn read_set(text: &str) -> Option<Vec<Read>> {
    let members = members_once(text, &["keys"])?;
    let elements = find(&members, "keys")?.elements()?;
    let keys: Vec<Read> = elements
        .iter()
        .map(|element| read(element.as_written()))
        .collect::<Option<_>>()?;
    let mut kids: Vec<Option<&str>> = keys.iter().map(|key| key.kid.as_deref()).collect();
    kids.sort_unstable();
    kids.dedup();
    (!keys.is_empty() && kids.len() == keys.len()).then_some(keys)
}

fn read(text: &str) -> Option<Read> {
    let members = members_once(text, &["kty", "alg", "kid", "k", "use", "key_ops"])?;
    let alg = find(&members, "alg")?.text()?;
    let kid = optional_text(&members, "kid")?;
    let ops = match find(&members, "key_ops") {
        None => None,
        Some(ops) => Some(ops.texts()?),
    };
    let k = find(&members, "k").filter(|k| is_without_escape(k))?.text()?;
    let secret = BASE64URL_NOPAD.decode(k.as_bytes()).ok()?;
    let least = match alg.as_str() {
        "HS256" => 32,
        "HS384" => 48,
        "HS512" => 64,
        _ => return None,
    };
    let kid_char = |c: char| ('!'..='~').contains(&c) && c != '"' && c != '\\';
    let fits = find(&members, "kty")?.text()? == "oct"
        && optional_text(&members, "use")?.is_none_or(|r#use| r#use == "sig")
        && ops.is_none_or(|ops| {
            ["sign", "verify"]
                .iter()
                .all(|op| ops.iter().any(|held| held == op))
        })
        && (least..=1_024).contains(&secret.len())
        && kid
            .as_ref()
            .is_none_or(|kid| (1..=128).contains(&kid.len()) && kid.chars().all(kid_char));
    fits.then(|| Read {
        alg,
        kid,
        secret,
        json: text.to_owned(),
    })
}

/// A secret with an escape in it is refused: it would be copied on its way.
fn is_without_escape(value: &Raw) -> bool {
    !value.as_written().contains('\\')
}

fn hash(alg: &str) -> hmac::Algorithm {
    match alg {
        "HS256" => hmac::HMAC_SHA256,
        "HS384" => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA512,
    }
}
