//! A caller that goes away leaves its request whole or not begun.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    sync::Arc,
    task::{Context, Waker},
};

use given::{Gate, Method, Watched, amy, over, until, user};
use issuer::user::UserId;
use issuer_service::{Error, Issued, TokenService};
use issuer_store::{Lookup, Store as _};

fn held(gate: &Arc<Gate>) -> Arc<Watched> {
    let gate = gate.clone();
    Arc::new(Watched::new().before(move |called| {
        if called == Method::Apply {
            gate.pass();
        }
        Ok(())
    }))
}

fn poll_once(future: impl Future<Output = Result<Issued, Error>>) {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_pending());
}

/// Goes away once its request was begun.
fn begin(tokens: &TokenService, gate: &Gate) {
    let mut begun = Box::pin(tokens.issue(user("begun")));
    let mut context = Context::from_waker(Waker::noop());
    assert!(begun.as_mut().poll(&mut context).is_pending());
    gate.wait_for_somebody();
}

fn exists(store: &Watched, name: &str) -> bool {
    let id = UserId::parse(name).unwrap();
    let found = store.good.load(&[Lookup::user(&id)]).unwrap();
    found.iter().any(|found| found.user.is_some())
}

#[test]
fn a_future_that_was_never_polled_asks_for_nothing() {
    let store = held(&Gate::open());
    let tokens = over(store.clone()).build().unwrap();
    drop(tokens.issue(amy()));
    tokens.shutdown();
    assert!(store.calls(Method::Load).is_empty());
}

#[test]
fn a_request_that_was_begun_is_carried_out_whole_and_one_that_waits_is_dropped() {
    let gate = Gate::shut();
    let store = held(&gate);
    let tokens = over(store.clone()).build().unwrap();
    begin(&tokens, &gate);
    poll_once(tokens.issue(user("waits")));
    gate.lift();
    tokens.blocking().issue(user("comes later")).unwrap();
    assert!(exists(&store, "begun"));
    assert!(!exists(&store, "waits"));
    assert_eq!(store.calls(Method::Load), [["begun"], ["comes later"]]);
    // What nobody took is no token of hers any more than one that got lost on its way: she asks again.
    assert!(
        tokens
            .blocking()
            .issue(user("begun"))
            .unwrap_err()
            .refusal()
            .is_some()
    );
}

#[test]
fn callers_that_come_and_go_leave_nothing_behind() {
    let gate = Gate::shut();
    let store = held(&gate);
    let tokens = over(store.clone()).build().unwrap();
    begin(&tokens, &gate);
    for n in 0..1_000 {
        poll_once(tokens.issue(user(&format!("went away {n}"))));
    }
    gate.lift();
    tokens.shutdown();
    assert_eq!(Arc::strong_count(&store), 1);
    assert_eq!(store.calls(Method::Load), [["begun"]]);
}

#[test]
fn the_calls_may_move_between_threads() {
    fn sendable<T: Send>(_: &T) {}
    fn shareable<T: Send + Sync + Clone + 'static>(_: &T) {}
    let tokens: TokenService = over(held(&Gate::open())).build().unwrap();
    let amy = amy();
    shareable(&tokens);
    sendable(&tokens.issue(amy.clone()));
    sendable(&tokens.write_profile(amy.clone()));
    sendable(&tokens.authenticate("token"));
    sendable(&tokens.revoke(amy.id(), "token"));
    sendable(&tokens.revoke_all(amy.id()));
    sendable(&tokens.ready());
}

#[test]
fn of_a_check_whose_caller_went_away_the_store_is_not_asked() {
    let gate = Gate::open();
    let store = Arc::new(Watched::new().before({
        let gate = gate.clone();
        move |called| {
            if called == Method::Find {
                gate.pass();
            }
            Ok(())
        }
    }));
    let tokens = over(store.clone()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    gate.close();
    let asked = || store.calls(Method::Find).len();
    let mut context = Context::from_waker(Waker::noop());
    let mut check = || {
        let mut check = Box::pin(tokens.check(issued.token()));
        assert!(check.as_mut().poll(&mut context).is_pending());
        check
    };
    // Both readers are busy, so that the next one waits.
    let first = check();
    until(|| asked() == 1);
    let second = check();
    until(|| asked() == 2);
    drop((first, second, check()));
    gate.lift();
    tokens.shutdown();
    assert_eq!(asked(), 2);
}
