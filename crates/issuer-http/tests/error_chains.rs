//! What went wrong is said once: an error says a sentence of its own, or that of the error below, and never both.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::error::Error;

use issuer::{
    decide::{MaxLiveTokens, Refusal},
    jose::{KeySet, SigningKey},
    user::UserId,
};
use issuer_http::ApiKeyError;
use issuer_service::{ApiKey, BuildError, TokenService};
use issuer_sqlite::SqliteStore;
use issuer_store::{CopyError, MemoryStore, StoreError, StoreErrorKind};

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

#[test]
fn every_error_says_what_went_wrong_once() {
    assert_said_once(&full(), 2);
    assert_said_once(&issuer_service::Error::from(full()), 2);
    assert_said_once(&BuildError::Store(full().into()), 2);
    assert_said_once(&ApiKeyError::Store(full().into()), 2);
    assert_said_once(&CopyError::Source(full()), 2);
    assert_said_once(&CopyError::Destination(full()), 2);
    assert_said_once(&BuildError::Threads(std::io::Error::other("no more of them")), 2);
    assert_said_once(&ApiKeyError::Form(ApiKey::parse("").unwrap_err()), 1);

    let rules = TokenService::builder(MemoryStore::new(), keys())
        .refresh_window(u32::MAX)
        .build();
    assert_said_once(&rules.unwrap_err(), 1);
    let claims = TokenService::builder(MemoryStore::new(), keys())
        .issuer(&"i".repeat(9_000))
        .build();
    assert_said_once(&claims.unwrap_err(), 2);

    // As SQLite says it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    std::fs::write(&path, "x".repeat(9_000)).unwrap();
    assert_said_once(&SqliteStore::open(&path).unwrap_err(), 2);
}

#[test]
fn why_a_token_is_dead_is_an_error_like_any_other() {
    let refusal = Refusal::InvalidToken(issuer::decide::Dead::Revoked);
    assert_said_once(&refusal, 1);
    assert_said_once(&issuer_service::Error::from(refusal), 1);
    assert_said_once(&issuer::decide::Dead::Expired, 1);
    assert_said_once(&UserId::parse("").unwrap_err(), 1);
    assert_eq!(MaxLiveTokens::new(0), None);
}
