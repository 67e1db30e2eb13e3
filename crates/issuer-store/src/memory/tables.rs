//! The rows of the reference store, and the order in which they die.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Bound;

use issuer::{
    Digest, Timestamp,
    state::{
        Change, Commit, Control, Holder, Replay, Snapshot, TokenName, TokenRecord, TokenState, Tombstone,
        UserRecord, Versioned,
    },
    user::UserId,
};

use crate::{
    Cursor, Export, ExportRow, Lookup, Outcome, Page, StoreError, StoreErrorKind, TokenRef, UserEntry,
    UserPage,
};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) control: Option<Versioned<Control>>,
    users: BTreeMap<UserId, User>,
    assigned: BTreeMap<Digest, UserId>,
    tombstones: BTreeMap<Digest, Timestamp>,
    deaths: BTreeSet<(Timestamp, Mortal)>,
}

#[derive(Debug, Default)]
struct User {
    record: Option<Versioned<UserRecord>>,
    // Apart from the revoked ones, so that a load costs what it returns.
    tokens: BTreeMap<TokenName, TokenRecord>,
    revoked: BTreeMap<TokenName, TokenRecord>,
    replays: BTreeMap<Digest, Replay>,
}

/// A row that a purge may delete one day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mortal {
    Token(UserId, TokenName),
    Replay(UserId, Digest),
    Tombstone(Digest),
}

impl Tables {
    pub(super) fn snapshot(&self, lookup: &Lookup<'_>) -> Snapshot {
        let user = self.users.get(lookup.user);
        Snapshot {
            user: user.and_then(|user| user.record.clone()),
            tokens: user
                .map(|user| user.tokens.values().cloned().collect())
                .unwrap_or_default(),
            replays: lookup
                .replays
                .iter()
                .map(|key| (*key, user.and_then(|user| user.replays.get(key).copied())))
                .collect(),
            holders: lookup
                .digests
                .iter()
                .map(|digest| (*digest, self.holder(*digest)))
                .collect(),
        }
    }

    fn holder(&self, digest: Digest) -> Option<Holder> {
        let name = TokenName::Assigned(digest);
        let token = self.assigned.get(&digest).and_then(|id| {
            let token = self.users.get(id)?.tokens.get(&name)?;
            Some(Holder::Token {
                user: id.clone(),
                expires_at: token.expires_at,
            })
        });
        token.or_else(|| {
            self.tombstones
                .get(&digest)
                .map(|until| Holder::Tombstone { until: *until })
        })
    }

    pub(super) fn token_state(&self, token: &TokenRef<'_>) -> Option<TokenState> {
        let (id, name) = match token {
            TokenRef::Issued { user, id } => (*user, TokenName::Issued(*id)),
            TokenRef::Assigned(digest) => (self.assigned.get(digest)?, TokenName::Assigned(*digest)),
        };
        let user = self.users.get(id)?;
        let token = user.tokens.get(&name).or_else(|| user.revoked.get(&name))?;
        Some(TokenState {
            token: token.clone(),
            user: user.record.as_ref()?.value.clone(),
        })
    }

    pub(super) fn list(&self, page: &Page<'_>) -> UserPage {
        let from = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let entries = self
            .users
            .range::<UserId, _>((from, Bound::Unbounded))
            .filter_map(|(_, user)| {
                let record = user.record.as_ref()?;
                Some(UserEntry {
                    user: record.value.clone(),
                    tokens: user.tokens.values().cloned().collect(),
                })
            });
        UserPage {
            users: entries.skip(page.skip).take(page.limit).collect(),
            total: page
                .count_all
                .then(|| self.users.values().filter(|user| user.record.is_some()).count() as u64),
        }
    }

    pub(super) fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        let start = match after {
            None => None,
            Some(cursor) => Some(Place::decode(cursor).ok_or_else(|| {
                StoreError::new(
                    StoreErrorKind::Invalid,
                    "the cursor is not one of this store's exports",
                )
            })?),
        };
        let mut places = self
            .places()
            .filter(|(place, _)| start.as_ref().is_none_or(|start| place > start));
        let mut rows = Vec::new();
        let mut last = None;
        for (place, row) in places.by_ref().take(limit.max(1)) {
            rows.push(row);
            last = Some(place);
        }
        let next = if places.next().is_some() {
            last.map(|place| place.encode())
        } else {
            None
        };
        Ok(Export { rows, next })
    }

    /// Every row in the order of an export. The reference is short, not fast: each page walks from the start.
    fn places(&self) -> impl Iterator<Item = (Place, ExportRow)> {
        let users = self.users.iter().flat_map(|(id, user)| {
            let tokens = user.tokens.values().chain(user.revoked.values()).map(|token| {
                (
                    Row::Token(token.name()),
                    ExportRow::Token(id.clone(), token.clone()),
                )
            });
            let mut rows: Vec<(Row, ExportRow)> = tokens.collect();
            rows.extend(
                user.record
                    .iter()
                    .map(|record| (Row::User, ExportRow::User(record.clone()))),
            );
            rows.extend(
                user.replays
                    .values()
                    .map(|r| (Row::Replay(r.key), ExportRow::Replay(id.clone(), *r))),
            );
            rows.sort_unstable_by_key(|(row, _)| *row);
            rows.into_iter()
                .map(|(row, content)| (Place::OfUser(id.as_str().to_owned(), row), content))
        });
        let tombstones = self.tombstones.iter().map(|(digest, until)| {
            let tombstone = Tombstone {
                digest: *digest,
                until: *until,
            };
            (Place::Tombstone(*digest), ExportRow::Tombstone(tombstone))
        });
        users.chain(tombstones)
    }

    pub(super) fn apply(&mut self, commit: &Commit) -> Outcome {
        let version = self
            .users
            .get(&commit.user)
            .and_then(|user| user.record.as_ref())
            .map(|user| user.version);
        let holds = commit.holds(version, |digest| Ok::<_, Infallible>(self.holder(digest)));
        if holds != Ok(true) {
            return Outcome::Conflict;
        }
        for change in &commit.changes {
            self.write(change, commit);
        }
        if let Some(record) = self
            .users
            .get_mut(&commit.user)
            .and_then(|user| user.record.as_mut())
        {
            record.version = commit.next;
        }
        Outcome::Applied
    }

    fn write(&mut self, change: &Change, commit: &Commit) {
        let id = &commit.user;
        match change {
            Change::PutUser(record) => {
                let user = self.users.entry(id.clone()).or_default();
                user.record = Some(Versioned {
                    version: commit.next,
                    value: record.clone(),
                });
            }
            Change::PutToken(token) => self.put_token(id, token),
            Change::PutReplay(replay) => {
                self.delete(&Mortal::Replay(id.clone(), replay.key));
                self.users
                    .entry(id.clone())
                    .or_default()
                    .replays
                    .insert(replay.key, *replay);
                self.deaths
                    .insert((replay.forgotten_at, Mortal::Replay(id.clone(), replay.key)));
            }
            Change::PutTombstone(tombstone) => {
                self.delete(&Mortal::Tombstone(tombstone.digest));
                self.tombstones.insert(tombstone.digest, tombstone.until);
                self.deaths
                    .insert((tombstone.until, Mortal::Tombstone(tombstone.digest)));
            }
            Change::EraseUser => self.erase(id),
        }
    }

    fn put_token(&mut self, id: &UserId, token: &TokenRecord) {
        let name = token.name();
        if let TokenName::Assigned(digest) = name {
            if let Some(holder) = self.assigned.insert(digest, id.clone()) {
                self.delete(&Mortal::Token(holder, name));
            }
            self.assigned.insert(digest, id.clone());
        } else {
            self.delete(&Mortal::Token(id.clone(), name));
        }
        let user = self.users.entry(id.clone()).or_default();
        let table = if token.revoked_at.is_some() {
            &mut user.revoked
        } else {
            &mut user.tokens
        };
        table.insert(name, token.clone());
        self.deaths
            .insert((token.dead_at(), Mortal::Token(id.clone(), name)));
    }

    fn erase(&mut self, id: &UserId) {
        let Some(user) = self.users.get(id) else { return };
        let names = user
            .tokens
            .keys()
            .chain(user.revoked.keys())
            .map(|name| Mortal::Token(id.clone(), *name));
        let keys = user.replays.keys().map(|key| Mortal::Replay(id.clone(), *key));
        let rows: Vec<Mortal> = names.chain(keys).collect();
        for row in &rows {
            self.delete(row);
        }
        self.users.remove(id);
    }

    pub(super) fn purge(&mut self, dead_before: Timestamp, limit: usize) -> usize {
        for purged in 0..limit {
            match self.deaths.first() {
                Some((at, row)) if *at <= dead_before => {
                    let row = row.clone();
                    self.delete(&row);
                }
                _ => return purged,
            }
        }
        limit
    }

    /// Deletes a row, if it is there, with what leads to it.
    fn delete(&mut self, row: &Mortal) {
        let died_at = match row {
            Mortal::Token(id, name) => {
                let Some(user) = self.users.get_mut(id) else {
                    return;
                };
                let Some(token) = user.tokens.remove(name).or_else(|| user.revoked.remove(name)) else {
                    return;
                };
                if let TokenName::Assigned(digest) = name {
                    self.assigned.remove(digest);
                }
                token.dead_at()
            }
            Mortal::Replay(id, key) => {
                let Some(replay) = self.users.get_mut(id).and_then(|user| user.replays.remove(key)) else {
                    return;
                };
                replay.forgotten_at
            }
            Mortal::Tombstone(digest) => {
                let Some(until) = self.tombstones.remove(digest) else {
                    return;
                };
                until
            }
        };
        self.deaths.remove(&(died_at, row.clone()));
    }
}

/// Where a row stands in an export.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    OfUser(String, Row),
    Tombstone(Digest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    User,
    Token(TokenName),
    Replay(Digest),
}

impl Place {
    /// A tag, the bytes of the row's own key, then those of the user's id.
    fn encode(&self) -> Cursor {
        let (tag, key, id): (u8, &[u8], &str) = match self {
            Self::OfUser(id, Row::User) => (0, &[], id),
            Self::OfUser(id, Row::Token(TokenName::Issued(jti))) => (1, jti.as_bytes(), id),
            Self::OfUser(id, Row::Token(TokenName::Assigned(digest))) => (2, digest.as_bytes(), id),
            Self::OfUser(id, Row::Replay(key)) => (3, key.as_bytes(), id),
            Self::Tombstone(digest) => (4, digest.as_bytes(), ""),
        };
        Cursor::new([&[tag], key, id.as_bytes()].concat())
    }

    fn decode(cursor: &Cursor) -> Option<Self> {
        let (tag, rest) = cursor.as_bytes().split_first()?;
        let digest = || {
            rest.split_first_chunk()
                .map(|(bytes, id)| (Digest::from_bytes(*bytes), id))
        };
        let (row, id) = match tag {
            0 => (Row::User, rest),
            1 => {
                let (jti, id) = rest.split_first_chunk()?;
                (
                    Row::Token(TokenName::Issued(issuer::TokenId::from_bytes(*jti))),
                    id,
                )
            }
            2 => digest().map(|(digest, id)| (Row::Token(TokenName::Assigned(digest)), id))?,
            3 => digest().map(|(digest, id)| (Row::Replay(digest), id))?,
            4 => return digest().map(|(digest, _)| Self::Tombstone(digest)),
            _ => return None,
        };
        Some(Self::OfUser(String::from_utf8(id.to_vec()).ok()?, row))
    }
}
