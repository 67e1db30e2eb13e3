//! Whether a token is live: the one function that every decision asks.

use std::fmt;

use super::Rules;
use crate::{
    Timestamp,
    state::{TokenBody, TokenRecord},
};

/// Why a token is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dead {
    /// It is not one of ours: its text, its signature or its claims do not hold.
    Unverified,
    /// No store has a record of it: it was purged, or its user was deleted, or it was never issued.
    Unknown,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
    /// Its signing key is no longer in use.
    KeyGone,
    /// Its `iss` is not what the settings say now.
    Issuer,
    /// Its `aud` is not what the settings say now.
    Audience,
}

/// Whether a token is live at `now`: not revoked, `now < exp`, and the settings and keys of now would accept
/// it. No leeway.
///
/// # Errors
/// [`Dead`]: why it is not.
pub fn check(token: &TokenRecord, rules: &Rules, now: Timestamp) -> Result<(), Dead> {
    if token.revoked_at.is_some() {
        return Err(Dead::Revoked);
    }
    if now >= token.expires_at {
        return Err(Dead::Expired);
    }
    if let TokenBody::Issued(issued) = &token.body {
        if !rules.knows_key(issued.key) {
            return Err(Dead::KeyGone);
        }
        if issued.issuer != rules.issuer {
            return Err(Dead::Issuer);
        }
        if issued.audience != rules.audience {
            return Err(Dead::Audience);
        }
    }
    Ok(())
}

pub(super) fn is_live(token: &TokenRecord, rules: &Rules, now: Timestamp) -> bool {
    check(token, rules, now).is_ok()
}

impl std::error::Error for Dead {}

impl fmt::Display for Dead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unverified => "not a valid token of this server",
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::KeyGone => "signed with a key that is no longer in use",
            Self::Issuer => "issued under another issuer",
            Self::Audience => "issued for another audience",
        })
    }
}
