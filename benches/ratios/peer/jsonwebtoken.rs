//! The crate that most people take, `jsonwebtoken`, with both of its back ends in one process.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
};

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils, aws_lc, rust_crypto},
    errors::Result,
};
use serde::{Deserialize, Serialize};

use super::{Sign, Verify};
use crate::token::{EXPIRES_AT, ISSUED_AT, ISSUER, SECRET, SUBJECT, TOKEN_ID};

/// What does the cryptography.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackEnd {
    AwsLcRs,
    RustCrypto,
}

/// The same claims, in the same order, as `issuer` writes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self {
            iss: ISSUER.to_owned(),
            sub: SUBJECT.to_owned(),
            iat: ISSUED_AT,
            exp: EXPIRES_AT,
            jti: issuer::TokenId::from_bytes(TOKEN_ID).to_string(),
        }
    }
}

pub(super) fn sign() -> Sign {
    let (header, claims, key) = (header(), Claims::new(), encoding_key());
    Box::new(move || jsonwebtoken::encode(&header, black_box(&claims), &key).expect("signs"))
}

pub(super) fn verify() -> Verify {
    let (key, validation) = (DecodingKey::from_secret(&SECRET), validation());
    Box::new(move |token| {
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        decoded.expect("verifies").claims.sub
    })
}

pub(crate) fn encoding_key() -> EncodingKey {
    EncodingKey::from_secret(&SECRET)
}

pub(crate) fn header() -> Header {
    Header::new(Algorithm::HS256)
}

/// As strict as `issuer` is, as far as it can be told to.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "sub", "iss"]);
    validation
}

/// A process may install one provider, once. This one hands on to whichever is chosen, for the cost of one load.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory,
    verifier_factory,
    key_utils: KeyUtils::new_unimplemented(),
};
static USES_RUST_CRYPTO: AtomicBool = AtomicBool::new(false);

pub(crate) fn install() {
    assert!(PROVIDER.install_default().is_ok(), "installed twice");
}

/// Chooses the back end of every call from here on.
pub(crate) fn choose(back_end: BackEnd) {
    USES_RUST_CRYPTO.store(back_end == BackEnd::RustCrypto, Ordering::SeqCst);
}

fn chosen() -> &'static CryptoProvider {
    if USES_RUST_CRYPTO.load(Ordering::Relaxed) {
        &rust_crypto::DEFAULT_PROVIDER
    } else {
        &aws_lc::DEFAULT_PROVIDER
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is the provider's"
)]
fn signer_factory(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    (chosen().signer_factory)(algorithm, key)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is the provider's"
)]
fn verifier_factory(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    (chosen().verifier_factory)(algorithm, key)
}
