//! Users and rows, a page at a time.

use issuer::{
    state::{Replay, TokenRecord, Tombstone, UserRecord, Versioned},
    user::UserId,
};

/// Which users to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Only users whose ids sort after this one; the user itself need not exist.
    pub after: Option<&'a UserId>,
    /// How many of those to pass over. Costs time in proportion.
    pub skip: usize,
    /// How many to return at most.
    pub limit: usize,
    /// Whether to count all users of the store.
    pub count_all: bool,
}

/// Users in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPage {
    /// At most as many as were asked for.
    pub users: Vec<UserEntry>,
    /// How many users the store has, where that was asked for.
    pub total: Option<u64>,
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntry {
    /// The record.
    pub user: UserRecord,
    /// The user's tokens that are not revoked.
    pub tokens: Vec<TokenRecord>,
}

/// Rows of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// At most as many as were asked for.
    pub rows: Vec<ExportRow>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<Cursor>,
}

/// One row of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportRow {
    /// A user.
    User(Versioned<UserRecord>),
    /// A token, revoked or not, of this user.
    Token(UserId, TokenRecord),
    /// An idempotency record of this user.
    Replay(UserId, Replay),
    /// A tombstone.
    Tombstone(Tombstone),
}

/// A place in an export: bytes that mean something only to the store that made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// The cursor of these bytes.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
