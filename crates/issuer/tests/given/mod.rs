//! What tests of the rules start from: short constructors, and a store small enough to be seen through.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of many test crates, each of which uses its own part"
)]

use std::collections::BTreeMap;

use issuer::{
    Digest, KeyFingerprint, Lifetime, Timestamp, TokenId,
    decide::{Decision, Fresh, IdempotencyKey, Issue, MaxLiveTokens, Refusal, Revoke, RevokeTarget, Rules},
    state::{
        Change, Commit, Holder, Replay, Snapshot, TokenBody, TokenName, TokenRecord, UserRecord, Version,
        Versioned,
    },
    user::{NewUser, UserId},
};

/// 2025-06-15T15:06:40Z, a second like any other.
pub const START: i64 = 1_750_000_000;
pub const DAY: i64 = 86_400;

/// `seconds` after the start of the test.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(START + seconds).unwrap()
}

pub fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub fn amy() -> NewUser {
    NewUser::new("amy").unwrap()
}

pub fn key(number: u8) -> KeyFingerprint {
    KeyFingerprint::from_bytes([number; 16])
}

/// The defaults, signed with key 1.
pub fn rules() -> Rules {
    Rules::new(key(1))
}

pub fn at_most(tokens: u8) -> MaxLiveTokens {
    MaxLiveTokens::new(tokens).unwrap()
}

pub fn seconds(seconds: i64) -> Lifetime {
    Lifetime::from_seconds(seconds).unwrap()
}

pub fn idempotent(user: NewUser, caller: &str, text: &str) -> Issue {
    Issue::from(user).with_idempotency_key(idempotency_key(caller, text))
}

pub fn idempotency_key(caller: &str, text: &str) -> IdempotencyKey {
    IdempotencyKey::new(caller.as_bytes(), text).unwrap()
}

pub fn all_of(user: &str) -> Revoke {
    Revoke {
        user: id(user),
        target: RevokeTarget::All,
    }
}

pub fn one_of(user: &str, token: TokenName) -> Revoke {
    Revoke {
        user: id(user),
        target: RevokeTarget::Token(token),
    }
}

pub fn assigned(number: u8, created_at: Timestamp, expires_at: Timestamp) -> TokenRecord {
    TokenRecord {
        body: TokenBody::Assigned(Digest::from_bytes([number; 32])),
        created_at,
        expires_at,
        revoked_at: None,
    }
}

/// Ids that ascend with time and, within a millisecond, with `number`.
pub fn fresh(now: Timestamp, number: u64) -> Fresh {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    let millis = u64::try_from(now.as_unix()).unwrap() * 1_000;
    Fresh {
        token_id: TokenId::from_parts(millis, random),
        version: Version::from_bytes(u128::from(number).to_be_bytes()),
    }
}

pub fn committed<T: std::fmt::Debug>(decision: Decision<T>) -> (Commit, T) {
    match decision {
        Decision::Commit(commit, answer) => (commit, answer),
        other => panic!("wanted a commit, got {other:?}"),
    }
}

pub fn answered<T: std::fmt::Debug>(decision: Decision<T>) -> T {
    match decision {
        Decision::Answer(answer) => answer,
        other => panic!("wanted an answer without a write, got {other:?}"),
    }
}

pub fn refused<T: std::fmt::Debug>(decision: Decision<T>) -> Refusal {
    match decision {
        Decision::Refuse(refusal) => refusal,
        other => panic!("wanted a refusal, got {other:?}"),
    }
}

/// Every row there is, written as `issuer::state` describes them and in no other way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub users: BTreeMap<UserId, (Version, UserRecord)>,
    pub tokens: BTreeMap<(UserId, TokenName), TokenRecord>,
    pub replays: BTreeMap<(UserId, Digest), Replay>,
    pub tombstones: BTreeMap<Digest, Timestamp>,
}

impl Rows {
    pub fn load(&self, user: &UserId, keys: &[Digest], digests: &[Digest]) -> Snapshot {
        Snapshot {
            user: self.users.get(user).map(|(version, record)| Versioned {
                version: *version,
                value: record.clone(),
            }),
            tokens: self
                .tokens_of(user)
                .filter(|token| token.revoked_at.is_none())
                .cloned()
                .collect(),
            replays: keys
                .iter()
                .map(|key| (*key, self.replays.get(&(user.clone(), *key)).copied()))
                .collect(),
            holders: digests
                .iter()
                .map(|digest| (*digest, self.holder(*digest)))
                .collect(),
        }
    }

    pub fn tokens_of(&self, user: &UserId) -> impl Iterator<Item = &TokenRecord> {
        self.tokens
            .iter()
            .filter(move |((owner, _), _)| owner == user)
            .map(|(_, token)| token)
    }

    pub fn token(&self, user: &UserId, name: TokenName) -> Option<&TokenRecord> {
        self.tokens.get(&(user.clone(), name))
    }

    pub fn holder(&self, digest: Digest) -> Option<Holder> {
        let living = self
            .tokens
            .iter()
            .find(|((_, name), token)| *name == TokenName::Assigned(digest) && token.revoked_at.is_none());
        match living {
            Some(((user, _), token)) => Some(Holder::Token {
                user: user.clone(),
                expires_at: token.expires_at,
            }),
            None => self
                .tombstones
                .get(&digest)
                .map(|until| Holder::Tombstone { until: *until }),
        }
    }

    /// Writes the commit, whose preconditions must hold.
    pub fn apply(&mut self, commit: &Commit) {
        let version = self.users.get(&commit.user).map(|(version, _)| *version);
        assert!(
            commit.expect.accepts(version),
            "{:?}, but found {version:?}",
            commit.expect
        );
        for claim in &commit.claims {
            assert_eq!(self.holder(claim.digest), claim.holder, "{claim:?}");
        }
        for change in &commit.changes {
            self.write(&commit.user, change);
        }
        if let Some((version, _)) = self.users.get_mut(&commit.user) {
            *version = commit.next;
        }
    }

    fn write(&mut self, user: &UserId, change: &Change) {
        match change {
            Change::PutUser(record) => {
                // The version is the commit's, and set at its end.
                let version = Version::from_bytes([0; 16]);
                self.users.insert(user.clone(), (version, record.clone()));
            }
            Change::PutToken(token) => {
                if let TokenName::Assigned(_) = token.name() {
                    self.tokens.retain(|(_, name), _| *name != token.name());
                }
                self.tokens.insert((user.clone(), token.name()), token.clone());
            }
            Change::PutReplay(replay) => {
                self.replays.insert((user.clone(), replay.key), *replay);
            }
            Change::PutTombstone(tombstone) => {
                self.tombstones.insert(tombstone.digest, tombstone.until);
            }
            Change::EraseUser => {
                self.users.remove(user);
                self.tokens.retain(|(owner, _), _| owner != user);
                self.replays.retain(|(owner, _), _| owner != user);
            }
        }
    }
}

/// A snapshot promises no order of its tokens.
pub fn sorted(mut snapshot: Snapshot) -> Snapshot {
    snapshot.tokens.sort_by_key(TokenRecord::name);
    snapshot
}

/// One server with one store: decides each request on what is there, and writes what it decided.
#[derive(Clone, Debug)]
pub struct Server {
    pub rows: Rows,
    pub rules: Rules,
    pub now: Timestamp,
    used: u64,
}

impl Server {
    pub fn new(rules: Rules) -> Self {
        Self {
            rows: Rows::default(),
            rules,
            now: at(0),
            used: 0,
        }
    }

    pub fn fresh(&mut self) -> Fresh {
        self.used += 1;
        fresh(self.now, self.used)
    }

    /// Decides `request`, and writes where the decision says so.
    pub fn issue(&mut self, request: impl Into<Issue>) -> Decision<issuer::decide::IssuedRecord> {
        let request = request.into();
        let keys: Vec<Digest> = request.idempotency_key.iter().map(|key| key.digest()).collect();
        let snapshot = self.rows.load(request.user.id(), &keys, &[]);
        let fresh = self.fresh();
        let decision = issuer::decide::issue(&snapshot, &request, &self.rules, self.now, fresh);
        self.write(&decision);
        decision
    }

    /// The token that `request` is answered with, which must not be refused.
    pub fn token(&mut self, request: impl Into<Issue>) -> TokenRecord {
        match self.issue(request) {
            Decision::Commit(_, issued) | Decision::Answer(issued) => issued.token,
            Decision::Refuse(refusal) => panic!("refused: {refusal}"),
        }
    }

    pub fn revoke(&mut self, request: &Revoke) -> Decision<issuer::decide::Revoked> {
        let snapshot = self.rows.load(&request.user, &[], &[]);
        let fresh = self.fresh();
        let decision = issuer::decide::revoke(&snapshot, request, &self.rules, self.now, fresh);
        self.write(&decision);
        decision
    }

    pub fn write_profile(&mut self, user: &NewUser) -> UserRecord {
        let snapshot = self.rows.load(user.id(), &[], &[]);
        let fresh = self.fresh();
        let decision = issuer::decide::write_profile(&snapshot, user, self.now, fresh);
        self.write(&decision);
        committed(decision).1
    }

    /// Puts an assigned token there, as if a request had.
    pub fn assign(&mut self, user: &str, token: &TokenRecord) {
        self.rows.tokens.insert((id(user), token.name()), token.clone());
    }

    /// How many of the user's tokens live.
    pub fn live(&self, user: &str) -> usize {
        self.rows
            .tokens_of(&id(user))
            .filter(|token| issuer::decide::check(token, &self.rules, self.now).is_ok())
            .count()
    }

    /// What `check` says of the stored record of this token.
    pub fn check(&self, user: &str, token: &TokenRecord) -> Result<(), issuer::decide::Dead> {
        let stored = self.rows.token(&id(user), token.name()).unwrap();
        issuer::decide::check(stored, &self.rules, self.now)
    }

    pub fn write<T>(&mut self, decision: &Decision<T>) {
        if let Decision::Commit(commit, _) = decision {
            self.rows.apply(commit);
        }
    }
}
