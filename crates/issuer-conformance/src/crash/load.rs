//! What is done to a store until it dies.

use std::{
    io::{self, Write},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    thread,
};

use issuer::{
    Digest, Timestamp, TokenId,
    decide::{self, Decision, Fresh, IssuedRecord, Refusal, Revoke, RevokeTarget, Revoked},
    state::{Commit, Snapshot, Version},
    user::UserId,
};
use issuer_store::{Effect, Lookup, Outcome, Store, StoreError, StoreErrorKind};

use super::{
    line::{Line, Seen},
    random::Random,
    tenant::{KEYS, Tenant},
};
use crate::fixture::at;

/// Dead rows are purged this long after their death.
const KEPT_SECONDS: i64 = 120;

/// Issues, retries, revokes and purges, as a service does: load, decide, apply. The same for the same seed, as far
/// as the store and the threads let it be.
///
/// The users are few, so that each of them has a history; each is one thread's alone, so that the lines of a user
/// are in the order of what happened. Some users may have one token, some get a new one for the old one, some may
/// have two. Tokens live for a minute on a clock of the load's own, which goes on by seconds.
#[derive(Clone, Debug)]
pub struct Load {
    seed: u64,
    start: Timestamp,
    steps: u64,
    threads: u64,
    users: u64,
}

impl Load {
    /// The load of this seed: without end, on one thread, for twelve users. No two loads on a store may have one seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            start: at(0),
            steps: u64::MAX,
            threads: 1,
            users: 12,
        }
    }

    /// Begins at this moment: [`Account::now`](super::Account::now), where the store has been through a load before.
    #[must_use]
    pub fn starting_at(self, start: Timestamp) -> Self {
        Self { start, ..self }
    }

    /// Ends after this many steps of each thread. A step is one slice to the store, or one purge, or a request
    /// that writes nothing.
    #[must_use]
    pub fn steps(self, steps: u64) -> Self {
        Self { steps, ..self }
    }

    /// Uses the store from this many threads at a time, each with users of its own.
    #[must_use]
    pub fn threads(self, threads: u64) -> Self {
        Self { threads, ..self }
    }

    /// Has this many users; at least as many as threads.
    #[must_use]
    pub fn users(self, users: u64) -> Self {
        Self { users, ..self }
    }

    /// Does it, and writes to `lines` what it is about to do, and what it was told, each line flushed before
    /// the next call to the store. Goes on after an error, but not once the store has closed itself.
    ///
    /// # Errors
    /// Where `lines` cannot be written.
    pub fn run(&self, store: &dyn Store, lines: impl Write + Send) -> io::Result<()> {
        let clock = AtomicI64::new(self.start.as_unix());
        let lines = Mutex::new(lines);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|number| {
                    let users = (0..self.users).filter(|user| user % self.threads == number);
                    let worker = Worker {
                        random: Random::new(
                            self.seed.rotate_left(32) ^ number.wrapping_mul(0x5851_f42d_4c95_7f2d),
                        ),
                        tenant: Tenant::new(),
                        users: users.map(Tenant::user).collect(),
                        store,
                        clock: &clock,
                        lines: &lines,
                    };
                    scope.spawn(|| worker.run(self.steps))
                })
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| worker.join().expect("a load does not panic"))
        })
    }
}

struct Worker<'a, W> {
    random: Random,
    tenant: Tenant,
    users: Vec<UserId>,
    store: &'a dyn Store,
    clock: &'a AtomicI64,
    lines: &'a Mutex<W>,
}

/// What a request asks for.
enum Request {
    Issue(Option<String>),
    RevokeAll,
    /// The first token that lives.
    RevokeOne,
}

/// A commit that is decided, and the token that it is answered with.
struct Decided {
    commit: Commit,
    token: Option<String>,
}

/// Nothing more can be asked of the store.
enum Stop {
    Closed,
    Lines(io::Error),
}

impl<W: Write + Send> Worker<'_, W> {
    fn run(mut self, steps: u64) -> io::Result<()> {
        for _ in 0..steps {
            match self.step() {
                Ok(()) => {}
                Err(Stop::Closed) => return Ok(()),
                Err(Stop::Lines(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn step(&mut self) -> Result<(), Stop> {
        let past = i64::try_from(self.random.below(4)).expect("0 to 3");
        let now = self.clock.fetch_add(past, Ordering::Relaxed) + past;
        let now = Timestamp::from_unix(now).expect("a moment before the year 10000");
        if self.random.below(32) == 0 {
            return self.purge(now);
        }
        let width = match self.random.below(4) {
            0 => 2 + self.random.below(5),
            _ => 1,
        };
        let width = usize::try_from(width).expect("at most 6").min(self.users.len());
        let first = self.below(self.users.len());
        let mut decided = Vec::new();
        for offset in 0..width {
            let user = self.users[(first + offset) % self.users.len()].clone();
            decided.extend(self.decide(&user, now)?);
        }
        self.apply(&decided)
    }

    fn purge(&mut self, now: Timestamp) -> Result<(), Stop> {
        let dead_before = now.saturating_add_seconds(-KEPT_SECONDS);
        self.write(&Line::Purge { dead_before })?;
        let limit = 1 + self.below(64);
        match self.store.purge(dead_before, limit) {
            Err(error) if is_closed(&error) => Err(Stop::Closed),
            _ => Ok(()),
        }
    }

    /// Loads and decides; `None` where there is nothing to write.
    fn decide(&mut self, user: &UserId, now: Timestamp) -> Result<Option<Decided>, Stop> {
        let request = self.request();
        let key = match &request {
            Request::Issue(key) => key.clone(),
            _ => None,
        };
        let asked: Vec<Digest> = key.iter().map(|key| Tenant::key(key).digest()).collect();
        let lookup = Lookup {
            replays: &asked,
            ..Lookup::user(user)
        };
        let snapshot = match self.store.load(&[lookup]).map(|mut found| found.pop()) {
            Ok(Some(snapshot)) => snapshot,
            Err(error) if is_closed(&error) => return Err(Stop::Closed),
            Ok(None) | Err(_) => {
                self.write(&Line::NotRead)?;
                return Ok(None);
            }
        };
        let rules = self.tenant.rules(user);
        let fresh = self.fresh(now);
        match request {
            Request::Issue(_) => {
                let request = Tenant::request(user, key.as_deref());
                let decision = decide::issue(&snapshot, &request, &rules, now, fresh);
                self.issue(user, &snapshot, now, key.as_deref(), decision)
            }
            Request::RevokeAll => {
                let request = Revoke {
                    user: user.clone(),
                    target: RevokeTarget::All,
                };
                let decision = decide::revoke(&snapshot, &request, &rules, now, fresh);
                self.revoke(user, &snapshot, now, decision)
            }
            Request::RevokeOne => {
                let live = |token: &&_| decide::check(token, &rules, now).is_ok();
                let Some(token) = snapshot.tokens.iter().find(live) else {
                    return Ok(None);
                };
                let request = Revoke {
                    user: user.clone(),
                    target: RevokeTarget::Token(token.name()),
                };
                let decision = decide::revoke(&snapshot, &request, &rules, now, fresh);
                self.revoke(user, &snapshot, now, decision)
            }
        }
    }

    fn issue(
        &self,
        user: &UserId,
        snapshot: &Snapshot,
        now: Timestamp,
        key: Option<&str>,
        decision: Decision<IssuedRecord>,
    ) -> Result<Option<Decided>, Stop> {
        let sign = |record: &IssuedRecord| {
            let text = self.tenant.sign(&record.user.id, &record.token);
            text.unwrap_or_else(|why| format!("unsigned:{}", why.replace(' ', "-")))
        };
        match decision {
            Decision::Commit(commit, record) => {
                self.write(&Line::begin(snapshot, &commit, now, key))?;
                let token = Some(sign(&record));
                Ok(Some(Decided { commit, token }))
            }
            Decision::Answer(record) => {
                self.write(&Line::Replayed {
                    seen: Seen::of(user, snapshot, now),
                    key: key.unwrap_or("none").to_owned(),
                    token: sign(&record),
                })?;
                Ok(None)
            }
            Decision::Refuse(refusal) => self.refused(user, snapshot, now, &refusal),
        }
    }

    fn revoke(
        &self,
        user: &UserId,
        snapshot: &Snapshot,
        now: Timestamp,
        decision: Decision<Revoked>,
    ) -> Result<Option<Decided>, Stop> {
        match decision {
            Decision::Commit(commit, _) => {
                self.write(&Line::begin(snapshot, &commit, now, None))?;
                Ok(Some(Decided { commit, token: None }))
            }
            Decision::Answer(_) => {
                let seen = Seen::of(user, snapshot, now);
                self.write(&Line::Nothing { seen })?;
                Ok(None)
            }
            Decision::Refuse(refusal) => self.refused(user, snapshot, now, &refusal),
        }
    }

    fn refused(
        &self,
        user: &UserId,
        snapshot: &Snapshot,
        now: Timestamp,
        refusal: &Refusal,
    ) -> Result<Option<Decided>, Stop> {
        self.write(&Line::Refused {
            seen: Seen::of(user, snapshot, now),
            code: refusal.code().to_owned(),
        })?;
        Ok(None)
    }

    fn apply(&self, decided: &[Decided]) -> Result<(), Stop> {
        if decided.is_empty() {
            return Ok(());
        }
        let commits: Vec<Commit> = decided.iter().map(|decided| decided.commit.clone()).collect();
        let answer = self.store.apply(&commits);
        for (index, Decided { commit, token }) in decided.iter().enumerate() {
            let commit = commit.next;
            let line = match &answer {
                Ok(outcomes) => match outcomes.get(index) {
                    Some(Outcome::Applied) => Line::Applied {
                        commit,
                        token: token.clone(),
                    },
                    Some(Outcome::Conflict) => Line::Conflict { commit },
                    None => Line::FailedUnknown { commit },
                },
                Err(error) if error.effect() == Effect::None => Line::FailedWithoutEffect { commit },
                Err(_) => Line::FailedUnknown { commit },
            };
            self.write(&line)?;
        }
        match answer {
            Err(error) if is_closed(&error) => Err(Stop::Closed),
            _ => Ok(()),
        }
    }

    fn request(&mut self) -> Request {
        match self.random.below(16) {
            0..=8 => Request::Issue(Some(Tenant::key_name(self.random.below(KEYS)))),
            9..=11 => Request::Issue(None),
            12..=13 => Request::RevokeAll,
            _ => Request::RevokeOne,
        }
    }

    fn fresh(&mut self, now: Timestamp) -> Fresh {
        let millis = u64::try_from(now.as_unix()).expect("after 1970") * 1_000;
        Fresh {
            token_id: TokenId::from_parts(millis, self.random.bytes()),
            version: Version::from_bytes(self.random.bytes()),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a small number");
        usize::try_from(self.random.below(bound)).expect("a small number")
    }

    /// In one piece, so that a killed child leaves at most its last line torn.
    fn write(&self, line: &Line) -> Result<(), Stop> {
        let text = format!("{line}\n");
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .write_all(text.as_bytes())
            .and_then(|()| lines.flush())
            .map_err(Stop::Lines)
    }
}

fn is_closed(error: &StoreError) -> bool {
    error.kind() == StoreErrorKind::Closed
}
