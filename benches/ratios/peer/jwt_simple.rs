//! `jwt-simple`. It takes claims and options by value, so that each call needs a copy of them.

use std::{collections::HashSet, hint::black_box};

use jwt_simple::prelude::{
    Claims, Duration, HS256Key, JWTClaims, MACLike as _, NoCustomClaims, UnixTimeStamp, VerificationOptions,
};

use super::{Sign, Verify};
use crate::token::{EXPIRES_AT, ISSUED_AT, ISSUER, SECRET, SUBJECT, TOKEN_ID};

fn claims() -> JWTClaims<NoCustomClaims> {
    let mut claims = Claims::create(Duration::from_days(7))
        .with_issuer(ISSUER)
        .with_subject(SUBJECT)
        .with_jwt_id(issuer::TokenId::from_bytes(TOKEN_ID));
    claims.issued_at = Some(at(ISSUED_AT));
    claims.expires_at = Some(at(EXPIRES_AT));
    claims.invalid_before = None;
    claims
}

fn at(seconds: i64) -> UnixTimeStamp {
    UnixTimeStamp::from_secs(seconds.unsigned_abs())
}

pub(super) fn sign() -> Sign {
    let (key, claims) = (HS256Key::from_bytes(&SECRET), claims());
    Box::new(move || key.authenticate(black_box(&claims).clone()).expect("signs"))
}

pub(super) fn verify() -> Verify {
    let key = HS256Key::from_bytes(&SECRET);
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
        time_tolerance: None,
        ..VerificationOptions::default()
    };
    Box::new(move |token| {
        let verified = key.verify_token::<NoCustomClaims>(token, Some(options.clone()));
        verified.expect("verifies").subject.expect("it has one")
    })
}
