//! The reference store as a value: it can be cloned, compared and hashed, so that an explorer can keep a
//! million of them apart. `agreement.rs` holds it to `MemoryStore`.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
};

use issuer::{
    Digest, Timestamp,
    state::{Change, Commit, Replay, Snapshot, TokenName, TokenRecord, UserRecord, Versioned},
    user::UserId,
};
use issuer_store::Outcome;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    users: BTreeMap<UserId, Rows>,
}

/// The rows of one user. No rule writes assigned tokens yet, so that there are no digests to claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rows {
    pub user: Option<Row<Versioned<UserRecord>>>,
    pub tokens: BTreeMap<TokenName, Row<TokenRecord>>,
    pub replays: BTreeMap<Digest, Row<Replay>>,
}

impl Table {
    pub fn rows(&self, user: &UserId) -> Rows {
        self.users.get(user).cloned().unwrap_or_default()
    }

    pub fn apply(&mut self, commit: &Commit) -> Outcome {
        assert!(commit.claims.is_empty(), "no rule claims a digest yet");
        let rows = self.users.entry(commit.user.clone()).or_default();
        let outcome = if commit
            .expect
            .accepts(rows.user.as_ref().map(|user| user.0.version))
        {
            for change in &commit.changes {
                rows.write(change, commit);
            }
            if let Some(user) = &mut rows.user {
                user.0.version = commit.next;
            }
            Outcome::Applied
        } else {
            Outcome::Conflict
        };
        if *rows == Rows::default() {
            self.users.remove(&commit.user);
        }
        outcome
    }

    /// Deletes every row that was dead by then, and says how many.
    pub fn purge(&mut self, dead_before: Timestamp) -> usize {
        self.users.values_mut().map(|rows| rows.purge(dead_before)).sum()
    }
}

impl Rows {
    /// What a load returns that asks for these keys.
    pub fn snapshot(&self, keys: &[Digest]) -> Snapshot {
        Snapshot {
            user: self.user.as_ref().map(|user| user.0.clone()),
            tokens: self
                .tokens
                .values()
                .map(|token| &token.0)
                .filter(|token| token.revoked_at.is_none())
                .cloned()
                .collect(),
            replays: keys
                .iter()
                .map(|key| (*key, self.replays.get(key).map(|replay| replay.0)))
                .collect(),
            holders: Vec::new(),
        }
    }

    fn purge(&mut self, dead_before: Timestamp) -> usize {
        let rows = |rows: &Self| rows.tokens.len() + rows.replays.len();
        let before = rows(self);
        self.tokens.retain(|_, Row(token)| {
            let death = token
                .revoked_at
                .map_or(token.expires_at, |at| at.min(token.expires_at));
            death > dead_before
        });
        self.replays
            .retain(|_, Row(replay)| replay.forgotten_at > dead_before);
        before - rows(self)
    }

    fn write(&mut self, change: &Change, commit: &Commit) {
        match change {
            Change::PutUser(value) => {
                self.user = Some(Row(Versioned {
                    version: commit.next,
                    value: value.clone(),
                }));
            }
            Change::PutToken(token) => {
                self.tokens.insert(token.name(), Row(token.clone()));
            }
            Change::PutReplay(replay) => {
                self.replays.insert(replay.key, Row(*replay));
            }
            Change::PutTombstone(_) => unreachable!("no rule writes a tombstone yet"),
            Change::EraseUser => *self = Self::default(),
        }
    }
}

/// A row that can be hashed, by whatever the rules make differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<T>(pub T);

impl Hash for Row<TokenRecord> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let token = &self.0;
        (token.name(), token.created_at, token.expires_at, token.revoked_at).hash(state);
    }
}

impl Hash for Row<Replay> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let replay = &self.0;
        (replay.key, replay.request, replay.token, replay.forgotten_at).hash(state);
    }
}

impl Hash for Row<Versioned<UserRecord>> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let user = &self.0;
        (user.version, user.value.created_at, user.value.updated_at).hash(state);
    }
}
