//! Tokens whose MAC is good, whatever they say.

#![allow(dead_code, reason = "not every test needs all of it")]

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::{
    Timestamp,
    jose::{Expected, KeySet, SigningKey, Verified, VerifyError},
};
use ring::hmac;

pub(crate) const SECRET: [u8; 64] = [0x2A; 64];
pub(crate) const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
pub(crate) const CLAIMS: &str = r#"{"sub":"user001","exp":2000000000}"#;
pub(crate) const NOW: i64 = 1_750_000_000;

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token whose MAC is good, whatever its segments say.
pub(crate) fn mac_over(algorithm: hmac::Algorithm, secret: &[u8], signing_input: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signing_input.as_bytes());
    format!("{signing_input}.{}", b64(tag))
}

pub(crate) fn forge(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    mac_over(
        hmac::HMAC_SHA256,
        &SECRET,
        &format!("{}.{}", b64(header), b64(payload)),
    )
}

pub(crate) fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256(SECRET).unwrap())
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

pub(crate) fn verify(token: &str) -> Result<Verified, VerifyError> {
    keys().verify(token, &Expected::new(), at(NOW))
}

pub(crate) fn refusal(token: &str) -> VerifyError {
    verify(token).unwrap_err()
}
