//! What a store is asked for.

use issuer::{Digest, TokenId, user::UserId};

/// A user to load, and what to answer beside.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Who.
    pub user: &'a UserId,
    /// Idempotency keys, of this user alone.
    pub replays: &'a [Digest],
    /// Digests of assigned tokens, whoever holds them.
    pub digests: &'a [Digest],
}

impl<'a> Lookup<'a> {
    /// The user alone.
    pub const fn user(user: &'a UserId) -> Self {
        Self {
            user,
            replays: &[],
            digests: &[],
        }
    }
}

/// A token to find.
#[derive(Clone, Copy, Debug)]
pub enum TokenRef<'a> {
    /// One that was signed here.
    Issued {
        /// Whose it is: its `sub`.
        user: &'a UserId,
        /// Its `jti`.
        id: TokenId,
    },
    /// One that the host brought: the SHA-256 of its text.
    Assigned(Digest),
}
