//! What a store owes.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read},
    sync::Arc,
};

use issuer::{
    Digest, Timestamp, TokenId,
    decide::{self, Decision, Fresh},
    state::{Snapshot, Version},
    user::UserId,
};
use issuer_store::{Lookup, Store, StoreError, TokenRef};

use super::{
    breach::{Breach, Promise},
    known::{Comparison, Known, Write},
    line::{Line, Seen},
    tenant::{KEYS, Tenant},
};
use crate::fixture::at;

/// Everything that a [`Load`](super::Load) was told, over as many runs as there were on one store. A clone of it is
/// held to what became of a copy of that store.
#[derive(Clone, Debug)]
pub struct Account {
    tenant: Arc<Tenant>,
    users: BTreeMap<UserId, Ledger>,
    now: Timestamp,
    purged: Timestamp,
    figures: Figures,
    breach: Option<Breach>,
}

/// How much was held against the store so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// Retries that were answered with the token of the first answer.
    pub replayed: usize,
    /// Requests that were refused.
    pub refused: usize,
    /// Calls that failed, and commits that were conflicts.
    pub failed: usize,
    /// Writes whose answer never came, and that had happened.
    pub open_done: usize,
    /// Writes whose answer never came, and that had not happened.
    pub open_undone: usize,
    /// Tokens that were compared, by every check.
    pub compared: usize,
}

impl std::ops::Add for Figures {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            acknowledged: self.acknowledged + other.acknowledged,
            replayed: self.replayed + other.replayed,
            refused: self.refused + other.refused,
            failed: self.failed + other.failed,
            open_done: self.open_done + other.open_done,
            open_undone: self.open_undone + other.open_undone,
            compared: self.compared + other.compared,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Ledger {
    known: Known,
    open: Option<Write>,
    /// The texts of the tokens that were acknowledged.
    texts: BTreeMap<TokenId, String>,
}

impl Account {
    /// That of an empty store.
    pub fn new() -> Self {
        Self {
            tenant: Arc::new(Tenant::new()),
            users: BTreeMap::new(),
            now: at(0),
            purged: Timestamp::MIN,
            figures: Figures::default(),
            breach: None,
        }
    }

    /// The last moment of the load's clock: where the next load begins.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// How much was held against the store so far.
    pub const fn figures(&self) -> Figures {
        self.figures
    }

    /// Reads the lines of a load to their end. What is no load's line is passed over, and so is a last line without
    /// an end, of a process that died while it wrote.
    ///
    /// # Errors
    /// Where `lines` cannot be read.
    pub fn read(&mut self, lines: impl Read) -> io::Result<()> {
        let mut lines = BufReader::new(lines);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            if line.ends_with(b"\n") {
                self.read_line(&String::from_utf8_lossy(&line));
            }
            line.clear();
        }
        Ok(())
    }

    /// Reads one whole line. What is wrong with it is said by the next [`check`](Self::check).
    pub fn read_line(&mut self, line: &str) {
        let breach = match Line::parse(line.trim_end()) {
            None => return,
            Some(Err(what)) => Err(Breach::new(None, Promise::TheLinesMakeSense, what)),
            Some(Ok(line)) => self.enter(line),
        };
        if let Err(breach) = breach {
            self.breach.get_or_insert(breach);
        }
    }

    /// Compares the store with everything that was acknowledged, and finds out what became of each write whose answer
    /// never came: from here on it counts as acknowledged, or as never made.
    ///
    /// # Errors
    /// The first promise that is broken, by what the lines say or by what the store shows.
    pub fn check(&mut self, store: &dyn Store) -> Result<Figures, Breach> {
        if let Some(breach) = self.breach.take() {
            return Err(breach);
        }
        let asked: Vec<Digest> = (0..KEYS)
            .map(|number| Tenant::key(&Tenant::key_name(number)).digest())
            .collect();
        let users: Vec<UserId> = self.users.keys().cloned().collect();
        let lookups: Vec<Lookup<'_>> = users
            .iter()
            .map(|user| Lookup {
                replays: &asked,
                ..Lookup::user(user)
            })
            .collect();
        let found = store.load(&lookups).map_err(|error| unreadable(&error))?;
        if found.len() != users.len() {
            return Err(Breach::new(None, Promise::ItCanBeRead, "a snapshot is missing"));
        }
        for (user, snapshot) in users.iter().zip(&found) {
            self.check_user(store, user, snapshot)?;
        }
        Ok(self.figures)
    }

    fn check_user(&mut self, store: &dyn Store, user: &UserId, found: &Snapshot) -> Result<(), Breach> {
        let ledger = self.users.entry(user.clone()).or_default();
        let open = ledger.open.take();
        if let Some(open) = &open {
            if found.user.as_ref().map(|user| user.version) == Some(open.commit) {
                ledger.known.apply(open);
                self.figures.open_done += 1;
            } else {
                self.figures.open_undone += 1;
            }
        }
        let comparison = Comparison {
            user,
            tenant: &self.tenant,
            known: &ledger.known,
            open: open.as_ref(),
            purged: self.purged,
        };
        comparison.check(found)?;
        let gone = check_tokens(store, &comparison)?;
        self.figures.compared += ledger.known.tokens.len();
        let limit = usize::from(Tenant::limit(user));
        let live = ledger.known.live(self.now);
        if live > limit {
            let what = format!("{live} tokens live, and {limit} may");
            return Err(Breach::new(Some(user), Promise::NothingIsDoubled, what));
        }
        check_retries(&self.tenant, user, ledger, found, self.now)?;
        // What is dead and gone cannot be asked for again: a load would show it, should it come back.
        for id in gone {
            ledger.known.tokens.remove(&id);
            ledger.texts.remove(&id);
        }
        let replays = &mut ledger.known.replays;
        replays.retain(|key, _| found.replay(Tenant::key(key).digest()).is_some());
        Ok(())
    }

    fn enter(&mut self, line: Line) -> Result<(), Breach> {
        match line {
            Line::Begin { seen, commit, rows } => {
                self.settle(&seen)?.open = Some(Write { commit, rows });
            }
            Line::Applied { commit, token } => return self.applied(commit, token),
            Line::Conflict { commit } | Line::FailedWithoutEffect { commit } => {
                self.figures.failed += 1;
                self.open(commit)?.1.open = None;
            }
            Line::FailedUnknown { commit } => {
                self.figures.failed += 1;
                self.open(commit)?;
            }
            Line::Replayed { seen, key, token } => return self.replayed(&seen, &key, &token),
            Line::Nothing { seen } => {
                self.settle(&seen)?;
            }
            Line::Refused { seen, code } => {
                self.figures.refused += 1;
                let known = self.settle(&seen)?.known.live(seen.now);
                if code == "USER_EXISTS" && known < usize::from(Tenant::limit(&seen.user)) {
                    let what = format!("a new token was refused, and {known} live");
                    return Err(Breach::new(Some(&seen.user), Promise::NothingIsDoubled, what));
                }
            }
            Line::Purge { dead_before } => self.purged = self.purged.max(dead_before),
            Line::NotRead => self.figures.failed += 1,
        }
        Ok(())
    }

    /// What a decision rests on was shown by a read, so that it holds for good: it tells what became of the write
    /// that was open.
    fn settle(&mut self, seen: &Seen) -> Result<&mut Ledger, Breach> {
        self.now = self.now.max(seen.now);
        let ledger = self.users.entry(seen.user.clone()).or_default();
        if let Some(open) = ledger.open.take() {
            if seen.on == Some(open.commit) {
                ledger.known.apply(&open);
                self.figures.open_done += 1;
            } else {
                self.figures.open_undone += 1;
            }
        }
        if seen.on == ledger.known.version {
            return Ok(ledger);
        }
        let what = format!(
            "a read showed the record of {:?}, and the last write was {:?}",
            seen.on, ledger.known.version
        );
        Err(Breach::new(Some(&seen.user), Promise::NothingIsLost, what))
    }

    fn open(&mut self, commit: Version) -> Result<(&UserId, &mut Ledger), Breach> {
        let is_this = |(_, ledger): &(&UserId, &mut Ledger)| {
            ledger.open.as_ref().map(|open| open.commit) == Some(commit)
        };
        let what = || {
            let what = format!("an answer to {commit:?}, which was not begun");
            Breach::new(None, Promise::TheLinesMakeSense, what)
        };
        self.users.iter_mut().find(is_this).ok_or_else(what)
    }

    fn applied(&mut self, commit: Version, token: Option<String>) -> Result<(), Breach> {
        self.figures.acknowledged += 1;
        let (user, ledger) = self.open(commit)?;
        let user = user.clone();
        let Some(write) = ledger.open.take() else {
            return Ok(());
        };
        ledger.known.apply(&write);
        let (Some(id), Some(text)) = (write.token(), token) else {
            return Ok(());
        };
        ledger.texts.insert(id, text.clone());
        self.check_text(&user, id, &text)
    }

    fn replayed(&mut self, seen: &Seen, key: &str, text: &str) -> Result<(), Breach> {
        self.figures.replayed += 1;
        let ledger = self.settle(seen)?;
        let Some(replay) = ledger.known.replays.get(key).copied() else {
            let what = format!("the idempotency key {key} is known, though nobody used it");
            return Err(Breach::new(Some(&seen.user), Promise::NothingIsDoubled, what));
        };
        let live = ledger.known.tokens.get(&replay.token);
        if !live.is_some_and(|times| times.is_live(seen.now)) {
            let what = format!("a retry under {key} got a dead token");
            return Err(Breach::new(Some(&seen.user), Promise::NothingIsRevived, what));
        }
        self.check_text(&seen.user, replay.token, text)
    }

    fn check_text(&self, user: &UserId, id: TokenId, text: &str) -> Result<(), Breach> {
        let ledger = self.users.get(user);
        let times = ledger.and_then(|ledger| ledger.known.tokens.get(&id));
        let signed = times.map(|times| self.tenant.sign(user, &self.tenant.token(id, *times)));
        let first = ledger.and_then(|ledger| ledger.texts.get(&id));
        if signed == Some(Ok(text.to_owned())) && first.is_none_or(|first| first == text) {
            return Ok(());
        }
        let what = format!("the token {id} was answered with other bytes: {text}");
        Err(Breach::new(Some(user), Promise::NothingIsAltered, what))
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

/// Finds every token that is known; returns those that were purged.
fn check_tokens(store: &dyn Store, comparison: &Comparison<'_>) -> Result<Vec<TokenId>, Breach> {
    let tokens = &comparison.known.tokens;
    let questions: Vec<TokenRef<'_>> = tokens
        .keys()
        .map(|id| TokenRef::Issued {
            user: comparison.user,
            id: *id,
        })
        .collect();
    let found = store.find(&questions).map_err(|error| unreadable(&error))?;
    if found.len() != questions.len() {
        return Err(Breach::new(None, Promise::ItCanBeRead, "an answer is missing"));
    }
    let mut gone = Vec::new();
    for ((id, times), state) in tokens.iter().zip(found) {
        comparison.check_found(*id, state.as_ref().map(|state| &state.token))?;
        if state.is_none() && times.dead_at() <= comparison.purged {
            gone.push(*id);
        }
    }
    Ok(gone)
}

/// Asks under every idempotency key again, as the user's client would.
fn check_retries(
    tenant: &Tenant,
    user: &UserId,
    ledger: &Ledger,
    found: &Snapshot,
    now: Timestamp,
) -> Result<(), Breach> {
    let fresh = Fresh {
        token_id: TokenId::from_bytes([0; 16]),
        version: Version::from_bytes([0; 16]),
    };
    let rules = tenant.rules(user);
    for (key, replay) in &ledger.known.replays {
        if now >= replay.forgotten_at {
            continue;
        }
        let token = ledger.known.tokens.get(&replay.token).copied();
        let live = token.filter(|times| times.is_live(now));
        let request = Tenant::request(user, Some(key));
        let expected = live.map(|times| {
            let first = ledger.texts.get(&replay.token).cloned();
            first.map_or_else(|| tenant.sign(user, &tenant.token(replay.token, times)), Ok)
        });
        let answer = match decide::issue(found, &request, &rules, now, fresh) {
            Decision::Answer(record) => Some(tenant.sign(user, &record.token)),
            Decision::Refuse(_) => None,
            Decision::Commit(..) => Some(Err("a new token".to_owned())),
        };
        if answer != expected {
            let what = format!("a retry under {key} gets {answer:?}, and should get {expected:?}");
            return Err(Breach::new(Some(user), Promise::NothingIsAltered, what));
        }
    }
    Ok(())
}

fn unreadable(error: &StoreError) -> Breach {
    Breach::new(None, Promise::ItCanBeRead, error.to_string())
}
