//! What happens behind everybody's back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use given::{Gate, Method, Watched, clock, over, until, user};
use issuer::{Lifetime, decide::Policy};
use issuer_service::{ApiKey, TokenService};
use issuer_store::{Export, MemoryStore, Store as _, StoreError, StoreErrorKind};

fn rows(store: &MemoryStore) -> usize {
    let export: Export = store.export(None, 100_000).unwrap();
    export.rows.len()
}

/// Fills a store with dead tokens: each request of a user replaces the last one.
fn fill(tokens: &TokenService, count: u32) {
    thread::scope(|scope| {
        for caller in 0..8 {
            scope.spawn(move || {
                for _ in 0..count / 8 {
                    tokens.blocking().issue(user(&format!("user{caller}"))).unwrap();
                }
            });
        }
    });
}

#[test]
fn dead_rows_go_in_bounded_slices_and_live_ones_stay() {
    let store = Arc::new(Watched::new());
    let time = clock();
    let before = over(store.good.clone())
        .policy(Policy::Upsert)
        .clock(time.clone())
        .build()
        .unwrap();
    fill(&before, 800);
    let live = before.blocking().issue(user("amy")).unwrap();
    before.shutdown();
    assert_eq!(rows(&store.good), 800 + 8 + 2);
    time.advance(2 * 3_600);
    let tokens = over(store.clone()).clock(time).build().unwrap();
    // Eight users with a live token each, and Amy.
    until(|| rows(&store.good) == 2 * 8 + 2);
    tokens.blocking().authenticate(live.token()).unwrap();
    // 792 rows are twenty-five slices, and the last of them is not full.
    assert_eq!(store.calls(Method::Purge).len(), 25);
}

#[test]
fn what_has_just_died_stays_for_an_hour() {
    let store = Arc::new(Watched::new());
    let time = clock();
    let tokens = over(store.clone())
        .lifetime(Lifetime::from_seconds(60).unwrap())
        .clock(time.clone())
        .build()
        .unwrap();
    tokens.blocking().issue(user("amy")).unwrap();
    time.advance(3_600);
    until(|| !store.calls(Method::Purge).is_empty());
    assert_eq!(rows(&store.good), 2);
}

#[test]
fn a_purge_that_takes_long_holds_up_neither_callers_nor_a_change_of_api_keys() {
    let gate = Gate::shut();
    let store = Arc::new(Watched::new().before({
        let gate = gate.clone();
        move |method| {
            if method == Method::Purge {
                gate.pass();
            }
            Ok(())
        }
    }));
    let tokens = over(store.clone()).build().unwrap();
    gate.wait_for_somebody();
    tokens.blocking().issue(user("amy")).unwrap();
    let other = over(store.good.clone()).build().unwrap();
    let key = ApiKey::parse("correct-horse-battery-staple").unwrap();
    other.blocking().add_api_key("first", key).unwrap();
    thread::sleep(Duration::from_secs(1));
    let seen = tokens.blocking().has_api_keys();
    gate.lift();
    assert!(seen);
}

#[test]
fn a_store_that_fails_for_a_while_is_purged_and_read_again_when_it_recovers() {
    let fails = Arc::new(AtomicBool::new(false));
    let store = Arc::new(Watched::new().before({
        let fails = fails.clone();
        move |_| {
            if fails.load(Ordering::SeqCst) {
                Err(StoreError::new(StoreErrorKind::Io, "planted"))
            } else {
                Ok(())
            }
        }
    }));
    let tokens = over(store.clone()).build().unwrap();
    fails.store(true, Ordering::SeqCst);
    until(|| !store.calls(Method::Purge).is_empty() && store.calls(Method::Control).len() > 2);
    fails.store(false, Ordering::SeqCst);
    let other = over(store.good.clone()).build().unwrap();
    let key = ApiKey::parse("correct-horse-battery-staple").unwrap();
    other.blocking().add_api_key("first", key).unwrap();
    until(|| tokens.blocking().has_api_keys());
}
