//! Steps made calls: what they expect depends on what is there.

use std::collections::BTreeMap;

use issuer::state::{
    ApiKeyRecord, ApiKeyScope, Claim, Commit, Control, Expect, Holder, TokenRecord, UserRecord, Version,
    Versioned,
};
use issuer_store::{MemoryStore, Outcome, Store};

use super::step::{Call, End, Guess, Row, Sketch, Step};
use crate::{
    fixture::{Draft, assigned, at, digest, id, issued, replay, until, user, version, writing},
    probe::{holder, version_of},
};

/// The reference store, and what was in it before.
#[derive(Default)]
pub(super) struct Model {
    store: MemoryStore,
    commits: u64,
    former: BTreeMap<&'static str, Version>,
}

/// What a call returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Outcomes(Vec<Outcome>),
    Purged(usize),
}

impl Model {
    pub(super) fn store(&self) -> &MemoryStore {
        &self.store
    }

    /// What the reference store answers, and what `other` does.
    pub(super) fn carry_out(&mut self, step: &Step, other: &dyn Store) -> (Answer, Answer) {
        match &step.0 {
            Call::Apply(sketches) => {
                let (commits, outcomes): (Vec<_>, Vec<_>) =
                    sketches.iter().map(|sketch| self.apply(sketch)).unzip();
                let others = other.apply(&commits).expect("apply");
                (Answer::Outcomes(outcomes), Answer::Outcomes(others))
            }
            Call::Purge { dead_before, limit } => {
                let purged = |store| Answer::Purged(purge_all(store, *dead_before, *limit));
                (purged(&self.store), purged(other))
            }
            Call::SetControl { expect, keys } => {
                let expect = self.expect(*expect, self.control_version(), "control");
                let next = Versioned {
                    version: self.next(),
                    value: control(*keys),
                };
                let set = |store: &dyn Store| {
                    let outcome = store.set_control(expect, &next).expect("set_control");
                    Answer::Outcomes(vec![outcome])
                };
                (set(&self.store), set(other))
            }
        }
    }

    /// A commit is resolved at its turn: on what the ones before it in the slice wrote.
    fn apply(&mut self, sketch: &Sketch) -> (Commit, Outcome) {
        let found = version_of(&self.store, sketch.user);
        let expect = self.expect(sketch.expect, found, sketch.user);
        self.commits += 1;
        let mut draft = writing(sketch.user, expect, self.commits);
        for (text, guess) in &sketch.claims {
            draft = self.claim(draft, text, *guess);
        }
        let mut commit: Commit = put_all(draft, sketch, found.is_some()).into();
        // Two claims of one digest may contradict each other; then the commit is a conflict, as it should be.
        commit.claims.dedup_by_key(|claim: &mut Claim| claim.digest);
        let outcomes = self.store.apply(std::slice::from_ref(&commit)).expect("memory");
        if outcomes == [Outcome::Applied] {
            self.former.extend(found.map(|found| (sketch.user, found)));
        }
        (commit, outcomes[0])
    }

    fn next(&mut self) -> Version {
        self.commits += 1;
        version(self.commits)
    }

    fn expect(&self, guess: Guess, found: Option<Version>, what: &str) -> Expect {
        match guess {
            Guess::Right => found.map_or(Expect::Absent, Expect::Version),
            Guess::Stale => Expect::Version(self.former.get(what).copied().unwrap_or(version(0))),
            Guess::Absent => Expect::Absent,
            Guess::Any => Expect::Any,
        }
    }

    fn claim(&self, draft: Draft, text: &str, guess: Guess) -> Draft {
        match guess {
            Guess::Right => draft.claim(text, holder(&self.store, text)),
            Guess::Stale => draft.claim(text, Some(Holder::Tombstone { until: at(3) })),
            Guess::Absent => draft.claim(text, None),
            Guess::Any => draft,
        }
    }

    fn control_version(&self) -> Option<Version> {
        let control = self.store.control().expect("memory");
        control.map(|control| control.version)
    }
}

/// The rows of a sketch. A token or an idempotency record comes with its user.
fn put_all(mut draft: Draft, sketch: &Sketch, mut is_there: bool) -> Draft {
    let name = sketch.user;
    for row in &sketch.rows {
        let needs_user = matches!(row, Row::Issued(..) | Row::Assigned(..) | Row::Replay(..));
        if needs_user && !is_there {
            draft = draft.user(user(name));
        }
        is_there = match row {
            Row::Erase => false,
            Row::Tombstone(..) => is_there,
            _ => true,
        };
        draft = put(draft, name, row);
    }
    draft
}

fn put(draft: Draft, name: &str, row: &Row) -> Draft {
    match row {
        Row::User(token_mode, moment) => draft.user(UserRecord {
            token_mode: *token_mode,
            updated_at: at(*moment),
            ..user(name)
        }),
        Row::Issued(name, end) => draft.token(ending(issued(name), end)),
        Row::Assigned(text, end) => draft.token(ending(assigned(text), end)),
        Row::Replay(key, moment) => {
            let mut replay = replay(key);
            replay.forgotten_at = at(*moment);
            replay.request = digest(name);
            draft.replay(replay)
        }
        Row::Tombstone(text, moment) => draft.tombstone(text, at(*moment)),
        Row::Erase => draft.erase(),
    }
}

fn ending(token: TokenRecord, end: &End) -> TokenRecord {
    TokenRecord {
        revoked_at: end.revoked_at.map(at),
        ..until(token, at(end.expires_at))
    }
}

fn control(keys: usize) -> Control {
    let key = |n: usize| ApiKeyRecord {
        name: id(&format!("key {n}")).to_string(),
        hash: digest("key"),
        scope: ApiKeyScope::Full,
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
    };
    Control {
        api_keys: (0..keys).map(key).collect(),
    }
}

/// Which rows a bounded purge takes first is the store's choice, so that only all of them can be compared.
fn purge_all(store: &dyn Store, dead_before: i64, limit: usize) -> usize {
    let mut purged = 0;
    loop {
        let now = store.purge(at(dead_before), limit).expect("purge");
        purged += now;
        if now < limit {
            return purged;
        }
        assert!(purged < 100_000, "the purge does not end");
    }
}
