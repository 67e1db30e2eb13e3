//! The token that is signed and verified, in our words and in those of the bare MAC.

use issuer::{
    Timestamp, TokenId,
    jose::{Claims, Expected, KeySet, SigningKey},
};
use ring::hmac;

pub(crate) const SECRET: [u8; 32] = [7; 32];
pub(crate) const ISSUER: &str = "https://chats.example.com";
pub(crate) const SUBJECT: &str = "user001";
pub(crate) const ISSUED_AT: i64 = 1_750_000_000;
/// In the year 2096: the peers read the machine's clock, and one of them counts no further than 2106.
pub(crate) const EXPIRES_AT: i64 = 4_000_000_000;
pub(crate) const TOKEN_ID: [u8; 16] = [0xA5; 16];

/// Header, dot and payload: three blocks of SHA-256.
const SIGNING_INPUT_BYTES: usize = 192;

pub(crate) fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256(SECRET).expect("long enough"))
}

pub(crate) fn claims() -> Claims<'static> {
    Claims {
        issuer: Some(ISSUER),
        subject: SUBJECT,
        audience: None,
        issued_at: timestamp(ISSUED_AT),
        expires_at: timestamp(EXPIRES_AT),
        token_id: TokenId::from_bytes(TOKEN_ID),
    }
}

pub(crate) fn expected() -> Expected {
    Expected::new().issuer(ISSUER)
}

pub(crate) fn now() -> Timestamp {
    timestamp(ISSUED_AT)
}

fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).expect("in range")
}

/// The floor: the MAC that cannot be left out, over the very bytes that are signed.
pub(crate) struct Bare {
    pub(crate) key: hmac::Key,
    pub(crate) signing_input: String,
    pub(crate) tag: hmac::Tag,
}

impl Bare {
    pub(crate) fn of(token: &str) -> Self {
        let (signing_input, _) = token.rsplit_once('.').expect("three segments");
        assert_eq!(signing_input.len(), SIGNING_INPUT_BYTES);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
        let tag = hmac::sign(&key, signing_input.as_bytes());
        Self {
            key,
            signing_input: signing_input.to_owned(),
            tag,
        }
    }
}
