//! What holds of every token.

#![allow(clippy::unwrap_used, reason = "test helpers stand outside of test functions")]

use issuer::{
    Timestamp, TokenId,
    jose::{Claims, Expected, KeySet, MAX_TOKEN_BYTES, SignError, SigningKey, UnverifiedToken, VerifyError},
};
use proptest::prelude::*;

fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256([1; 32]).unwrap())
        .verify_also(SigningKey::hs384([2; 48]).unwrap().with_kid("two").unwrap())
        .unwrap()
        .verify_also(SigningKey::hs512([3; 64]).unwrap().with_kid("three").unwrap())
        .unwrap()
}

fn expected(issuer: Option<&str>, audience: Option<&str>) -> Expected {
    let expected = Expected::new();
    let expected = match issuer {
        Some(issuer) => expected.issuer(issuer),
        None => expected,
    };
    match audience {
        Some(audience) => expected.audience(audience),
        None => expected,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

fn plain() -> Claims<'static> {
    Claims {
        issuer: None,
        subject: "user001",
        audience: None,
        issued_at: at(1_750_000_000),
        expires_at: at(1_750_604_800),
        token_id: TokenId::from_bytes([9; 16]),
    }
}

#[test]
fn a_token_is_these_bytes_and_stays_these_bytes() {
    let token = keys().sign(&plain()).unwrap();
    // Made with another implementation.
    assert_eq!(
        token.as_str(),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1c2VyMDAxIiwiaWF0IjoxNzUwMDAwMDAwLCJleHAiOjE3NTA2MDQ4MDAsImp0aSI6IkNRa0pDUWtKQ1FrSkNRa0pDUWtKQ1EifQ.boWmhCOzRzRSridHZ9-BB2X6IGiIrDsIyys5y_P8XyM"
    );
    assert_eq!(format!("{token:?}"), "Token(..)");
}

#[test]
fn the_claims_stand_in_their_order() {
    let token = keys()
        .sign(&Claims {
            issuer: Some("i"),
            audience: Some("a"),
            ..plain()
        })
        .unwrap();
    let payload = UnverifiedToken::parse(token.as_str())
        .unwrap()
        .verify(&keys())
        .unwrap();
    let json = r#"{"iss":"i","sub":"user001","aud":"a","iat":1750000000,"exp":1750604800,"jti":"CQkJCQkJCQkJCQkJCQkJCQ"}"#;
    assert_eq!(std::str::from_utf8(payload.payload()).unwrap(), json);
}

#[test]
fn a_replay_is_signed_with_the_key_of_its_record() {
    let old = || SigningKey::hs256([1; 32]).unwrap();
    let before = KeySet::new(old());
    let token = before.sign(&plain()).unwrap();
    let after = KeySet::new(SigningKey::hs256([2; 32]).unwrap().with_kid("new").unwrap())
        .verify_also(old())
        .unwrap();
    assert_eq!(
        after.sign_with(before.active_fingerprint(), &plain()).unwrap(),
        token
    );
    assert_ne!(after.sign(&plain()).unwrap(), token);
    let verified = after
        .verify(token.as_str(), &Expected::new(), at(1_750_000_000))
        .unwrap();
    assert_eq!(verified.key(), before.active_fingerprint());
    assert_eq!(
        before
            .sign_with(after.active_fingerprint(), &plain())
            .unwrap_err(),
        SignError::UnknownKey
    );
}

#[test]
fn what_is_signed_is_never_too_long_to_be_verified() {
    let (mut longest, mut refused) = (0, 0);
    for len in 5_900..6_200 {
        let subject = "x".repeat(len);
        match keys().sign(&Claims {
            subject: &subject,
            ..plain()
        }) {
            Ok(token) => {
                assert!(token.as_str().len() <= MAX_TOKEN_BYTES);
                let verified = keys().verify(token.as_str(), &Expected::new(), at(0)).unwrap();
                assert_eq!(verified.subject(), subject);
                longest = longest.max(token.as_str().len());
            }
            Err(error) => {
                assert_eq!(error, SignError::Oversized);
                refused += 1;
            }
        }
    }
    assert_eq!(longest, MAX_TOKEN_BYTES);
    assert!(refused > 0);
}

proptest! {
    #[test]
    fn what_was_signed_is_what_is_verified(
        issuer: Option<String>,
        subject: String,
        audience: Option<String>,
        long in 0..900_usize,
        issued_at in Timestamp::MIN.as_unix()..=Timestamp::MAX.as_unix(),
        expires_at in Timestamp::MIN.as_unix() + 1..=Timestamp::MAX.as_unix(),
        token_id: [u8; 16],
        which in 0..3_usize,
    ) {
        let subject = subject + &"x".repeat(long);
        let (issuer, audience) = (issuer.as_deref(), audience.as_deref());
        let claims = Claims {
            issuer,
            subject: &subject,
            audience,
            issued_at: at(issued_at),
            expires_at: at(expires_at),
            token_id: TokenId::from_bytes(token_id),
        };
        let key = keys().fingerprints().nth(which).unwrap();
        let token = keys().sign_with(key, &claims).unwrap();
        let verified = keys().verify(token.as_str(), &expected(issuer, audience), at(expires_at - 1)).unwrap();
        prop_assert_eq!(verified.key(), key);
        prop_assert_eq!((verified.subject(), verified.issuer()), (&*subject, issuer));
        prop_assert!(verified.audience().eq(audience));
        prop_assert_eq!((verified.issued_at(), verified.expires_at()), (Some(at(issued_at)), at(expires_at)));
        prop_assert_eq!(verified.token_id(), Some(claims.token_id));
        prop_assert_eq!(&keys().sign_with(key, &claims).unwrap(), &token);
        let late = keys().verify(token.as_str(), &expected(issuer, audience), at(expires_at));
        prop_assert_eq!(late.unwrap_err(), VerifyError::Expired);
    }

    #[test]
    fn no_bit_of_a_token_can_be_flipped(which in 0..3_usize, at_byte: prop::sample::Index, bit in 0..7_u8) {
        let key = keys().fingerprints().nth(which).unwrap();
        let token = keys().sign_with(key, &plain()).unwrap();
        let mut bytes = token.into_string().into_bytes();
        let index = at_byte.index(bytes.len());
        bytes[index] ^= 1 << bit;
        let flipped = String::from_utf8(bytes).unwrap();
        prop_assert!(keys().verify(&flipped, &Expected::new(), at(0)).is_err());
        prop_assert!(UnverifiedToken::parse(&flipped).and_then(|token| token.verify(&keys())).is_err());
    }

    #[test]
    fn no_text_makes_a_verifier_panic(text in any::<String>(), parts in proptest::collection::vec("[A-Za-z0-9_.=-]{0,60}", 0..5)) {
        for token in [text, parts.join(".")] {
            prop_assert!(keys().verify(&token, &Expected::new(), at(0)).is_err());
        }
    }

    #[test]
    fn no_json_makes_a_reader_panic(text in any::<String>(), json in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,80}") {
        for json in [text, json] {
            prop_assert!(SigningKey::from_jwk(&json).is_err());
            prop_assert!(KeySet::from_jwks(&json).is_err());
        }
    }
}
