//! Tokens by the quick way and by the strict one: the same answer, and the same error where there is one.

use issuer::jose::{MAX_TOKEN_BYTES, UnverifiedToken, VerifyError};

use crate::{
    keys::{KNOWN, Known, sign},
    token::{KEYS, answers},
};

/// The target: any bytes as a token, and any bytes as the claims of tokens that are signed here.
pub fn token_paths(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        split_alike(text);
    }
    for key in &KNOWN {
        let quick = sign(as_written(key).as_bytes(), data);
        let strict = sign(in_another_order(key).as_bytes(), &with_a_space(data));
        split_alike(&quick);
        if strict.len() <= MAX_TOKEN_BYTES {
            assert_eq!(answers(&quick), answers(&strict));
        }
    }
}

/// `UnverifiedToken` looks for the dots of every token; `KeySet::verify` counts on them being where our tokens have them.
fn split_alike(text: &str) {
    let strict = UnverifiedToken::parse(text).and_then(|token| token.verify(&KEYS));
    for answer in answers(text) {
        match (&answer, &strict) {
            // Both are refused before anything of a claim is looked at, and by the same rule.
            (Err(error), Err(expected)) => assert_eq!(error, expected),
            (Ok(_), Err(error)) => panic!("accepted, and the strict way says {error:?}"),
            (Err(error), Ok(_)) => assert!(is_of_claims(*error), "{error:?} after a good MAC"),
            (Ok(said), Ok(verified)) => assert_eq!(said.key(), verified.key()),
        }
    }
}

/// What only someone who reads header and claims can say.
fn is_of_claims(error: VerifyError) -> bool {
    use VerifyError::{Audience, Claims, Expired, Issuer, NotYetValid, Type};
    matches!(error, Type | Claims | Issuer | Audience | NotYetValid | Expired)
}

fn as_written(key: &Known) -> String {
    let algorithm = key.algorithm;
    match key.kid {
        Some(kid) => format!(r#"{{"alg":"{algorithm}","typ":"JWT","kid":"{kid}"}}"#),
        None => format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#),
    }
}

/// The same header, which no key writes.
fn in_another_order(key: &Known) -> String {
    let algorithm = key.algorithm;
    match key.kid {
        Some(kid) => format!(r#"{{"kid":"{kid}","typ":"JWT","alg":"{algorithm}"}}"#),
        None => format!(r#"{{"typ":"JWT","alg":"{algorithm}"}}"#),
    }
}

/// The same claims, which the quick reader leaves to the strict one.
fn with_a_space(claims: &[u8]) -> Vec<u8> {
    match claims.strip_prefix(b"{") {
        Some(rest) => [b"{ ", rest].concat(),
        None => claims.to_vec(),
    }
}
