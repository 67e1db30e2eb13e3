//! What signing and verifying take from the heap.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use allocation_counter::measure;
use issuer::{
    Timestamp, TokenId,
    jose::{Claims, Expected, KeySet, SigningKey},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

fn claims<'a>(issuer: Option<&'a str>, audience: Option<&'a str>) -> Claims<'a> {
    Claims {
        issuer,
        subject: "user001",
        audience,
        issued_at: at(1_750_000_000),
        expires_at: at(1_750_604_800),
        token_id: TokenId::from_bytes([7; 16]),
    }
}

/// Every shape of token that this library writes with short claims.
const SHAPES: [(Option<&str>, Option<&str>); 3] = [
    (None, None),
    (Some("https://chat.example.com"), None),
    (Some("https://chat.example.com"), Some("chat")),
];

#[test]
fn signing_allocates_the_token_and_nothing_else() {
    let keys = KeySet::new(SigningKey::hs256([7; 32]).unwrap());
    for (issuer, audience) in SHAPES {
        let claims = claims(issuer, audience);
        // Whatever is set up once is set up by now.
        keys.sign(&claims).unwrap();
        let counted = measure(|| {
            keys.sign(&claims).unwrap();
        });
        assert_eq!(counted.count_total, 1);
    }
}

#[test]
fn verifying_an_ordinary_token_allocates_nothing() {
    let keys = KeySet::new(SigningKey::hs256([7; 32]).unwrap());
    for (issuer, audience) in SHAPES {
        let token = keys.sign(&claims(issuer, audience)).unwrap();
        let mut expected = Expected::new();
        if let Some(issuer) = issuer {
            expected = expected.issuer(issuer);
        }
        if let Some(audience) = audience {
            expected = expected.audience(audience);
        }
        let counted = measure(|| {
            keys.verify(token.as_str(), &expected, at(1_750_000_000)).unwrap();
        });
        assert_eq!(counted.count_total, 0);
    }
}

#[test]
fn the_count_sees_an_allocation() {
    assert_eq!(
        measure(|| drop(std::hint::black_box(vec![1_u8; 64]))).count_total,
        1
    );
}
