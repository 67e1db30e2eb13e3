//! Several services over one store: what one decided, another may have overtaken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests say so by failing")]

mod given;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use given::{Method, Watched, amy, over, user};
use issuer::{
    Timestamp,
    decide::{IdempotencyKey, Issue, MaxLiveTokens, Policy, Refusal},
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_service::{ErrorKind, TokenService};
use issuer_store::{
    Cursor, Effect, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};

fn live_tokens(store: &MemoryStore) -> usize {
    let amy = amy();
    let found = store.load(&[Lookup::user(amy.id())]).unwrap();
    found.iter().map(|found| found.tokens.len()).sum()
}

/// Eight threads, half of them on each service.
fn from_both<T: Send>(services: &[TokenService; 2], work: impl Fn(&TokenService) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|n| {
                let [first, second] = services;
                scope.spawn(move || work(if n % 2 == 0 { first } else { second }))
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    })
}

#[test]
fn two_services_together_never_let_a_user_hold_more_than_the_limit() {
    let store = Arc::new(MemoryStore::new());
    let service = || {
        over(store.clone())
            .max_live_tokens(MaxLiveTokens::new(3).unwrap())
            .build()
            .unwrap()
    };
    let services = [service(), service()];
    let watching = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            while watching.load(Ordering::SeqCst) {
                assert!(live_tokens(&store) <= 3);
            }
        });
        let granted: usize = from_both(&services, |tokens| {
            let mut granted = 0;
            for _ in 0..200 {
                match tokens.blocking().issue(amy()) {
                    Ok(issued) => {
                        granted += 1;
                        // Nobody else revokes it: whatever was granted lives until here.
                        let state = tokens.blocking().inspect(issued.token()).unwrap();
                        assert_eq!(state.token.expires_at, issued.expires_at());
                        let revoked = tokens.blocking().revoke(amy().id(), issued.token()).unwrap();
                        assert_eq!(revoked.tokens, 1);
                        assert!(tokens.blocking().authenticate(issued.token()).is_err());
                    }
                    Err(error) => {
                        assert!(
                            matches!(error.refusal(), Some(Refusal::UserExists { .. })),
                            "{error:?}"
                        );
                    }
                }
            }
            granted
        })
        .into_iter()
        .sum();
        watching.store(false, Ordering::SeqCst);
        assert!(granted > 0);
    });
    assert_eq!(live_tokens(&store), 0);
}

#[test]
fn with_upsert_on_two_services_exactly_one_of_all_tokens_lives() {
    let store = Arc::new(MemoryStore::new());
    let service = || over(store.clone()).policy(Policy::Upsert).build().unwrap();
    let services = [service(), service()];
    let issued: Vec<String> = from_both(&services, |tokens| {
        (0..100)
            .map(|_| tokens.blocking().issue(amy()).unwrap().token().to_owned())
            .collect::<Vec<_>>()
    })
    .concat();
    assert_eq!(issued.iter().collect::<HashSet<_>>().len(), 800);
    let [first, _] = &services;
    let lives = |token: &&String| first.blocking().authenticate(token).is_ok();
    assert_eq!(issued.iter().filter(lives).count(), 1);
}

#[test]
fn one_idempotency_key_on_two_services_gets_one_token() {
    let store = Arc::new(MemoryStore::new());
    let service = || over(store.clone()).policy(Policy::Upsert).build().unwrap();
    let services = [service(), service()];
    for round in 0..50 {
        let key = IdempotencyKey::new(b"caller", &format!("key-{round}")).unwrap();
        let texts: HashSet<String> = from_both(&services, |tokens| {
            let request = Issue::from(amy()).with_idempotency_key(key);
            tokens.blocking().issue(request).unwrap().token().to_owned()
        })
        .into_iter()
        .collect();
        assert_eq!(texts.len(), 1);
    }
}

/// A store in which somebody else writes the user right before each of the next `times` commits.
struct Overtaking {
    good: Arc<MemoryStore>,
    other: TokenService,
    times: AtomicUsize,
    applied: AtomicUsize,
}

impl Overtaking {
    fn new(times: usize) -> Arc<Self> {
        let good = Arc::new(MemoryStore::new());
        Arc::new(Self {
            other: over(good.clone()).build().unwrap(),
            good,
            times: AtomicUsize::new(times),
            applied: AtomicUsize::new(0),
        })
    }
}

impl Store for Overtaking {
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.applied.fetch_add(1, Ordering::SeqCst);
        let left = |times: usize| times.checked_sub(1);
        let overtakes = self
            .times
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_ok();
        if overtakes {
            self.other.blocking().write_profile(amy()).unwrap();
        }
        self.good.apply(commits)
    }

    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.good.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.good.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.good.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.good.export(after, limit)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.good.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.good.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.good.set_control(expect, next)
    }
}

#[test]
fn a_lost_race_is_run_again_and_the_caller_does_not_notice() {
    let store = Overtaking::new(5);
    let tokens = over(store.clone()).build().unwrap();
    let issued = tokens.blocking().issue(user("user001")).unwrap();
    assert_eq!(store.applied.load(Ordering::SeqCst), 6);
    // Decided anew on what the other wrote: the nickname is the other's.
    assert_eq!(issued.user().nickname, amy().nickname_patch().apply_to(None));
}

#[test]
fn a_race_that_is_lost_again_and_again_is_given_up_without_an_effect() {
    let store = Overtaking::new(usize::MAX);
    let tokens = over(store.clone()).build().unwrap();
    let error = tokens.blocking().issue(amy()).unwrap_err();
    assert_eq!(
        (error.kind(), error.effect(), error.is_retryable()),
        (&ErrorKind::Contended, Effect::None, true)
    );
    assert_eq!(store.applied.load(Ordering::SeqCst), 32);
    assert_eq!(live_tokens(&store.good), 0);
    // Others were not held up by it.
    store.times.store(0, Ordering::SeqCst);
    tokens.blocking().issue(amy()).unwrap();
}

/// A store that answers with too few.
struct Short(Arc<Watched>, Method);

impl Store for Short {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        let mut found = self.0.load(lookups)?;
        if self.1 == Method::Load {
            found.pop();
        }
        Ok(found)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        let mut found = self.0.find(tokens)?;
        if self.1 == Method::Find {
            found.pop();
        }
        Ok(found)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let mut outcomes = self.0.apply(commits)?;
        if self.1 == Method::Apply {
            outcomes.pop();
        }
        Ok(outcomes)
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

#[test]
fn a_store_that_answers_with_too_few_is_nobodys_answer() {
    for (method, effect) in [(Method::Load, Effect::None), (Method::Apply, Effect::Unknown)] {
        let tokens = over(Short(Arc::new(Watched::new()), method)).build().unwrap();
        let error = tokens.blocking().issue(amy()).unwrap_err();
        assert_eq!((error.kind(), error.effect()), (&ErrorKind::Internal, effect));
    }
    let tokens = over(Short(Arc::new(Watched::new()), Method::Find))
        .build()
        .unwrap();
    let issued = tokens.blocking().issue(amy()).unwrap();
    for answer in [
        tokens.blocking().authenticate(issued.token()),
        futures_executor::block_on(tokens.authenticate(issued.token())),
    ] {
        let error = answer.unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (&ErrorKind::Internal, Effect::None)
        );
    }
}
