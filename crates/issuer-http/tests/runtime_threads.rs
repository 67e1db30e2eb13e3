//! A store may block, and may block on a runtime of its own: no thread of the host's runtime calls it or drops it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use client::{API_KEY, api, get, get_with, issue, revoke_all, send, service};
use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_service::{BuildError, ErrorKind};
use issuer_store::{
    Cursor, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, StoreErrorKind, TokenRef, UserPage,
};
use tokio::runtime::Runtime;

/// A store that waits for its answers on a runtime of its own, as one across a network does: on a thread of another runtime
/// that panics, and so does the end of its runtime.
struct OverARuntime {
    runtime: Option<Runtime>,
    good: MemoryStore,
    fails: bool,
    /// How many of them were dropped without a panic.
    dropped: Arc<AtomicUsize>,
}

impl OverARuntime {
    fn new(dropped: &Arc<AtomicUsize>) -> Self {
        // On a thread of no runtime: the host's own.
        let runtime = std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().build());
        Self {
            runtime: Some(runtime.join().unwrap().unwrap()),
            good: MemoryStore::new(),
            fails: false,
            dropped: dropped.clone(),
        }
    }

    fn ask<T>(&self, ask: impl FnOnce(&MemoryStore) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.runtime.as_ref().unwrap().block_on(async {
            tokio::task::yield_now().await;
            if self.fails {
                return Err(StoreError::new(StoreErrorKind::Io, "planted"));
            }
            ask(&self.good)
        })
    }
}

impl Drop for OverARuntime {
    fn drop(&mut self) {
        drop(self.runtime.take());
        self.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store for OverARuntime {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.ask(|good| good.load(lookups))
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.ask(|good| good.find(tokens))
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.ask(|good| good.list(page))
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.ask(|good| good.export(after, limit))
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.ask(|good| good.apply(commits))
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.ask(|good| good.purge(dead_before, limit))
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.ask(MemoryStore::control)
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.ask(|good| good.set_control(expect, next))
    }
}

#[tokio::test]
async fn every_call_of_an_async_host_reaches_a_store_that_blocks_on_a_runtime() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let tokens = service(OverARuntime::new(&dropped)).build_async().await.unwrap();
    let api = issuer_http::router(tokens.clone()).api_key_async(API_KEY).await;
    let app = axum::Router::from(api.unwrap());
    assert_eq!(send(&app, get("/readyz")).await.status, 200);
    let token = send(&app, issue()).await.token();
    assert_eq!(send(&app, get_with("/me", &token)).await.status, 200);
    assert_eq!(send(&app, revoke_all("/admin/clients/a/token")).await.status, 200);
    assert_eq!(send(&app, get("/readyz")).await.status, 200);
    tokens.close().await;
    // Though the router and this test have the service still.
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(send(&app, get_with("/me", &token)).await.status, 503);
}

#[tokio::test]
async fn the_blocking_calls_of_a_host_and_its_last_clone_do_so_too() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let tokens = service(OverARuntime::new(&dropped)).build().unwrap();
    let app = api(&tokens);
    assert_eq!(send(&app, issue()).await.status, 200);
    drop(app);
    drop(tokens);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_does_not_start_closes_its_store_on_a_thread_of_its_own() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let failing = || {
        let mut store = OverARuntime::new(&dropped);
        store.fails = true;
        store
    };
    let is_of_the_store = |error: &BuildError| match error {
        BuildError::Store(error) => *error.kind() == ErrorKind::Store(StoreErrorKind::Io),
        _ => false,
    };
    assert!(is_of_the_store(&service(failing()).build().unwrap_err()));
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert!(is_of_the_store(
        &service(failing()).build_async().await.unwrap_err()
    ));
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
    let contradicting = || service(OverARuntime::new(&dropped)).issuer("");
    assert!(matches!(contradicting().build(), Err(BuildError::EmptyClaim)));
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
    let built = contradicting().build_async().await;
    assert!(matches!(built, Err(BuildError::EmptyClaim)));
    assert_eq!(dropped.load(Ordering::SeqCst), 4);
}
