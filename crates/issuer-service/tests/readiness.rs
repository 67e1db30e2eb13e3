//! Readiness of a service: its store answers, and can be written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures_executor::block_on;
use given::{Method, Watched, amy, over, until};
use issuer_service::{ErrorKind, TokenService};
use issuer_store::{StoreError, StoreErrorKind};

fn full() -> StoreError {
    StoreError::new(StoreErrorKind::Full, "no space left")
}

/// A store on a disk that is full while this is on: what changes a row fails, and a purge finds none to delete.
fn failing(on: &Arc<AtomicBool>) -> Arc<Watched> {
    let on = on.clone();
    Arc::new(Watched::new().before(move |called| {
        let writes = matches!(called, Method::Apply | Method::SetControl);
        if writes && on.load(Ordering::SeqCst) {
            return Err(full());
        }
        Ok(())
    }))
}

#[track_caller]
fn assert_full(tokens: &TokenService) {
    let error = block_on(tokens.ready()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Store(StoreErrorKind::Full));
}

#[test]
fn a_store_that_cannot_be_written_is_not_ready_from_the_start_until_it_can() {
    let on = Arc::new(AtomicBool::new(true));
    let store = failing(&on);
    let tokens = over(store.clone()).build().unwrap();
    for _ in 0..20 {
        assert_full(&tokens);
    }
    let test_writes = store.calls(Method::SetControl).len();
    assert!(test_writes < 10, "{test_writes} test writes for 20 questions");
    on.store(false, Ordering::SeqCst);
    until(|| block_on(tokens.ready()).is_ok());
    assert!(!tokens.blocking().has_api_keys(), "a test write adds no key");
}

#[test]
fn a_write_that_failed_makes_the_service_not_ready_until_one_works() {
    let on = Arc::new(AtomicBool::new(false));
    let tokens = over(failing(&on)).build().unwrap();
    // By a test write, which holds for a while, but no longer than until the next write fails.
    block_on(tokens.ready()).unwrap();
    on.store(true, Ordering::SeqCst);
    assert!(tokens.blocking().issue(amy()).is_err());
    assert_full(&tokens);
    on.store(false, Ordering::SeqCst);
    tokens.blocking().issue(amy()).unwrap();
    block_on(tokens.ready()).unwrap();
}

/// A store whose commits fail like this while the switch is on, and whose test writes work.
fn failing_to_commit(kind: StoreErrorKind, on: &Arc<AtomicBool>) -> Arc<Watched> {
    let on = on.clone();
    Arc::new(Watched::new().before(move |called| {
        if called == Method::Apply && on.load(Ordering::SeqCst) {
            return Err(StoreError::new(kind, "planted"));
        }
        Ok(())
    }))
}

#[test]
fn a_test_write_decides_after_a_write_that_failed() {
    let on = Arc::new(AtomicBool::new(true));
    let tokens = over(failing_to_commit(StoreErrorKind::Io, &on)).build().unwrap();
    assert!(tokens.blocking().issue(amy()).is_err());
    block_on(tokens.ready()).unwrap();
}

#[test]
fn a_test_write_that_fits_on_a_full_disk_does_not_hide_that_others_do_not() {
    let on = Arc::new(AtomicBool::new(true));
    let tokens = over(failing_to_commit(StoreErrorKind::Full, &on))
        .build()
        .unwrap();
    block_on(tokens.ready()).unwrap();
    assert!(tokens.blocking().issue(amy()).is_err());
    assert_full(&tokens);
    on.store(false, Ordering::SeqCst);
    assert_full(&tokens);
    tokens.blocking().issue(amy()).unwrap();
    block_on(tokens.ready()).unwrap();
}

#[test]
fn a_purge_that_deletes_nothing_does_not_count_as_a_write_that_worked() {
    let on = Arc::new(AtomicBool::new(true));
    let store = failing(&on);
    let tokens = over(store.clone()).build().unwrap();
    assert!(tokens.blocking().issue(amy()).is_err());
    until(|| !store.calls(Method::Purge).is_empty());
    // Also once its outcome was noted.
    for _ in 0..20 {
        assert_full(&tokens);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[test]
fn a_commit_that_lost_a_race_does_not_count_as_a_write_that_worked() {
    let on = Arc::new(AtomicBool::new(true));
    let store = given::AlwaysLate(failing(&on));
    let tokens = over(store).build().unwrap();
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Contended);
    assert_full(&tokens);
}

#[test]
fn a_store_that_fails_while_nobody_writes_stops_being_ready() {
    let on = Arc::new(AtomicBool::new(false));
    let tokens = over(failing(&on)).build().unwrap();
    tokens.blocking().issue(amy()).unwrap();
    on.store(true, Ordering::SeqCst);
    until(|| block_on(tokens.ready()).is_err());
}

#[test]
fn a_busy_service_is_ready_without_a_test_write() {
    let on = Arc::new(AtomicBool::new(false));
    let store = failing(&on);
    let tokens = over(store.clone()).build().unwrap();
    tokens.blocking().issue(amy()).unwrap();
    for _ in 0..20 {
        block_on(tokens.ready()).unwrap();
    }
    assert!(store.calls(Method::SetControl).is_empty());
}

#[test]
fn however_often_an_idle_service_is_asked_it_makes_one_test_write_every_five_seconds() {
    let store = Arc::new(Watched::new());
    let tokens = over(store.clone()).build().unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    block_on(tokens.ready()).unwrap();
                }
            });
        }
    });
    let at_most = 1 + begun.elapsed().as_secs() / 5;
    let test_writes = store.calls(Method::SetControl).len();
    assert!((1..=at_most).contains(&(test_writes as u64)), "{test_writes}");
}

#[test]
fn a_test_write_that_another_process_overtakes_is_made_again() {
    let overtaken = Arc::new(AtomicUsize::new(0));
    let store = Arc::new(Watched::new());
    let good = store.good.clone();
    let count = overtaken.clone();
    let late = Arc::new(Watched::sharing(&good).before(move |called| {
        if called == Method::SetControl && count.fetch_add(1, Ordering::SeqCst) == 0 {
            let other = over(good.clone()).build().unwrap();
            block_on(other.ready()).unwrap();
        }
        Ok(())
    }));
    let tokens = over(late).build().unwrap();
    block_on(tokens.ready()).unwrap();
    assert_eq!(overtaken.load(Ordering::SeqCst), 2);
}

#[test]
fn a_question_at_the_end_is_told_so() {
    let tokens = over(Arc::new(Watched::new())).build().unwrap();
    tokens.shutdown();
    assert_eq!(
        block_on(tokens.ready()).unwrap_err().kind(),
        &ErrorKind::ShuttingDown
    );
}
