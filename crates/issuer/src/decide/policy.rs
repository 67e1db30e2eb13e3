//! What one token more does.

use std::fmt;

/// What becomes of an issue request of a user who holds as many live tokens as are allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// It is a conflict: [`Refusal::UserExists`](super::Refusal::UserExists).
    #[default]
    ConflictWhileLive,
    /// The oldest tokens are revoked in the same commit.
    Upsert,
}

/// How many live tokens a user may hold: 1 to 100, 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxLiveTokens(u8);

impl MaxLiveTokens {
    /// The limit of this many tokens, or `None` outside 1 to 100.
    pub const fn new(limit: u8) -> Option<Self> {
        if limit == 0 || limit > 100 {
            None
        } else {
            Some(Self(limit))
        }
    }

    /// The limit as a number.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

impl Default for MaxLiveTokens {
    fn default() -> Self {
        Self(1)
    }
}

impl fmt::Display for MaxLiveTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
