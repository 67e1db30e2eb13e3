//! Error chains: an error says a sentence of its own, or that of the error below it, and never both.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use issuer::{
    Lifetime, Timestamp, TokenId,
    decide::{Dead, Refusal},
    jose::{Claims, Expected, KeySet, SigningKey},
    state::Control,
    user::UserId,
};
use issuer_http::ApiKeyError;
use issuer_service::{ApiKey, BuildError, TokenService};
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{CopyError, MemoryStore, Store as _, StoreError, StoreErrorKind};

/// Every message from the error to its root.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut below = error.source();
    while let Some(error) = below {
        messages.push(error.to_string());
        below = error.source();
    }
    messages
}

#[track_caller]
fn assert_said_once(error: &dyn Error, messages: usize) {
    let chain = chain(error);
    assert_eq!(chain.len(), messages, "{chain:?}");
    for (at, message) in chain.iter().enumerate() {
        assert!(!message.is_empty(), "{chain:?}");
        for above in chain.iter().take(at) {
            let is_said_twice = above.contains(message.as_str()) || message.contains(above.as_str());
            assert!(!is_said_twice, "{chain:?}");
        }
    }
}

fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256([7; 32]).unwrap())
}

fn full() -> StoreError {
    let below = std::io::Error::other("the disk says no");
    StoreError::new(StoreErrorKind::Full, "users.db has no space left").caused_by(below)
}

fn service() -> issuer_service::Builder {
    TokenService::builder(MemoryStore::new(), keys())
}

/// The types that a test below has a value of.
const COVERED: [&str; 16] = [
    "ApiKeyError",
    "BuildError",
    "ControlError",
    "CopyError",
    "Dead",
    "Error",
    "FieldError",
    "KeyError",
    "LeewayError",
    "LifetimeError",
    "Refusal",
    "RulesError",
    "SignError",
    "StoreError",
    "TimestampError",
    "VerifyError",
];

/// The errors of the libraries, but for those of the test library, as their sources have them.
fn types_of_errors() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<_> = fs::read_dir(crates)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("src"))
        .filter(|src| !src.starts_with(crates.join("issuer-conformance")))
        .collect();
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for line in fs::read_to_string(&path).unwrap().lines() {
                let (_, name) = line
                    .split_once("Error for ")
                    .filter(|(before, _)| before.starts_with("impl") && !before.contains("From<"))
                    .unwrap_or_default();
                let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
                found.extend(Some(name).filter(|name| !name.is_empty()));
            }
        }
    }
    found
}

#[test]
fn every_type_of_error_has_a_test_of_its_chain() {
    let covered: BTreeSet<_> = COVERED.iter().map(ToString::to_string).collect();
    assert_eq!(types_of_errors(), covered);
}

#[test]
fn an_error_that_wraps_another_one_says_a_sentence_of_its_own_or_that_of_the_other_one() {
    assert_said_once(&full(), 2);
    assert_said_once(&issuer_service::Error::from(full()), 2);
    assert_said_once(&BuildError::Store(full().into()), 2);
    assert_said_once(&ApiKeyError::Store(full().into()), 2);
    assert_said_once(&CopyError::Source(full()), 2);
    assert_said_once(&CopyError::Destination(full()), 2);
    assert_said_once(&BuildError::Threads(std::io::Error::other("no more of them")), 2);
    assert_said_once(&ApiKeyError::Form(ApiKey::parse("").unwrap_err()), 1);
    let rules = service().refresh_window(u32::MAX).build();
    assert_said_once(&rules.unwrap_err(), 1);
    assert_said_once(&service().audience("").build().unwrap_err(), 1);
    let claims = service().issuer(&"i".repeat(9_000)).build();
    assert_said_once(&claims.unwrap_err(), 2);
    for refusal in [
        Refusal::InvalidToken(Dead::Revoked),
        Refusal::TokenNotFound,
        Refusal::ClockOutOfRange,
    ] {
        assert_said_once(&issuer_service::Error::from(refusal), 1);
    }
}

#[test]
fn an_error_that_wraps_none_has_a_message_and_no_source() {
    assert_said_once(&UserId::parse("").unwrap_err(), 1);
    assert_said_once(&Lifetime::from_seconds(0).unwrap_err(), 1);
    assert_said_once(&Timestamp::parse_rfc3339("").unwrap_err(), 1);
    assert_said_once(&Control::from_json("{}").unwrap_err(), 1);
    assert_said_once(&Control::from_json(r#"{"format":9}"#).unwrap_err(), 1);
    assert_said_once(&Expected::new().leeway(u32::MAX).unwrap_err(), 1);
    assert_said_once(&SigningKey::hs256([]).unwrap_err(), 1);
    let unverified = keys().verify("", &Expected::new(), Timestamp::MIN);
    assert_said_once(&unverified.unwrap_err(), 1);
    let too_long = "s".repeat(9_000);
    let signed = keys().sign(&Claims {
        issuer: Some(&too_long),
        subject: "amy",
        audience: None,
        issued_at: Timestamp::MIN,
        expires_at: Timestamp::MAX,
        token_id: TokenId::from_bytes([7; 16]),
    });
    assert_said_once(&signed.unwrap_err(), 1);
    for dead in [
        Dead::Unverified,
        Dead::Unknown,
        Dead::Revoked,
        Dead::Expired,
        Dead::KeyGone,
        Dead::Issuer,
        Dead::Audience,
    ] {
        assert_said_once(&dead, 1);
        assert_said_once(&Refusal::InvalidToken(dead), 1);
    }
    assert_said_once(&CopyError::Changed, 1);
    assert_said_once(&CopyError::Occupied { rows: 2 }, 1);
}

/// As the libraries below say it: whatever is in the place of a store, or happens to it.
#[test]
fn the_errors_of_both_stores_say_each_thing_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("garbage"), "x".repeat(9_000)).unwrap();
    fs::write(path("short"), "x").unwrap();
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("folder/db"), "x").unwrap();
    for at in [
        path("garbage"),
        path("short"),
        path("folder"),
        path("no/folder/here"),
    ] {
        for error in [SqliteStore::open(&at).err(), SledStore::open(&at).err()]
            .into_iter()
            .flatten()
        {
            assert_said_once(&error, chain(&error).len());
            assert!(error.to_string().contains(&at.display().to_string()), "{error}");
        }
    }
    assert_said_once(&SqliteStore::open(path("garbage")).unwrap_err(), 2);

    drop(SledStore::open(path("damaged.sled")).unwrap());
    fs::write(path("damaged.sled/db"), vec![0xA5; 70_000]).unwrap();
    let error = SledStore::open(path("damaged.sled")).unwrap_err();
    assert_said_once(&error, chain(&error).len());

    let store = SqliteStore::open(path("moved.db")).unwrap();
    fs::rename(path("moved.db"), path("away.db")).unwrap();
    let error = store.control().unwrap_err();
    assert_said_once(&error, chain(&error).len());
}
