//! `jwt-compact`. It writes `exp` and `iat` before all other claims, which makes no token longer.

use std::hint::black_box;

use chrono::{DateTime, TimeDelta};
use jwt_compact::{
    Algorithm, AlgorithmExt as _, Claims, Header, TimeOptions, UntrustedToken,
    alg::{Hs256, Hs256Key},
};
use serde::{Deserialize, Serialize};

use super::{Sign, Verify};
use crate::token::{EXPIRES_AT, ISSUED_AT, ISSUER, SECRET, SUBJECT, TOKEN_ID};

#[derive(Serialize, Deserialize)]
struct Rest {
    iss: String,
    sub: String,
    jti: String,
}

type Key = <Hs256 as Algorithm>::SigningKey;

fn key() -> Key {
    Hs256Key::from(&SECRET[..])
}

pub(super) fn sign() -> Sign {
    let (key, header) = (key(), Header::empty().with_token_type("JWT"));
    let mut claims = Claims::new(Rest {
        iss: ISSUER.to_owned(),
        sub: SUBJECT.to_owned(),
        jti: issuer::TokenId::from_bytes(TOKEN_ID).to_string(),
    });
    claims.issued_at = DateTime::from_timestamp(ISSUED_AT, 0);
    claims.expiration = DateTime::from_timestamp(EXPIRES_AT, 0);
    Box::new(move || Hs256.token(&header, black_box(&claims), &key).expect("signs"))
}

pub(super) fn verify() -> Verify {
    let (key, time) = (key(), TimeOptions::from_leeway(TimeDelta::zero()));
    Box::new(move |token| {
        let token = UntrustedToken::new(token).expect("three segments");
        let token = Hs256.validator::<Rest>(&key).validate(&token).expect("verifies");
        let claims = token.claims();
        claims.validate_expiration(&time).expect("not expired");
        assert_eq!(claims.custom.iss, ISSUER);
        token.into_parts().1.custom.sub
    })
}
