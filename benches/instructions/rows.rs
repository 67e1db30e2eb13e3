//! What is counted.

use std::hint::black_box;

use issuer::{
    KeyFingerprint, Timestamp, TokenId,
    decide::{self, Decision, Fresh, Issue, Rules},
    jose::{Claims, Expected, KeySet, SigningKey},
    state::{Snapshot, Version},
    user::NewUser,
};
use ring::hmac;

/// The bare MAC of the 192 bytes that [`NAMES`] sign and verify: its blocks are known.
pub(crate) const BARE: &str = "ring";
/// Three blocks of text, one of padding, one of the outer hash; the key's own two are prepared.
pub(crate) const BARE_BLOCKS: u64 = 5;

pub(crate) const NAMES: [&str; 7] = [
    BARE,
    "sign",
    "verify",
    "verify-foreign",
    "decide-issue",
    "decide-check",
    "token-id",
];

const SECRET: [u8; 32] = [7; 32];
const ISSUER: &str = "https://chats.example.com";

/// Sets a row up and calls it.
pub(crate) fn run(name: &str, calls: u64) {
    let keys = KeySet::new(SigningKey::hs256(SECRET).expect("long enough"));
    let expected = Expected::new().issuer(ISSUER);
    let claims = claims();
    let token = keys.sign(&claims).expect("short").into_string();
    let (signing_input, _) = token.rsplit_once('.').expect("three segments");
    assert_eq!(signing_input.len(), 192);
    match name {
        BARE => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
            repeat(calls, || hmac::sign(&key, black_box(signing_input.as_bytes())));
        }
        "sign" => repeat(calls, || keys.sign(black_box(&claims)).expect("short")),
        "verify" => repeat(calls, || {
            keys.verify(black_box(&token), &expected, claims.issued_at)
                .expect("verifies")
        }),
        "verify-foreign" => repeat(calls, || {
            keys.verify(black_box(FOREIGN), &expected, claims.issued_at)
                .expect("verifies")
        }),
        "decide-issue" => {
            let (rules, request) = (rules(), Issue::from(NewUser::new("user001").expect("valid")));
            let nobody = Snapshot::default();
            repeat(calls, || {
                decide::issue(black_box(&nobody), &request, &rules, claims.issued_at, fresh())
            });
        }
        "decide-check" => {
            let (rules, request) = (rules(), Issue::from(NewUser::new("user001").expect("valid")));
            let nobody = Snapshot::default();
            let decision = decide::issue(&nobody, &request, &rules, claims.issued_at, fresh());
            let Decision::Commit(_, issued) = decision else {
                panic!("a new user has room");
            };
            repeat(calls, || {
                decide::check(black_box(&issued.token), &rules, claims.issued_at)
            });
        }
        "token-id" => repeat(calls, || {
            let text = black_box(&claims.token_id).encode();
            TokenId::parse(str::from_utf8(&text).expect("ASCII")).expect("its own text")
        }),
        _ => panic!("no such row: {name}"),
    }
}

fn repeat<T>(calls: u64, call: impl Fn() -> T) {
    for _ in 0..calls {
        black_box(call());
    }
}

fn claims() -> Claims<'static> {
    Claims {
        issuer: Some(ISSUER),
        subject: "user001",
        audience: None,
        issued_at: Timestamp::from_unix(1_750_000_000).expect("in range"),
        expires_at: Timestamp::from_unix(4_000_000_000).expect("in range"),
        token_id: TokenId::from_bytes([0xA5; 16]),
    }
}

/// The same claims under the same key, header and claims in another order: the strict way.
const FOREIGN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDAsImlhdCI6MTc1MDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9jaGF0cy5leGFtcGxlLmNvbSIsInN1YiI6InVzZXIwMDEiLCJqdGkiOiJwYVdscGFXbHBhV2xwYVdscGFXbHBRIn0.lnjnvypoJqdpZ95UnMyyhe4LltwxppltK8x1CdfJ9js";

fn rules() -> Rules {
    Rules::new(KeyFingerprint::from_bytes([7; 16])).with_issuer(ISSUER)
}

fn fresh() -> Fresh {
    Fresh {
        token_id: TokenId::from_bytes([1; 16]),
        version: Version::from_bytes([2; 16]),
    }
}
