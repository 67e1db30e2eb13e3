//! What is known of one user: the rows that were acknowledged.

use std::collections::BTreeMap;

use issuer::{
    Timestamp, TokenId,
    state::{Snapshot, TokenMode, TokenRecord, UserRecord, Version},
    user::{Nickname, UserId},
};

use super::{
    breach::{Breach, Promise},
    line::{Row, Times},
    tenant::{KEYS, Tenant},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) version: Option<Version>,
    profile: Option<Profile>,
    pub(super) tokens: BTreeMap<TokenId, Times>,
    pub(super) replays: BTreeMap<String, Replay>,
}

#[derive(Clone, Debug)]
struct Profile {
    nickname: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    pub(super) token: TokenId,
    pub(super) forgotten_at: Timestamp,
}

/// A write that was begun.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) commit: Version,
    pub(super) rows: Vec<Row>,
}

impl Write {
    /// The token that it issues.
    pub(super) fn token(&self) -> Option<TokenId> {
        self.rows.iter().find_map(|row| match row {
            Row::Token(id, times) if times.revoked_at.is_none() => Some(*id),
            _ => None,
        })
    }

    fn has_token(&self, id: TokenId) -> bool {
        self.rows
            .iter()
            .any(|row| matches!(row, Row::Token(put, _) if *put == id))
    }

    fn has_replay(&self, name: &str) -> bool {
        self.rows
            .iter()
            .any(|row| matches!(row, Row::Replay { key, .. } if key == name))
    }
}

impl Times {
    pub(super) fn dead_at(&self) -> Timestamp {
        self.revoked_at
            .map_or(self.expires_at, |revoked| revoked.min(self.expires_at))
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// How a user of a store is held against what is known.
pub(super) struct Comparison<'a> {
    pub(super) user: &'a UserId,
    pub(super) tenant: &'a Tenant,
    pub(super) known: &'a Known,
    /// A write whose answer never came. A row of it that does not fit is no loss, but half a commit.
    pub(super) open: Option<&'a Write>,
    /// What died by then may be gone.
    pub(super) purged: Timestamp,
}

impl Known {
    pub(super) fn apply(&mut self, write: &Write) {
        self.version = Some(write.commit);
        for row in &write.rows {
            match row {
                Row::User {
                    nickname,
                    created_at,
                    updated_at,
                } => {
                    self.profile = Some(Profile {
                        nickname: nickname.clone(),
                        created_at: *created_at,
                        updated_at: *updated_at,
                    });
                }
                Row::Token(id, times) => {
                    self.tokens.insert(*id, *times);
                }
                Row::Replay {
                    key,
                    token,
                    forgotten_at,
                } => {
                    let replay = Replay {
                        token: *token,
                        forgotten_at: *forgotten_at,
                    };
                    self.replays.insert(key.clone(), replay);
                }
            }
        }
    }

    pub(super) fn live(&self, now: Timestamp) -> usize {
        self.tokens.values().filter(|times| times.is_live(now)).count()
    }

    fn record(&self, user: &UserId) -> Option<UserRecord> {
        self.profile.as_ref().map(|profile| UserRecord {
            id: user.clone(),
            nickname: profile
                .nickname
                .as_deref()
                .and_then(|name| Nickname::parse(name).ok()),
            avatar_url: None,
            token_mode: TokenMode::Issued,
            created_at: profile.created_at,
            updated_at: profile.updated_at,
        })
    }
}

impl Comparison<'_> {
    /// Compares every row that a `load` shows. Tokens first: a token too many says more than another version.
    pub(super) fn check(&self, found: &Snapshot) -> Result<(), Breach> {
        for token in &found.tokens {
            self.check_shown(token)?;
        }
        self.check_user(found)?;
        for (id, times) in &self.known.tokens {
            let shown = found
                .tokens
                .iter()
                .any(|token| token.issued().is_some_and(|issued| issued.id == *id));
            if times.revoked_at.is_none() && times.dead_at() > self.purged && !shown {
                return Err(self.of_token(*id, Promise::NothingIsLost, "is gone"));
            }
        }
        (0..KEYS).try_for_each(|number| self.check_replay(&Tenant::key_name(number), found))
    }

    fn check_shown(&self, token: &TokenRecord) -> Result<(), Breach> {
        let Some(issued) = token.issued() else {
            return Err(self.breach(Promise::NothingIsDoubled, "an assigned token that nobody wrote"));
        };
        match self.known.tokens.get(&issued.id) {
            None => Err(self.of_token(
                issued.id,
                Promise::NothingIsDoubled,
                "lives, though nobody was told of it",
            )),
            Some(times) if times.revoked_at.is_some() => Err(self.of_token(
                issued.id,
                Promise::NothingIsRevived,
                "lives, though it was revoked",
            )),
            Some(times) => self.check_same(issued.id, *times, token),
        }
    }

    /// What `find` says of a token that is known.
    pub(super) fn check_found(&self, id: TokenId, found: Option<&TokenRecord>) -> Result<(), Breach> {
        let Some(times) = self.known.tokens.get(&id) else {
            return Ok(());
        };
        match found {
            None if times.revoked_at.is_some() || times.dead_at() <= self.purged => Ok(()),
            None => Err(self.of_token(id, Promise::NothingIsLost, "is not found")),
            Some(token) if token.revoked_at.is_none() && times.revoked_at.is_some() => Err(self.of_token(
                id,
                Promise::NothingIsRevived,
                "is found alive, though it was revoked",
            )),
            Some(token) => self.check_same(id, *times, token),
        }
    }

    fn check_same(&self, id: TokenId, times: Times, found: &TokenRecord) -> Result<(), Breach> {
        let expected = self.tenant.token(id, times);
        if *found == expected {
            return Ok(());
        }
        let what = format!("is {found:?}, and was {expected:?}");
        Err(self.of_token(id, Promise::NothingIsAltered, &what))
    }

    fn check_user(&self, found: &Snapshot) -> Result<(), Breach> {
        let version = found.user.as_ref().map(|user| user.version);
        if version != self.known.version {
            let what = format!(
                "the record is of {version:?}, and the last write was {:?}",
                self.known.version
            );
            let promise = match self.known.version {
                Some(_) => Promise::NothingIsLost,
                None => Promise::NothingIsDoubled,
            };
            return Err(self.breach(promise, what));
        }
        let record = found.user.as_ref().map(|user| &user.value);
        let expected = self.known.record(self.user);
        if record == expected.as_ref() {
            return Ok(());
        }
        let promise = torn_or(self.open.is_some(), Promise::NothingIsAltered);
        Err(self.breach(promise, format!("the record is {record:?}, and was {expected:?}")))
    }

    fn check_replay(&self, name: &str, found: &Snapshot) -> Result<(), Breach> {
        let found = found.replay(Tenant::key(name).digest());
        let torn = self.open.is_some_and(|open| open.has_replay(name));
        let (promise, what) = match (self.known.replays.get(name), found) {
            (None, None) => return Ok(()),
            (None, Some(_)) => (Promise::NothingIsDoubled, "is known, though nobody used it"),
            (Some(known), None) if known.forgotten_at <= self.purged => return Ok(()),
            (Some(_), None) => (Promise::NothingIsLost, "is gone"),
            (Some(known), Some(found)) => {
                if (known.token, known.forgotten_at) == (found.token, found.forgotten_at) {
                    return Ok(());
                }
                (Promise::NothingIsAltered, "is of another token")
            }
        };
        Err(self.breach(
            torn_or(torn, promise),
            format!("the idempotency key {name} {what}"),
        ))
    }

    fn of_token(&self, id: TokenId, promise: Promise, what: &str) -> Breach {
        let torn = self.open.is_some_and(|open| open.has_token(id));
        self.breach(torn_or(torn, promise), format!("the token {id} {what}"))
    }

    fn breach(&self, promise: Promise, what: impl Into<String>) -> Breach {
        Breach::new(Some(self.user), promise, what)
    }
}

fn torn_or(torn: bool, promise: Promise) -> Promise {
    if torn { Promise::NothingIsTorn } else { promise }
}
