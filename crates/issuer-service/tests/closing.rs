//! The store is closed when a shutdown returns, whatever clones there are, and is called on the service's own threads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures_executor::block_on;
use given::{Gate, Method, Watched, amy, over, user};
use issuer_service::{ApiKey, ErrorKind};
use issuer_sqlite::SqliteStore;
use issuer_store::Effect;

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn after_a_shutdown_a_store_on_sqlite_is_one_file_though_clones_are_alive_and_at_work() {
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("users.db")).unwrap();
        let tokens = over(store).build().unwrap();
        let token = tokens.blocking().issue(amy()).unwrap();
        let stopped = AtomicBool::new(false);
        thread::scope(|scope| {
            for n in 0..4 {
                let (tokens, token, stopped) = (tokens.clone(), token.token(), &stopped);
                scope.spawn(move || {
                    for call in 0.. {
                        let writes = tokens
                            .blocking()
                            .issue(user(&format!("user{n}-{call}")))
                            .map(drop);
                        let reads = tokens.blocking().authenticate(token).map(drop);
                        for error in [writes.err(), reads.err()].into_iter().flatten() {
                            assert_eq!(error.kind(), &ErrorKind::ShuttingDown, "{error}");
                        }
                        if stopped.load(Ordering::SeqCst) {
                            return;
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(5));
            if round % 2 == 0 {
                tokens.shutdown();
            } else {
                block_on(tokens.close());
            }
            assert_eq!(files(folder.path()), 1, "round {round}");
            stopped.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn a_shutdown_waits_for_a_read_on_a_callers_thread() {
    let gate = Gate::shut();
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
    thread::scope(|scope| {
        let reads = scope.spawn(|| tokens.blocking().authenticate(issued.token()).map(drop));
        gate.wait_for_somebody();
        let closed = Arc::new(AtomicBool::new(false));
        let ends = scope.spawn({
            let (tokens, store, closed) = (tokens.clone(), store.clone(), closed.clone());
            move || {
                tokens.shutdown();
                closed.store(true, Ordering::SeqCst);
                Arc::strong_count(&store)
            }
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!closed.load(Ordering::SeqCst), "the read is under way");
        gate.lift();
        reads.join().unwrap().unwrap();
        assert_eq!(ends.join().unwrap(), 2, "this test's own two");
    });
}

#[test]
fn a_store_that_panics_when_it_is_dropped_holds_up_no_shutdown() {
    let store = Watched::new().dropped(|| panic!("planted"));
    let tokens = over(store).build().unwrap();
    tokens.blocking().issue(amy()).unwrap();
    tokens.shutdown();
    block_on(tokens.close());
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::ShuttingDown);
}

#[test]
fn every_call_after_the_end_is_told_that_it_has_come() {
    let tokens = over(Watched::new()).build().unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    block_on(tokens.close());
    let user = amy();
    let blocking = tokens.blocking();
    for error in [
        block_on(tokens.issue(amy())).map(drop),
        block_on(tokens.write_profile(amy())).map(drop),
        block_on(tokens.authenticate(issued.token())).map(drop),
        block_on(tokens.inspect(issued.token())).map(drop),
        block_on(tokens.check(issued.token())).map(drop),
        block_on(tokens.revoke(user.id(), issued.token())).map(drop),
        block_on(tokens.revoke_all(user.id())).map(drop),
        block_on(tokens.ready()),
        block_on(tokens.add_api_key("late", api_key())),
        tokens.authorize("late").map(drop),
        blocking.issue(amy()).map(drop),
        blocking.write_profile(amy()).map(drop),
        blocking.authenticate(issued.token()).map(drop),
        blocking.inspect(issued.token()).map(drop),
        blocking.check(issued.token()).map(drop),
        blocking.revoke(user.id(), issued.token()).map(drop),
        blocking.revoke_all(user.id()).map(drop),
        blocking.add_api_key("late", api_key()),
    ] {
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (&ErrorKind::ShuttingDown, Effect::None)
        );
    }
}

/// Whether this is a thread of the service: its name says so.
fn is_of_the_service() -> bool {
    thread::current()
        .name()
        .is_some_and(|name| name.starts_with("issuer-"))
}

/// A store that panics where it is called on another thread, as one that blocks on a runtime does on a thread of that; and
/// whether it was dropped on the right one.
fn particular() -> (Watched, Arc<AtomicBool>) {
    let dropped_well = Arc::new(AtomicBool::new(false));
    let store = Watched::new()
        .before(|called| {
            assert!(is_of_the_service(), "{called:?} on {:?}", thread::current());
            Ok(())
        })
        .dropped({
            let dropped_well = dropped_well.clone();
            move || dropped_well.store(is_of_the_service(), Ordering::SeqCst)
        });
    (store, dropped_well)
}

fn api_key() -> ApiKey {
    ApiKey::parse("c2VydmVyIHRlc3QgYXBpIGtleSwgMzIgYnl0ZXMgISE=").unwrap()
}

#[test]
fn the_store_is_called_and_dropped_on_threads_of_the_service_alone() {
    let (store, dropped_well) = particular();
    block_on(async {
        let tokens = over(store).build_async().await.unwrap();
        let issued = tokens.issue(amy()).await.unwrap();
        tokens.authenticate(issued.token()).await.unwrap();
        tokens.add_api_key("host", api_key()).await.unwrap();
        tokens.ready().await.unwrap();
        tokens.revoke_all(amy().id()).await.unwrap();
        tokens.close().await;
    });
    assert!(dropped_well.load(Ordering::SeqCst));

    // The blocking forms wait on the caller's thread, and work on the service's.
    let (store, dropped_well) = particular();
    let tokens = over(store).build().unwrap();
    tokens.blocking().add_api_key("host", api_key()).unwrap();
    tokens.blocking().issue(amy()).unwrap();
    drop(tokens);
    assert!(dropped_well.load(Ordering::SeqCst));
}
