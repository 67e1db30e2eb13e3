//! Why a request is not carried out.

use std::fmt;

use super::Dead;
use crate::{Timestamp, user::UserId};

/// Why a request is not carried out. Displays as the message of the HTTP contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The user holds as many live tokens as the policy allows.
    UserExists {
        /// Who.
        user: UserId,
        /// From when on there is room for another token, if none is revoked before.
        room_at: Timestamp,
    },
    /// The idempotency key came with another request before.
    IdempotencyKeyReused,
    /// The token that the idempotency key was answered with is dead.
    IdempotentTokenDead,
    /// There is no such user.
    ClientNotFound {
        /// Who.
        user: UserId,
    },
    /// The user has no such live token.
    TokenNotFound,
    /// The token does not authenticate anybody.
    InvalidToken(Dead),
    /// The token would expire after the year 9999: the clock is wrong.
    ClockOutOfRange,
}

/// What kind of no a [`Refusal`] is, for whoever answers in another vocabulary, such as that of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalClass {
    /// It contradicts what is there.
    Conflict,
    /// It names what is not there.
    NotFound,
    /// Whoever asks is not who it says.
    Unauthorized,
    /// The server itself is not fit to answer: nothing that the caller could change.
    Fault,
}

impl Refusal {
    /// What kind of no it is.
    pub const fn class(&self) -> RefusalClass {
        match self {
            Self::UserExists { .. } | Self::IdempotencyKeyReused | Self::IdempotentTokenDead => {
                RefusalClass::Conflict
            }
            Self::ClientNotFound { .. } | Self::TokenNotFound => RefusalClass::NotFound,
            Self::InvalidToken(_) => RefusalClass::Unauthorized,
            Self::ClockOutOfRange => RefusalClass::Fault,
        }
    }

    /// The code of the HTTP contract: `USER_EXISTS` and the like.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UserExists { .. } => "USER_EXISTS",
            Self::IdempotencyKeyReused | Self::IdempotentTokenDead => "IDEMPOTENCY_CONFLICT",
            Self::ClientNotFound { .. } => "CLIENT_NOT_FOUND",
            Self::TokenNotFound => "TOKEN_NOT_FOUND",
            Self::InvalidToken(_) => "INVALID_TOKEN",
            Self::ClockOutOfRange => "INTERNAL_ERROR",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserExists { user, .. } => write!(f, "User with _id '{user}' already exists"),
            Self::IdempotencyKeyReused => f.write_str("Idempotency-Key was used with a different request"),
            Self::IdempotentTokenDead => {
                f.write_str("The token issued for this Idempotency-Key is no longer valid; use a new key")
            }
            Self::ClientNotFound { user } => write!(f, "Client with id '{user}' not found"),
            Self::TokenNotFound => f.write_str("Specified token not found for this client"),
            Self::InvalidToken(_) => f.write_str("Invalid or expired token"),
            Self::ClockOutOfRange => f.write_str("The clock of the server is out of range"),
        }
    }
}

impl std::error::Error for Refusal {}
