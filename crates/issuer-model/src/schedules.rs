//! What shuttle schedules. A schedule in which somebody waits for ever ends in a panic, which says "deadlock".
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "to panic is to say what broke"
)]

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use issuer::{
    KeyFingerprint, Timestamp, TokenId,
    decide::{Issue, IssuedRecord, Refusal, Revoke, RevokeTarget, Rules},
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
    user::{NewUser, UserId},
};
use issuer_store::{
    Cursor, Effect, Export, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};
use shuttle::{future::block_on, sync::atomic::AtomicBool, thread};

pub use crate::sync::Plant;
use crate::{
    ErrorKind,
    call::{Caller, Job},
    clock::ManualClock,
    fresh::Ids,
    health::Health,
    live_tokens::LiveTokens,
    queue::{Queue, Rejected},
    reply::{self, Reply},
    sync,
    writer::Writer,
};

/// Three callers push, two takers take, and somebody closes the queue meanwhile: what was let in is taken
/// exactly once, what was not is told so, and everybody comes to an end.
pub fn queue(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::new(2, Duration::ZERO));
    let takers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                let mut taken = Vec::new();
                while let Some(batch) = queue.take(1) {
                    taken.extend(batch);
                }
                taken
            })
        })
        .collect();
    let callers: Vec<_> = (0..3)
        .map(|item| {
            let queue = queue.clone();
            thread::spawn(move || (item, queue.push(item)))
        })
        .collect();
    queue.close();
    let mut let_in: Vec<i32> = callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .filter_map(|(item, pushed)| pushed.is_ok().then_some(item))
        .collect();
    let mut taken: Vec<i32> = takers
        .into_iter()
        .flat_map(|taker| taker.join().unwrap())
        .collect();
    let_in.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, let_in);
    assert_eq!(queue.push(9), Err(Rejected::Closed));
}

/// As long as nobody closes the queue, whoever pushed is served: no wake-up is lost.
pub fn served_while_open(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::<Reply<u8>>::new(8, Duration::ZERO));
    let takers: Vec<_> = (0..2)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                while let Some(batch) = queue.take(1) {
                    for reply in batch {
                        reply.send(Ok(1));
                    }
                }
            })
        })
        .collect();
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            thread::spawn(move || {
                let (reply, pending) = reply::channel();
                queue.push(reply).map_err(drop).unwrap();
                assert_eq!(block_on(pending.answer()).unwrap(), 1);
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    queue.close();
    for taker in takers {
        taker.join().unwrap();
    }
}

/// One who answers, one who gives the request up, and one who waits: there is exactly one answer, and whoever
/// is told that nothing was begun can rely on it.
pub fn reply() {
    let (reply, pending) = reply::channel::<u8>();
    let watched = reply.watched();
    let expires = thread::spawn(move || watched.expire());
    let answers = thread::spawn(move || {
        let begun = reply.begin(Effect::Unknown);
        if begun {
            reply.send(Ok(1));
        }
        begun
    });
    let told = block_on(pending.answer());
    let begun = answers.join().unwrap();
    expires.join().unwrap();
    match told {
        Ok(answer) => assert!(begun && answer == 1),
        Err(error) => {
            assert!(*error.kind() == ErrorKind::DeadlineExceeded || !begun);
            assert_eq!(error.effect(), if begun { Effect::Unknown } else { Effect::None });
        }
    }
}

/// The writer itself behind its queue: three callers for two users, one of them overdue, and a shutdown in
/// between. Everybody is answered once, and what was acknowledged is in the store.
pub fn writer(plant: Plant) {
    sync::plant(plant);
    let queue = Arc::new(Queue::<Box<dyn Job>>::new(2, Duration::ZERO));
    let store = Arc::new(MemoryStore::new());
    let writes = thread::spawn({
        let (queue, store) = (queue.clone(), store.clone());
        move || {
            let rules = Rules::new(KeyFingerprint::from_bytes([7; 16]));
            let clock = ManualClock::at(Timestamp::from_unix(1_750_680_000).unwrap());
            Writer {
                store: &*store,
                rules: &rules,
                clock: &clock,
                live: &LiveTokens::none(),
                health: &Health::default(),
                ids: Ids::default(),
            }
            .run(&queue);
        }
    });
    let callers: Vec<_> = ["amy", "amy", "bob"]
        .map(|name| {
            let queue = queue.clone();
            thread::spawn(move || {
                let user = NewUser::new(name).unwrap();
                let (reply, pending) = reply::channel();
                let watched = reply.watched();
                queue.push(Box::new(Caller::new(Issue::from(user), reply)))?;
                let watch = (name == "bob").then(|| thread::spawn(move || watched.expire()));
                let answer = block_on(pending.answer());
                if let Some(watch) = watch {
                    watch.join().unwrap();
                }
                answer
            })
        })
        .into_iter()
        .collect();
    queue.close();
    let answers: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    writes.join().unwrap();
    let mut granted = 0;
    for answer in answers {
        match answer {
            Ok(issued) => {
                granted += usize::from(issued.user.id.as_str() == "amy");
                let found = store.load(&[Lookup::user(&issued.user.id)]).unwrap();
                assert!(found.iter().any(|found| found.tokens.contains(&issued.token)));
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::ShuttingDown
                        | ErrorKind::Overloaded
                        | ErrorKind::DeadlineExceeded
                        | ErrorKind::Refused(Refusal::UserExists { .. })
                ),
                "{error}"
            ),
        }
    }
    assert!(granted <= 1);
}

/// When the writer forgets the tokens that it is about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgets {
    /// As the service does.
    BeforeTheStoreShowsIt,
    /// The defect that is planted: once the store has shown it.
    Afterwards,
}

/// A token is revoked while one thread checks it, through the cache of live tokens, and another one watches the store, as a
/// subscriber of its changes does: once the store has shown the revocation, the cache says nothing any more.
pub fn live_tokens(forgets: Forgets) {
    let (store, live, IssuedRecord { user, token }) = with_a_token();
    let id = token.issued().unwrap().id;
    store.is_shown.store(false, Ordering::SeqCst);
    let check = {
        let (store, live, user) = (store.clone(), live.clone(), user.id.clone());
        move || {
            let since = live.since(id);
            if let Some(state) = store
                .token(&user, id)
                .filter(|state| state.token.revoked_at.is_none())
            {
                live.keep(id, since, &Arc::new(state));
            }
        }
    };
    check();
    let checks = thread::spawn(move || (0..2).for_each(|_| check()));
    let watches = {
        let (store, live) = (store.clone(), live.clone());
        thread::spawn(move || {
            for _ in 0..3 {
                let is_shown = store.is_shown.load(Ordering::SeqCst);
                let is_kept = live.get(id).is_some();
                assert!(!(is_shown && is_kept), "live, though its revocation was shown");
            }
        })
    };
    let revoke = Revoke {
        user: user.id,
        target: RevokeTarget::All,
    };
    match forgets {
        Forgets::BeforeTheStoreShowsIt => {
            write(&store, &live, revoke).unwrap();
        }
        Forgets::Afterwards => {
            write(&store, &LiveTokens::none(), revoke).unwrap();
            drop(live.forget([id]));
        }
    }
    assert!(live.get(id).is_none());
    checks.join().unwrap();
    watches.join().unwrap();
    assert!(live.get(id).is_none());
}

/// The notice that the cache gets of a purge, before its rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purges {
    /// As background maintenance does.
    AreTold,
    /// The defect that is planted.
    AreNotTold,
}

/// A clock that runs ahead has the row of a live token purged while another thread checks the token, and everything of the user
/// is revoked afterwards. The revocation does not find the token, and the clock is corrected: the cache must not know it.
pub fn purge(purges: Purges) {
    let (store, live, IssuedRecord { user, token }) = with_a_token();
    let id = token.issued().unwrap().id;
    let checks = {
        let (store, live, user) = (store.clone(), live.clone(), user.id.clone());
        thread::spawn(move || {
            for _ in 0..2 {
                let since = live.since(id);
                if let Some(state) = store.token(&user, id) {
                    live.keep(id, since, &Arc::new(state));
                }
            }
        })
    };
    let dead_before = token.expires_at.saturating_add_seconds(1);
    thread::yield_now();
    if purges == Purges::AreTold {
        live.purges(dead_before);
        thread::yield_now();
    }
    assert_eq!(store.purge(dead_before, 8).unwrap(), 1);
    thread::yield_now();
    let target = RevokeTarget::All;
    write(
        &store,
        &live,
        Revoke {
            user: user.id,
            target,
        },
    )
    .unwrap();
    assert!(live.get(id).is_none(), "live, though its row was purged");
    checks.join().unwrap();
    assert!(live.get(id).is_none(), "live, though its row was purged");
}

/// A store with a token, and an empty cache.
fn with_a_token() -> (Shown, Arc<LiveTokens>, IssuedRecord) {
    sync::plant(Plant::None);
    let store = Shown::new();
    let live = Arc::new(LiveTokens::at_most(5_000));
    let issued = write(&store, &live, Issue::from(NewUser::new("amy").unwrap())).unwrap();
    (store, live, issued)
}

/// Has the writer carry out one call.
fn write<C: crate::call::Call + 'static>(
    store: &Shown,
    live: &LiveTokens,
    call: C,
) -> Result<C::Answer, crate::Error> {
    let queue = Queue::<Box<dyn Job>>::new(1, Duration::ZERO);
    let (reply, pending) = reply::channel();
    queue.push(Box::new(Caller::new(call, reply)))?;
    queue.close();
    Writer {
        store,
        rules: &Rules::new(KeyFingerprint::from_bytes([7; 16])),
        clock: &ManualClock::at(Timestamp::from_unix(1_750_680_000).unwrap()),
        live,
        health: &Health::default(),
        ids: Ids::default(),
    }
    .run(&queue);
    block_on(pending.answer())
}

/// A store that lets the others go on between a commit and the return of `apply`.
#[derive(Clone)]
struct Shown {
    good: Arc<MemoryStore>,
    /// A commit can be seen.
    is_shown: Arc<AtomicBool>,
}

impl Shown {
    fn new() -> Self {
        Self {
            good: Arc::default(),
            is_shown: Arc::new(AtomicBool::new(false)),
        }
    }

    fn token(&self, user: &UserId, id: TokenId) -> Option<TokenState> {
        thread::yield_now();
        let found = self.find(&[TokenRef::Issued { user, id }]);
        thread::yield_now();
        found.unwrap().into_iter().next().flatten()
    }
}

impl Store for Shown {
    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        thread::yield_now();
        let outcomes = self.good.apply(commits);
        self.is_shown.store(true, Ordering::SeqCst);
        thread::yield_now();
        outcomes
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
