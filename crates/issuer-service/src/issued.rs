//! What a host gets for an issue request.

use std::fmt;

use issuer::{Timestamp, jose::Token, state::UserRecord};

/// A token, its expiry and its user.
pub struct Issued {
    pub(crate) token: Token,
    pub(crate) expires_at: Timestamp,
    pub(crate) user: UserRecord,
}

impl Issued {
    /// The signed token: a secret, to be handed to the user's client and to nobody else.
    pub fn token(&self) -> &str {
        self.token.as_str()
    }

    /// The first second in which the token is dead: its `exp`.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The user as of now.
    pub const fn user(&self) -> &UserRecord {
        &self.user
    }
}

/// Without the token.
impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("user", &self.user.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
