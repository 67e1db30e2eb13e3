//! Who may call the administrative routes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use given::{Gate, Method, Watched, clock, over, until};
use issuer::{
    Digest, Timestamp,
    state::{ApiKeyRecord, ApiKeyScope, Control, Expect, Version, Versioned},
};
use issuer_service::{ApiCaller, ApiKey, BuildError, Clock as _, ErrorKind, TokenService};
use issuer_store::{MemoryStore, Store as _, StoreError, StoreErrorKind};

const KEY: &str = "correct-horse-battery-staple";

fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

fn record(text: &str) -> ApiKeyRecord {
    ApiKeyRecord {
        name: text.to_owned(),
        hash: Digest::of(text.as_bytes()),
        scope: ApiKeyScope::Issue,
        created_at: Timestamp::try_from(clock().now()).unwrap(),
        expires_at: None,
        revoked_at: None,
    }
}

/// Writes the record behind the back of every service.
fn write(store: &MemoryStore, version: u8, api_keys: Vec<ApiKeyRecord>) {
    let next = Versioned {
        version: Version::from_bytes([version; 16]),
        value: Control { api_keys },
    };
    store.set_control(Expect::Any, &next).unwrap();
}

fn known(tokens: &TokenService, text: &str) -> bool {
    tokens.authorize(text).unwrap().is_some()
}

fn caller(tokens: &TokenService, text: &str) -> ApiCaller {
    tokens.authorize(text).unwrap().unwrap()
}

#[test]
fn a_change_holds_within_a_second_on_every_other_service() {
    let store = Arc::new(MemoryStore::new());
    let first = over(store.clone()).build().unwrap();
    let second = over(store.clone()).build().unwrap();
    first.blocking().add_api_key("first", key()).unwrap();
    assert!(known(&first, KEY));
    thread::sleep(Duration::from_secs(1));
    assert!(known(&second, KEY));
    let revoked = ApiKeyRecord {
        revoked_at: Some(Timestamp::MIN),
        ..record(KEY)
    };
    write(&store, 1, vec![revoked]);
    thread::sleep(Duration::from_secs(1));
    assert!(!known(&first, KEY) && !known(&second, KEY));
    // Added again it stays revoked, and the store still knows of a key.
    first.blocking().add_api_key("again", key()).unwrap();
    assert!(!known(&first, KEY));
    assert!(first.blocking().has_api_keys());
}

#[test]
fn a_key_works_until_it_expires_and_a_caller_is_told_apart_by_its_key() {
    let store = Arc::new(MemoryStore::new());
    let time = clock();
    let expiring = ApiKeyRecord {
        expires_at: Some(time.timestamp().saturating_add_seconds(60)),
        ..record("expiring")
    };
    write(&store, 1, vec![record("a"), expiring, record("b")]);
    let tokens = over(store).clock(time.clone()).build().unwrap();
    let (a, b) = (caller(&tokens, "a"), caller(&tokens, "b"));
    assert_eq!((a.name(), a.scope()), ("a", ApiKeyScope::Issue));
    assert_ne!(a.id(), b.id());
    time.advance(59);
    assert!(known(&tokens, "expiring"));
    time.advance(1);
    assert!(!known(&tokens, "expiring"));
    for unknown in ["", "c", "A", "a ", &"a".repeat(100_000)] {
        assert!(!known(&tokens, unknown));
    }
}

#[test]
fn two_services_that_add_keys_at_once_lose_none() {
    let store = Arc::new(MemoryStore::new());
    thread::scope(|scope| {
        for service in 0..2 {
            let store = store.clone();
            scope.spawn(move || {
                let tokens = over(store).build().unwrap();
                for n in 0..20 {
                    let key = ApiKey::parse(&format!("key-of-service-{service:02}-{n:04}")).unwrap();
                    tokens.blocking().add_api_key("one of many", key).unwrap();
                }
            });
        }
    });
    assert_eq!(store.control().unwrap().unwrap().value.api_keys.len(), 40);
}

#[test]
fn a_reading_that_was_overtaken_does_not_bring_the_old_keys_back() {
    let gate = Gate::open();
    let held = Arc::new(AtomicBool::new(false));
    // Holds one reading of the record after it was read, before it arrives.
    let store = Arc::new(Watched::new().after({
        let (gate, held) = (gate.clone(), held.clone());
        move |method| {
            if method == Method::Control && held.swap(false, Ordering::SeqCst) {
                gate.pass();
            }
            Ok(())
        }
    }));
    let tokens = over(store).build().unwrap();
    gate.close();
    held.store(true, Ordering::SeqCst);
    gate.wait_for_somebody();
    thread::scope(|scope| {
        let added = scope.spawn(|| {
            tokens.blocking().add_api_key("first", key()).unwrap();
            for _ in 0..50 {
                assert!(known(&tokens, KEY));
                thread::sleep(Duration::from_millis(2));
            }
        });
        thread::sleep(Duration::from_millis(50));
        gate.lift();
        added.join().unwrap();
    });
}

#[test]
fn a_damaged_or_newer_record_keeps_a_service_from_starting_and_says_so() {
    for kind in [StoreErrorKind::Damaged, StoreErrorKind::Newer] {
        let store = Watched::new().before(move |method| match method {
            Method::Control => Err(StoreError::new(kind, "control of users.db")),
            _ => Ok(()),
        });
        let Err(BuildError::Store(error)) = over(store).build() else {
            panic!("it started")
        };
        assert_eq!(error.kind(), &ErrorKind::Store(kind));
        assert_eq!(error.to_string(), "control of users.db");
    }
}

#[test]
fn keys_that_cannot_be_read_again_are_good_for_a_while_and_then_nobodys() {
    let fails = Arc::new(AtomicBool::new(false));
    let store = Watched::new().before({
        let fails = fails.clone();
        move |method| {
            if method == Method::Control && fails.load(Ordering::SeqCst) {
                return Err(StoreError::new(StoreErrorKind::Newer, "planted").caused_by("its cause"));
            }
            Ok(())
        }
    });
    let tokens = over(store).build().unwrap();
    tokens.blocking().add_api_key("first", key()).unwrap();
    fails.store(true, Ordering::SeqCst);
    thread::sleep(Duration::from_secs(1));
    assert!(known(&tokens, KEY));
    until(|| tokens.authorize(KEY).is_err());
    assert_eq!(
        tokens.authorize(KEY).unwrap_err().kind(),
        &ErrorKind::Store(StoreErrorKind::Newer)
    );
    let error = tokens.authorize(KEY).unwrap_err();
    assert_eq!(error.to_string(), "planted");
    assert_eq!(error.source().unwrap().to_string(), "its cause");
    fails.store(false, Ordering::SeqCst);
    until(|| tokens.authorize(KEY).is_ok());
    assert!(known(&tokens, KEY));
}
