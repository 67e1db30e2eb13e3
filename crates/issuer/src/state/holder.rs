//! Who holds the digest of an assigned token.

use crate::{Digest, Timestamp, user::UserId};

/// What makes a digest taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A token that is not revoked.
    Token {
        /// Whose token it is.
        user: UserId,
        /// The token's date.
        expires_at: Timestamp,
    },
    /// A token that was revoked or replaced, or whose user was deleted.
    Tombstone {
        /// Until when nobody may assign that token.
        until: Timestamp,
    },
}

/// What keeps an assigned token dead, whoever's it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The SHA-256 of the token.
    pub digest: Digest,
    /// From when on the token may be assigned again: the date it was assigned with.
    pub until: Timestamp,
}
