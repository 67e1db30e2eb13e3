//! Clocks are set, forward and back.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{sync::Arc, thread};

use given::{amy, clock, over};
use issuer::{
    Lifetime, Timestamp,
    decide::{Dead, IdempotencyKey, Issue, Policy, Refusal},
};
use issuer_service::{Clock, ManualClock, TokenService};
use issuer_store::MemoryStore;
use time::{OffsetDateTime, PrimitiveDateTime};

const WEEK: i64 = 7 * 86_400;

fn over_a_year_of_clocks(time: &ManualClock, check: impl Fn()) {
    for step in [1, -2, WEEK, -WEEK, -2 * WEEK, 400 * 86_400, -800 * 86_400] {
        time.advance(step);
        check();
    }
}

fn is_live(tokens: &TokenService, token: &str) -> bool {
    tokens.blocking().authenticate(token).is_ok()
}

#[test]
fn a_token_that_was_revoked_never_lives_again() {
    let time = clock();
    let tokens = over(MemoryStore::new()).clock(time.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().revoke(amy().id(), issued.token()).unwrap();
    over_a_year_of_clocks(&time, || assert!(!is_live(&tokens, issued.token())));
}

#[test]
fn a_token_that_was_replaced_after_its_end_stays_dead_when_the_clock_steps_back() {
    let time = clock();
    let tokens = over(MemoryStore::new()).clock(time.clone()).build().unwrap();
    let expired = tokens.blocking().issue(amy()).unwrap();
    time.advance(WEEK);
    let next = tokens.blocking().issue(amy()).unwrap();
    time.advance(-WEEK);
    // The replaced one would not be expired now, but is dead all the same; the new one lives.
    assert!(!is_live(&tokens, expired.token()));
    assert!(is_live(&tokens, next.token()));
    over_a_year_of_clocks(&time, || assert!(!is_live(&tokens, expired.token())));
}

#[test]
fn revoking_everything_kills_what_expired_too() {
    let time = clock();
    let tokens = over(MemoryStore::new()).clock(time.clone()).build().unwrap();
    let expired = tokens.blocking().issue(amy()).unwrap();
    time.advance(WEEK);
    assert_eq!(tokens.blocking().revoke_all(amy().id()).unwrap().tokens, 0);
    over_a_year_of_clocks(&time, || assert!(!is_live(&tokens, expired.token())));
}

#[test]
fn with_upsert_a_clock_that_steps_back_leaves_one_token_the_newest() {
    let time = clock();
    let tokens = over(MemoryStore::new())
        .policy(Policy::Upsert)
        .clock(time.clone())
        .build()
        .unwrap();
    let mut replaced: Vec<String> = Vec::new();
    for step in [0, -60, -WEEK, 30, 2 * WEEK, -1] {
        time.advance(step);
        let issued = tokens.blocking().issue(amy()).unwrap();
        assert!(is_live(&tokens, issued.token()));
        assert!(!replaced.iter().any(|token| is_live(&tokens, token)));
        replaced.push(issued.token().to_owned());
    }
}

#[test]
fn a_retry_after_the_clock_stepped_back_gets_the_same_bytes() {
    let time = clock();
    let tokens = over(MemoryStore::new()).clock(time.clone()).build().unwrap();
    let request = || Issue::from(amy()).with_idempotency_key(IdempotencyKey::new(b"caller", "k1").unwrap());
    let issued = tokens.blocking().issue(request()).unwrap();
    for step in [-3_600, 7_200, -86_400] {
        time.advance(step);
        assert_eq!(
            tokens.blocking().issue(request()).unwrap().token(),
            issued.token()
        );
    }
}

#[test]
fn revoking_an_expired_token_or_one_of_another_issuer_finds_none() {
    let (store, time) = (Arc::new(MemoryStore::new()), clock());
    let with_issuer = |issuer: &str| {
        let builder = over(store.clone()).clock(time.clone());
        builder.issuer(issuer).build().unwrap()
    };
    let (ours, theirs) = (with_issuer("ours"), with_issuer("theirs"));
    let token = theirs.blocking().issue(amy()).unwrap();
    let of_another_issuer = ours.blocking().revoke(amy().id(), token.token()).unwrap_err();
    assert_eq!(of_another_issuer.refusal(), Some(&Refusal::TokenNotFound));
    let dead = ours.blocking().authenticate(token.token()).unwrap_err();
    assert_eq!(dead.refusal(), Some(&Refusal::InvalidToken(Dead::Issuer)));
    // It was not theirs to kill: where it lives, it lives on.
    assert!(is_live(&theirs, token.token()));
    time.advance(Lifetime::default().as_seconds());
    let expired = theirs.blocking().revoke(amy().id(), token.token()).unwrap_err();
    assert_eq!(expired.refusal(), Some(&Refusal::TokenNotFound));
}

#[test]
fn at_the_end_of_time_nothing_is_issued_and_nothing_breaks() {
    let time = ManualClock::at(Timestamp::MAX);
    let tokens = over(MemoryStore::new()).clock(time.clone()).build().unwrap();
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(error.refusal(), Some(&Refusal::ClockOutOfRange));
    time.advance(i64::MIN);
    assert_eq!(time.timestamp(), Timestamp::MIN);
    let issued = tokens.blocking().issue(amy()).unwrap();
    assert!(is_live(&tokens, issued.token()));
}

#[test]
fn threads_that_move_a_clock_together_lose_no_step() {
    let time = clock();
    let start = time.timestamp();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| time.advance(1)));
        }
    });
    assert_eq!(time.timestamp().seconds_since(start), 40_000);
}

#[test]
fn a_clock_before_the_year_0_stands_at_its_beginning() {
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> OffsetDateTime {
            PrimitiveDateTime::MIN.assume_utc()
        }
    }
    let tokens = over(MemoryStore::new()).clock(Broken).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    assert_eq!(issued.user().created_at, Timestamp::MIN);
}

#[test]
fn a_token_of_another_audience_is_dead_and_says_so() {
    let store = Arc::new(MemoryStore::new());
    let issued = over(store.clone()).audience("chat").build().unwrap();
    let issued = issued.blocking().issue(amy()).unwrap();
    let other = over(store).audience("mail").build().unwrap();
    let dead = other.blocking().authenticate(issued.token()).unwrap_err();
    assert_eq!(dead.refusal(), Some(&Refusal::InvalidToken(Dead::Audience)));
}
