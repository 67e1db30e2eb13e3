//! What is measured: wrong secrets of two classes, which are refused alike.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE};
use issuer::{
    Digest, Timestamp, TokenId,
    jose::{Claims, Expected, KeySet, SigningKey},
};
use issuer_service::{ApiKey, TokenService};
use issuer_store::MemoryStore;
use rand::RngExt as _;
use ring::hmac;

const SECRET: [u8; 32] = [7; 32];

const API_KEY: &str = "dGltaW5nIHRlc3QgYXBpIGtleSwgMzIgYnl0ZXMgISE=";

const NOW: i64 = 1_750_000_000;

/// Inputs of each class.
const INPUTS: usize = 64;

/// Something that compares a secret with what somebody presents.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// What a class is about, for the table.
    pub(crate) classes: &'static str,
    /// Refused as soon as a comparison that stops early has looked at their first byte.
    pub(crate) first: Vec<String>,
    /// Right up to their last byte.
    pub(crate) last: Vec<String>,
    /// Whether it is good, which it never is.
    pub(crate) is_good: Box<dyn Fn(&str) -> bool>,
    pub(crate) expects: Expects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// No difference.
    Constant,
    /// One that is found: the control.
    Leak,
}

/// All of them, the controls first.
pub(crate) fn all() -> Vec<Subject> {
    let service = service();
    let keyed = {
        let service = service.clone();
        move |key: &str| matches!(service.authorize(key), Ok(Some(_)))
    };
    let digested = move |key: &str| matches!(service.authorize(key), Ok(Some(_)));
    vec![
        early_exit(),
        nothing(),
        Subject {
            name: "KeySet::verify",
            classes: "a tag wrong in its first byte, or in its last",
            first: forged(0),
            last: forged(31),
            is_good: verify(),
            expects: Expects::Constant,
        },
        Subject {
            name: "TokenService::authorize, the key",
            classes: "an API key wrong from its first letter on, or in its last",
            first: keys(|_, at| at == 0),
            last: keys(|length, at| at == length - 1),
            is_good: Box::new(keyed),
            expects: Expects::Constant,
        },
        Subject {
            name: "TokenService::authorize, its digest",
            classes: "an API key whose digest differs in its first byte, or agrees in its first two",
            first: keys_by_digest(|known, digest| known[0] != digest[0]),
            last: keys_by_digest(|known, digest| known[..2] == digest[..2]),
            is_good: Box::new(digested),
            expects: Expects::Constant,
        },
    ]
}

/// The control: the tag is made, and compared byte by byte until one differs.
fn early_exit() -> Subject {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let is_good = move |token: &str| {
        let Some((input, tag)) = token.rsplit_once('.') else {
            return false;
        };
        let right = hmac::sign(&key, input.as_bytes());
        let mut presented = [0; 32];
        let length = URL_SAFE.decode_slice(tag, &mut presented);
        length.is_ok() && is_same_until(right.as_ref(), &presented)
    };
    Subject {
        name: "control: an early exit",
        classes: "a tag wrong in its first byte, or in its last",
        first: forged(0),
        last: forged(31),
        is_good: Box::new(is_good),
        expects: Expects::Leak,
    }
}

fn is_same_until(right: &[u8], presented: &[u8]) -> bool {
    for (right, presented) in right.iter().zip(presented) {
        // Or the compiler would compare several at once.
        if std::hint::black_box(*right) != *presented {
            return false;
        }
    }
    true
}

/// The other control: both classes are the same.
fn nothing() -> Subject {
    Subject {
        name: "control: one class twice",
        classes: "a tag wrong in its first byte",
        first: forged(0),
        last: forged(0),
        is_good: verify(),
        expects: Expects::Constant,
    }
}

fn verify() -> Box<dyn Fn(&str) -> bool> {
    let (keys, expected, now) = (key_set(), Expected::new(), at(NOW));
    Box::new(move |token| keys.verify(token, &expected, now).is_ok())
}

fn key_set() -> KeySet {
    KeySet::new(SigningKey::hs256(SECRET).expect("long enough"))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(seconds).expect("in range")
}

fn service() -> TokenService {
    let service = TokenService::builder(MemoryStore::new(), key_set())
        .build()
        .expect("the defaults are good");
    let key = ApiKey::parse(API_KEY).expect("visible ASCII");
    service.blocking().add_api_key("timing", key).expect("in memory");
    service
}

/// Good tokens whose tag is wrong in this byte alone, each in another way.
fn forged(byte: usize) -> Vec<String> {
    let claims = Claims {
        issuer: None,
        subject: "user001",
        audience: None,
        issued_at: at(NOW),
        expires_at: at(NOW + 3_600),
        token_id: TokenId::from_bytes([0xA5; 16]),
    };
    let token = key_set().sign(&claims).expect("signs").into_string();
    let (input, tag) = token.rsplit_once('.').expect("three parts");
    let tag = URL_SAFE.decode(tag).expect("base64url");
    let forged = (1..=INPUTS).map(|n| {
        let mut tag = tag.clone();
        tag[byte] ^= u8::try_from(n).expect("few");
        format!("{input}.{}", URL_SAFE.encode(tag))
    });
    forged.collect()
}

/// The API key with other letters: from the first of these places on.
fn keys(is_wrong: impl Fn(usize, usize) -> bool) -> Vec<String> {
    let place = (0..API_KEY.len())
        .find(|at| is_wrong(API_KEY.len(), *at))
        .expect("a place");
    let (right, _) = API_KEY.split_at(place);
    let others = (0..INPUTS).map(|_| {
        let mut random = letters(API_KEY.len() - place);
        while API_KEY[place..].starts_with(&random[..1]) {
            random = letters(API_KEY.len() - place);
        }
        format!("{right}{random}")
    });
    others.collect()
}

fn letters(count: usize) -> String {
    let mut random = rand::rng();
    (0..count)
        .map(|_| char::from(random.random_range(b'!'..=b'~')))
        .collect()
}

/// API keys whose digest is so.
fn keys_by_digest(is_wanted: impl Fn(&[u8; 32], &[u8; 32]) -> bool) -> Vec<String> {
    let known = Digest::of(API_KEY.as_bytes());
    let mut found = Vec::with_capacity(INPUTS);
    while found.len() < INPUTS {
        let key = letters(API_KEY.len());
        if is_wanted(known.as_bytes(), Digest::of(key.as_bytes()).as_bytes()) {
            found.push(key);
        }
    }
    found
}
