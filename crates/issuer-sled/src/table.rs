//! The trees, and the keys in them.

use issuer::{Digest, Timestamp, state::TokenName, user::UserId};

use crate::{
    codec::{Reader, put_moment, put_name},
    error::{Fault, Result},
};

/// The trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Own,
    Users,
    Revoked,
    Replays,
    Assigned,
    Tombstones,
    Deaths,
}

impl Table {
    pub(crate) const ALL: [Self; 7] = [
        Self::Own,
        Self::Users,
        Self::Revoked,
        Self::Replays,
        Self::Assigned,
        Self::Tombstones,
        Self::Deaths,
    ];

    /// What the tree is called; the one that is sled's own has a name that sled gave it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => "__sled__default",
            Self::Users => "users",
            Self::Revoked => "revoked",
            Self::Replays => "replays",
            Self::Assigned => "assigned",
            Self::Tombstones => "tombstones",
            Self::Deaths => "deaths",
        }
    }
}

/// The keys of sled's own tree.
pub(crate) const STATE: &[u8] = b"state";
pub(crate) const CONTROL: &[u8] = b"control";

/// The key of `users`, back as an id.
pub(crate) fn user_id(key: &[u8], table: &str) -> Result<UserId> {
    std::str::from_utf8(key)
        .ok()
        .and_then(|text| UserId::parse(text).ok())
        .ok_or_else(|| Fault::row(table))
}

/// Where the keys of a user's own rows begin.
pub(crate) fn of_user(id: &UserId) -> Vec<u8> {
    let mut key = Vec::with_capacity(id.as_str().len() + 34);
    key.extend(id.as_str().as_bytes());
    key.push(0);
    key
}

/// Where the keys of a user's own rows end: before this.
pub(crate) fn after_user(id: &UserId) -> Vec<u8> {
    let mut key = of_user(id);
    key.pop();
    key.push(1);
    key
}

/// The key of `revoked`.
pub(crate) fn token_key(id: &UserId, name: TokenName) -> Vec<u8> {
    let mut key = of_user(id);
    put_name(&mut key, name);
    key
}

/// The key of `replays`.
pub(crate) fn replay_key(id: &UserId, key: Digest) -> Vec<u8> {
    let mut row = of_user(id);
    row.extend(key.as_bytes());
    row
}

/// A digest that a key of `table` is, or ends with.
pub(crate) fn digest(bytes: &[u8], table: &str) -> Result<Digest> {
    bytes
        .try_into()
        .map(Digest::from_bytes)
        .map_err(|_| Fault::row(table))
}

/// A row that a purge may delete one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mortal {
    Token(UserId, TokenName),
    Replay(UserId, Digest),
    Tombstone(Digest),
}

impl Mortal {
    /// The key of `deaths`.
    pub(crate) fn death(&self, at: Timestamp) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        put_moment(&mut key, at);
        match self {
            Self::Token(id, name) => {
                key.push(1);
                key.extend(token_key(id, *name));
            }
            Self::Replay(id, digest) => {
                key.push(2);
                key.extend(replay_key(id, *digest));
            }
            Self::Tombstone(digest) => {
                key.push(3);
                key.extend(digest.as_bytes());
            }
        }
        key
    }

    /// The row, from the key of `deaths`.
    pub(crate) fn of_death(key: &[u8]) -> Result<Self> {
        Self::parse_death(key).ok_or_else(|| Fault::row("deaths"))
    }

    fn parse_death(key: &[u8]) -> Option<Self> {
        let mut reader = Reader(key);
        reader.moment()?;
        let row = match reader.byte()? {
            1 => {
                let id = reader.owner()?;
                Self::Token(id, reader.name()?)
            }
            2 => {
                let id = reader.owner()?;
                Self::Replay(id, Digest::from_bytes(reader.array()?))
            }
            3 => Self::Tombstone(Digest::from_bytes(reader.array()?)),
            _ => return None,
        };
        reader.0.is_empty().then_some(row)
    }
}

/// Where the deaths after this moment begin.
pub(crate) fn deaths_after(moment: Timestamp) -> Vec<u8> {
    let mut key = Vec::new();
    put_moment(&mut key, moment);
    // Past every kind of row.
    key.push(u8::MAX);
    key
}
