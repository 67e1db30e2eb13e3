//! Live tokens kept in memory, where nobody else writes: what a check costs then, and that it sees every write at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use given::{Gate, Method, Watched, amy, clock, keys, over, until, user};
use issuer::{
    Lifetime,
    decide::{Dead, Policy, Refusal},
    jose::Claims,
};
use issuer_service::{Builder, Error, TokenService};
use issuer_store::{Effect, Store as _, StoreError, StoreErrorKind, TokenRef};

fn caching(store: &Arc<Watched>) -> Builder {
    over(store.clone()).cache_live_tokens(NonZeroUsize::new(50_000).unwrap())
}

fn dead<T>(answer: Result<T, Error>) -> Option<Dead> {
    match answer.err()?.refusal() {
        Some(Refusal::InvalidToken(dead)) => Some(*dead),
        _ => None,
    }
}

#[test]
fn a_token_that_was_checked_before_asks_no_store() {
    let store = Arc::new(Watched::new());
    let tokens = caching(&store).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    for _ in 0..3 {
        let user = tokens.blocking().authenticate(issued.token()).unwrap();
        assert_eq!(user.nickname.unwrap().as_str(), "Amy");
        let state = futures_executor::block_on(tokens.inspect(issued.token())).unwrap();
        assert_eq!(state.token.expires_at, issued.expires_at());
        let claims = tokens.blocking().check(issued.token()).unwrap();
        assert_eq!(claims.subject(), "user001");
    }
    assert_eq!(store.calls(Method::Find).len(), 1);
}

#[test]
fn unless_a_host_says_that_nobody_else_writes_each_check_asks_the_store() {
    let store = Arc::new(Watched::new());
    let tokens = over(store.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    for _ in 0..3 {
        tokens.blocking().check(issued.token()).unwrap();
        futures_executor::block_on(tokens.check(issued.token())).unwrap();
    }
    assert_eq!(store.calls(Method::Find).len(), 6);
}

#[test]
fn without_a_store_a_revoked_token_passes_and_an_expired_one_does_not() {
    let (store, clock) = (Arc::new(Watched::new()), clock());
    let tokens = over(store.clone()).clock(clock.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().revoke_all(amy().id()).unwrap();
    let claims = tokens.verify_without_store(issued.token()).unwrap();
    assert_eq!(claims.subject(), "user001");
    assert_eq!(store.calls(Method::Find).len(), 0);
    clock.advance(Lifetime::default().as_seconds());
    assert_eq!(
        dead(tokens.verify_without_store(issued.token())),
        Some(Dead::Expired)
    );
}

#[test]
fn a_token_that_says_something_else_than_the_record_of_its_id_is_unknown() {
    let (store, clock) = (Arc::new(Watched::new()), clock());
    let tokens = caching(&store).clock(clock.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    let claims = tokens.blocking().check(issued.token()).unwrap();
    let stored = Claims {
        issuer: None,
        subject: claims.subject(),
        audience: None,
        issued_at: clock.timestamp(),
        expires_at: claims.expires_at(),
        token_id: claims.token_id().unwrap(),
    };
    let of_another = Claims {
        subject: "user002",
        ..stored
    };
    let for_longer = Claims {
        expires_at: claims.expires_at().saturating_add_seconds(1),
        ..stored
    };
    for (claims, expected) in [
        (stored, None),
        (of_another, Some(Dead::Unknown)),
        (for_longer, Some(Dead::Unknown)),
    ] {
        let token = keys().sign(&claims).unwrap();
        assert_eq!(dead(tokens.blocking().check(token.as_str())), expected);
    }
}

#[test]
fn a_clock_that_ran_ahead_while_rows_were_purged_and_was_corrected_revives_no_token() {
    // A machine that is busy may reach the clock after the first purge, and the next one is half a minute later.
    let (store, clock) = (Arc::new(Watched::new().purged_all_the_time()), clock());
    let tokens = caching(&store).clock(clock.clone()).build().unwrap();
    let old = tokens.blocking().issue(amy()).unwrap();
    let id = tokens.blocking().check(old.token()).unwrap().token_id().unwrap();
    let ahead = Lifetime::default().as_seconds() + 2 * 3_600;
    clock.advance(ahead);
    until(|| {
        let user = amy();
        let found = store.find(&[TokenRef::Issued { user: user.id(), id }]);
        found.unwrap() == [None]
    });
    tokens.blocking().revoke_all(amy().id()).unwrap();
    let new = tokens.blocking().issue(amy()).unwrap();
    clock.advance(-ahead);
    assert_eq!(dead(tokens.blocking().check(old.token())), Some(Dead::Unknown));
    tokens.blocking().check(new.token()).unwrap();
}

#[test]
fn a_revocation_is_seen_at_once_through_every_clone() {
    let tokens = caching(&Arc::new(Watched::new())).build().unwrap();
    let (clone, amy) = (tokens.clone(), amy());
    let one = tokens.blocking().issue(amy.clone()).unwrap();
    tokens.blocking().check(one.token()).unwrap();
    clone.blocking().revoke(amy.id(), one.token()).unwrap();
    assert_eq!(dead(tokens.blocking().check(one.token())), Some(Dead::Revoked));
    let other = tokens.blocking().issue(amy.clone()).unwrap();
    tokens.blocking().check(other.token()).unwrap();
    clone.blocking().revoke_all(amy.id()).unwrap();
    assert_eq!(dead(tokens.blocking().check(other.token())), Some(Dead::Revoked));
}

#[test]
fn a_token_that_a_newer_one_replaced_is_dead_at_once() {
    let tokens = caching(&Arc::new(Watched::new()))
        .policy(Policy::Upsert)
        .build()
        .unwrap();
    let first = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().check(first.token()).unwrap();
    let second = tokens.blocking().issue(amy()).unwrap();
    assert_eq!(dead(tokens.blocking().check(first.token())), Some(Dead::Revoked));
    tokens.blocking().check(second.token()).unwrap();
}

#[test]
fn a_new_profile_is_seen_at_once() {
    let tokens = caching(&Arc::new(Watched::new())).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().authenticate(issued.token()).unwrap();
    let renamed = user("user001").nickname("Amélie").unwrap();
    futures_executor::block_on(tokens.write_profile(renamed)).unwrap();
    let user = tokens.blocking().authenticate(issued.token()).unwrap();
    assert_eq!(user.nickname.unwrap().as_str(), "Amélie");
}

#[test]
fn a_token_in_memory_expires_like_any_other() {
    let clock = clock();
    let tokens = caching(&Arc::new(Watched::new()))
        .clock(clock.clone())
        .build()
        .unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().check(issued.token()).unwrap();
    clock.advance(Lifetime::default().as_seconds());
    assert_eq!(dead(tokens.blocking().check(issued.token())), Some(Dead::Expired));
}

/// Hears of commits from the store, before the writer does, and checks a token then.
struct Subscriber {
    tokens: TokenService,
    token: String,
    answers: Mutex<Vec<Option<Dead>>>,
}

#[test]
fn who_hears_of_a_revocation_from_the_store_is_not_told_from_memory_that_the_token_lives() {
    for unknown in [false, true] {
        let subscriber: Arc<OnceLock<Subscriber>> = Arc::default();
        let told = subscriber.clone();
        let store = Arc::new(Watched::new().after(move |method| {
            let Some(subscriber) = told.get().filter(|_| method == Method::Apply) else {
                return Ok(());
            };
            // What the first check has learned is not kept either, while the write is under way.
            for _ in 0..2 {
                let answer = dead(subscriber.tokens.blocking().check(&subscriber.token));
                subscriber.answers.lock().unwrap().push(answer);
            }
            if unknown {
                return Err(StoreError::new(StoreErrorKind::Io, "planted").maybe_applied());
            }
            Ok(())
        }));
        let tokens = caching(&store).build().unwrap();
        let issued = tokens.blocking().issue(amy()).unwrap();
        tokens.blocking().check(issued.token()).unwrap();
        let subscriber = subscriber.get_or_init(|| Subscriber {
            tokens: tokens.clone(),
            token: issued.token().to_owned(),
            answers: Mutex::default(),
        });
        assert_eq!(tokens.blocking().revoke_all(amy().id()).is_err(), unknown);
        assert_eq!(*subscriber.answers.lock().unwrap(), [Some(Dead::Revoked); 2]);
        assert_eq!(dead(tokens.blocking().check(issued.token())), Some(Dead::Revoked));
        // The store holds the service.
        tokens.shutdown();
    }
}

/// The store answered before the revocation, and the answer comes after it.
#[test]
fn an_answer_that_a_revocation_overtook_is_not_kept() {
    let gate = Gate::open();
    let held = gate.clone();
    let store = Arc::new(Watched::new().after(move |method| {
        if method == Method::Find {
            held.pass();
        }
        Ok(())
    }));
    let tokens = caching(&store).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    gate.close();
    thread::scope(|scope| {
        let slow = scope.spawn(|| tokens.blocking().check(issued.token()));
        gate.wait_for_somebody();
        tokens.blocking().revoke_all(amy().id()).unwrap();
        gate.lift();
        // It began before the revocation, and may say either.
        let _ = slow.join().unwrap();
    });
    assert_eq!(dead(tokens.blocking().check(issued.token())), Some(Dead::Revoked));
}

#[test]
fn a_write_that_may_have_happened_is_not_answered_from_memory() {
    let fails = Arc::new(AtomicBool::new(false));
    let now = fails.clone();
    let store = Arc::new(Watched::new().after(move |method| {
        if method == Method::Apply && now.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreErrorKind::Io, "the disk is gone").maybe_applied());
        }
        Ok(())
    }));
    let tokens = caching(&store).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    tokens.blocking().check(issued.token()).unwrap();
    fails.store(true, Ordering::SeqCst);
    let error = tokens.blocking().revoke_all(amy().id()).unwrap_err();
    assert_eq!(error.effect(), Effect::Unknown);
    assert_eq!(dead(tokens.blocking().check(issued.token())), Some(Dead::Revoked));
}

#[test]
fn no_check_that_begins_after_a_revocation_accepts_the_token() {
    let tokens = caching(&Arc::new(Watched::new())).build().unwrap();
    for round in 0..200 {
        let user = user(&format!("user {round}"));
        let issued = tokens.blocking().issue(user.clone()).unwrap();
        let (revoked, checked) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let after = revoked.load(Ordering::SeqCst);
                        let accepted = tokens.blocking().check(issued.token()).is_ok();
                        assert!(!(after && accepted), "round {round}");
                        checked.store(true, Ordering::SeqCst);
                        if after {
                            break;
                        }
                    }
                });
            }
            until(|| checked.load(Ordering::SeqCst));
            tokens.blocking().revoke_all(user.id()).unwrap();
            revoked.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let store = Arc::new(Watched::new());
    let tokens = caching(&store).build().unwrap();
    let issued: Vec<_> = (0..1_000)
        .map(|n| tokens.blocking().issue(user(&format!("user {n}"))).unwrap())
        .collect();
    for _ in 0..2 {
        for one in &issued {
            tokens.blocking().check(one.token()).unwrap();
        }
    }
    let asked = store.calls(Method::Find).len();
    assert!(
        asked >= 1_800,
        "of 2,000 checks {asked} asked the store, which 50,000 bytes of tokens cannot save"
    );
}
