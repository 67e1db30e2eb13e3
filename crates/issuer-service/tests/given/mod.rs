//! What tests of the service start from: a store that can be watched, held, and made to fail.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a module of many test crates, each of which uses its own part"
)]

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use issuer::{
    Timestamp,
    jose::{KeySet, SigningKey},
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
    user::NewUser,
};
use issuer_service::{Builder, ManualClock, TokenService};
use issuer_store::{
    Cursor, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};

/// A second like any other.
pub fn clock() -> ManualClock {
    ManualClock::at(Timestamp::parse_rfc3339("2025-06-23T12:00:00Z").unwrap())
}

pub fn keys() -> KeySet {
    KeySet::new(SigningKey::hs256([7; 32]).unwrap())
}

pub fn over(store: impl Store + 'static) -> Builder {
    TokenService::builder(store, keys())
}

pub fn user(name: &str) -> NewUser {
    NewUser::new(name).unwrap()
}

pub fn amy() -> NewUser {
    user("user001").nickname("Amy").unwrap()
}

/// Waits until something is so; a test that waits in vain fails.
pub fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !what() {
        assert!(Instant::now() < end, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The calls of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Load,
    Find,
    Apply,
    Purge,
    Control,
    SetControl,
}

/// A call of the store: which, and the users that it names.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub users: Vec<String>,
}

type Hook = dyn Fn(Method) -> Result<(), StoreError> + Send + Sync;

/// The reference store behind hooks: `before` runs ahead of a call and may fail it, `after` once it is
/// carried out, before it returns.
pub struct Watched {
    pub good: Arc<MemoryStore>,
    pub seen: Mutex<Vec<Seen>>,
    before: Box<Hook>,
    after: Box<Hook>,
    /// Each purge says that dead rows are left, so that the next one follows at once.
    has_more_to_purge: bool,
    _dropped: Dropped,
}

/// Runs when the store is dropped.
struct Dropped(Box<dyn Fn() + Send + Sync>);

impl Drop for Dropped {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Watched {
    pub fn new() -> Self {
        Self {
            good: Arc::default(),
            seen: Mutex::default(),
            before: Box::new(|_| Ok(())),
            after: Box::new(|_| Ok(())),
            has_more_to_purge: false,
            _dropped: Dropped(Box::new(|| {})),
        }
    }

    /// Over the rows of this store.
    pub fn sharing(good: &Arc<MemoryStore>) -> Self {
        Self {
            good: good.clone(),
            ..Self::new()
        }
    }

    pub fn dropped(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            _dropped: Dropped(Box::new(hook)),
            ..self
        }
    }

    /// Purged again and again, and not once in half a minute.
    pub fn purged_all_the_time(self) -> Self {
        Self {
            has_more_to_purge: true,
            ..self
        }
    }

    pub fn before(self, hook: impl Fn(Method) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        Self {
            before: Box::new(hook),
            ..self
        }
    }

    pub fn after(self, hook: impl Fn(Method) -> Result<(), StoreError> + Send + Sync + 'static) -> Self {
        Self {
            after: Box::new(hook),
            ..self
        }
    }

    /// The calls of this method so far: the users that each of them named.
    pub fn calls(&self, method: Method) -> Vec<Vec<String>> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.method == method)
            .map(|seen| seen.users.clone())
            .collect()
    }

    fn call<T>(
        &self,
        method: Method,
        users: Vec<String>,
        call: impl FnOnce(&MemoryStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.seen.lock().unwrap().push(Seen { method, users });
        (self.before)(method)?;
        let result = call(&self.good)?;
        (self.after)(method)?;
        Ok(result)
    }
}

impl Store for Watched {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        let users = lookups.iter().map(|lookup| lookup.user.to_string()).collect();
        self.call(Method::Load, users, |good| good.load(lookups))
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.call(Method::Find, Vec::new(), |good| good.find(tokens))
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.good.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.good.export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let users = commits.iter().map(|commit| commit.user.to_string()).collect();
        self.call(Method::Apply, users, |good| good.apply(commits))
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let purged = self.call(Method::Purge, Vec::new(), |good| good.purge(dead_before, limit))?;
        if !self.has_more_to_purge {
            return Ok(purged);
        }
        // The next one follows after a pause that is a multiple of this.
        thread::sleep(Duration::from_millis(1));
        Ok(purged.max(limit))
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.call(Method::Control, Vec::new(), MemoryStore::control)
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.call(Method::SetControl, Vec::new(), |good| {
            good.set_control(expect, next)
        })
    }
}

/// A store in which somebody else has always written first.
pub struct AlwaysLate(pub Arc<Watched>);

impl Store for AlwaysLate {
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        Ok(vec![Outcome::Conflict; commits.len()])
    }

    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.0.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.0.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.0.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.0.export(after, limit)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.0.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.0.set_control(expect, next)
    }
}

/// Whoever passes while it is shut waits there.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    shut: bool,
    waiting: usize,
}

impl Gate {
    pub fn open() -> Arc<Self> {
        Arc::default()
    }

    pub fn shut() -> Arc<Self> {
        let gate = Self::open();
        gate.close();
        gate
    }

    pub fn close(&self) {
        self.state.lock().unwrap().shut = true;
    }

    pub fn lift(&self) {
        self.state.lock().unwrap().shut = false;
        self.changed.notify_all();
    }

    pub fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        // Not for ever: a test that fails before it lifts the gate must end, too.
        state = self
            .changed
            .wait_timeout_while(state, Duration::from_secs(5), |state| state.shut)
            .unwrap()
            .0;
        state.waiting -= 1;
    }

    /// Waits until somebody stands before the shut gate.
    pub fn wait_for_somebody(&self) {
        until(|| self.state.lock().unwrap().waiting > 0);
    }
}
