//! What is stored of a token: never its text.

use std::sync::Arc;

use crate::{Digest, KeyFingerprint, Timestamp, TokenId};

/// A token of a user, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// What tells this token from any other.
    pub body: TokenBody,
    /// When it was issued (its `iat`) or assigned.
    pub created_at: Timestamp,
    /// The first second in which it is dead: its `exp`, and the `expirationDate` of the answer.
    pub expires_at: Timestamp,
    /// Since when it is revoked. Once set, the token never lives again, whatever the clock says later.
    pub revoked_at: Option<Timestamp>,
}

/// What a token is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenBody {
    /// Signed here: everything that its text is made of, but for the subject and the times.
    Issued(IssuedToken),
    /// Brought by the host: only the digest of its text is known.
    Assigned(Digest),
}

/// What is known of a token that was signed here: with it the very same text can be signed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedToken {
    /// Its `jti`.
    pub id: TokenId,
    /// The key that signed it.
    pub key: KeyFingerprint,
    /// Its `iss`.
    pub issuer: Option<Arc<str>>,
    /// Its `aud`.
    pub audience: Option<Arc<str>>,
}

/// The name of a token among those of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenName {
    /// Signed here: its `jti`.
    Issued(TokenId),
    /// Brought by the host: the SHA-256 of its text, unique among all users.
    Assigned(Digest),
}

impl TokenRecord {
    /// The token's name.
    pub const fn name(&self) -> TokenName {
        match &self.body {
            TokenBody::Issued(token) => TokenName::Issued(token.id),
            TokenBody::Assigned(digest) => TokenName::Assigned(*digest),
        }
    }

    /// What was signed here, or `None` of an assigned token.
    pub const fn issued(&self) -> Option<&IssuedToken> {
        match &self.body {
            TokenBody::Issued(token) => Some(token),
            TokenBody::Assigned(_) => None,
        }
    }

    /// From when on the record only says that the token is dead, so that it may be purged.
    pub fn dead_at(&self) -> Timestamp {
        self.revoked_at
            .map_or(self.expires_at, |revoked| revoked.min(self.expires_at))
    }
}
