//! Whatever panics below the service, a call gets an error and the service goes on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use given::{Gate, Method, Watched, amy, over, until, user};
use issuer_service::{ApiKey, Clock, ErrorKind};
use issuer_store::{Effect, MemoryStore};
use time::OffsetDateTime;

/// A store whose next call of `method` panics, whenever the switch is on.
fn panicking(method: Method) -> (Arc<Watched>, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(false));
    let store = Watched::new().before({
        let on = on.clone();
        move |called| {
            assert!(called != method || !on.swap(false, Ordering::SeqCst), "planted");
            Ok(())
        }
    });
    (Arc::new(store), on)
}

#[test]
fn a_store_that_panics_in_load_fails_that_call_without_an_effect() {
    let (store, on) = panicking(Method::Load);
    let tokens = over(store).build().unwrap();
    on.store(true, Ordering::SeqCst);
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::Internal, Effect::None)
    );
    tokens.blocking().issue(amy()).unwrap();
}

#[test]
fn a_store_that_panics_in_apply_fails_that_call_with_an_effect_that_nobody_knows() {
    let (store, on) = panicking(Method::Apply);
    let tokens = over(store).build().unwrap();
    on.store(true, Ordering::SeqCst);
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::Internal, Effect::Unknown)
    );
    tokens.blocking().issue(amy()).unwrap();
}

#[test]
fn a_store_that_panics_in_find_fails_that_call_without_an_effect() {
    let (store, on) = panicking(Method::Find);
    let tokens = over(store).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    on.store(true, Ordering::SeqCst);
    let error = tokens.blocking().authenticate(issued.token()).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::Internal, Effect::None)
    );
    on.store(true, Ordering::SeqCst);
    let error = futures_executor::block_on(tokens.authenticate(issued.token())).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::Internal, Effect::None)
    );
    futures_executor::block_on(tokens.authenticate(issued.token())).unwrap();
}

#[test]
fn a_store_that_panics_in_control_keeps_no_service_from_going_on() {
    let (store, on) = panicking(Method::Control);
    on.store(true, Ordering::SeqCst);
    assert!(over(store.clone()).build().is_err());
    let tokens = over(store.clone()).build().unwrap();
    // The background reads it, too: whoever gets the panic, a key that is added later is seen.
    on.store(true, Ordering::SeqCst);
    let _ = futures_executor::block_on(tokens.ready());
    until(|| !on.load(Ordering::SeqCst));
    // What a test write found out holds for a second.
    until(|| futures_executor::block_on(tokens.ready()).is_ok());
    let other = over(store.good.clone()).build().unwrap();
    let key = ApiKey::parse("correct-horse-battery-staple").unwrap();
    other.blocking().add_api_key("first", key).unwrap();
    until(|| tokens.blocking().has_api_keys());
}

#[test]
fn a_store_that_panics_in_set_control_fails_that_call_with_an_effect_that_nobody_knows() {
    let (store, on) = panicking(Method::SetControl);
    let tokens = over(store).build().unwrap();
    let key = ApiKey::parse("correct-horse-battery-staple").unwrap();
    on.store(true, Ordering::SeqCst);
    let error = tokens.blocking().add_api_key("first", key).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect()),
        (&ErrorKind::Internal, Effect::Unknown)
    );
    tokens.blocking().add_api_key("first", key).unwrap();
}

#[test]
fn a_store_that_panics_in_purge_disturbs_nobody() {
    let (store, on) = panicking(Method::Purge);
    on.store(true, Ordering::SeqCst);
    let tokens = over(store).build().unwrap();
    until(|| !on.load(Ordering::SeqCst));
    tokens.blocking().issue(amy()).unwrap();
}

/// A clock that panics when it is told to.
struct Broken(Arc<AtomicBool>);

impl Clock for Broken {
    fn now(&self) -> OffsetDateTime {
        assert!(!self.0.load(Ordering::SeqCst), "planted");
        OffsetDateTime::now_utc()
    }
}

#[test]
fn a_batch_that_a_panic_drops_is_told_at_once_and_not_at_the_deadline() {
    let on = Arc::new(AtomicBool::new(false));
    let tokens = over(MemoryStore::new())
        .clock(Broken(on.clone()))
        .deadline(Duration::from_mins(1))
        .build()
        .unwrap();
    on.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Internal);
    assert!(begun.elapsed() < Duration::from_secs(10));
    on.store(false, Ordering::SeqCst);
    tokens.blocking().issue(amy()).unwrap();
}

/// A runtime that panics when it is woken.
struct Landmine(AtomicUsize);

impl Wake for Landmine {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("planted");
    }
}

#[test]
fn a_waker_that_panics_takes_nobodys_answer_away() {
    let gate = Gate::shut();
    let store = Watched::new().before({
        let gate = gate.clone();
        move |method| {
            if method == Method::Load {
                gate.pass();
            }
            Ok(())
        }
    });
    let tokens = over(store).build().unwrap();
    let landmine = Arc::new(Landmine(AtomicUsize::new(0)));
    let waker = Waker::from(landmine.clone());
    let mut first = pin!(tokens.issue(user("first")));
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    gate.wait_for_somebody();
    // These two are one batch, and the first of them blows up when it is answered.
    let mut second = pin!(tokens.issue(user("second")));
    assert!(
        second
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let third = tokens.issue(user("third"));
    std::thread::scope(|scope| {
        let third = scope.spawn(|| futures_executor::block_on(third));
        std::thread::sleep(Duration::from_millis(50));
        gate.lift();
        third.join().unwrap().unwrap();
    });
    assert_eq!(landmine.0.load(Ordering::SeqCst), 2);
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(first.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
}

#[test]
fn a_waker_that_panics_at_the_deadline_costs_nobody_else_the_deadline() {
    let gate = Gate::shut();
    let store = Watched::new().before({
        let gate = gate.clone();
        move |method| {
            if method == Method::Load {
                gate.pass();
            }
            Ok(())
        }
    });
    let tokens = over(store).deadline(Duration::from_millis(50)).build().unwrap();
    let waker = Waker::from(Arc::new(Landmine(AtomicUsize::new(0))));
    let mut first = pin!(tokens.issue(user("first")));
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    std::thread::sleep(Duration::from_millis(100));
    let error = tokens.blocking().issue(user("second")).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::DeadlineExceeded);
    gate.lift();
}
