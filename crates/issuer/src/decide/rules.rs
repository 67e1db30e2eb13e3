//! The settings that every rule reads.

use std::{fmt, sync::Arc};

use super::{MaxLiveTokens, Policy};
use crate::{KeyFingerprint, Lifetime};

/// The rules in force: what is allowed, and which tokens count.
///
/// ```
/// use issuer::{KeyFingerprint, Lifetime, decide::{Policy, Rules}};
///
/// let key = KeyFingerprint::from_bytes([7; 16]);
/// let rules = Rules::new(key).with_lifetime(Lifetime::from_days(1)?).with_policy(Policy::Upsert);
/// # Ok::<(), issuer::LifetimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(super) lifetime: Lifetime,
    pub(super) policy: Policy,
    pub(super) max_live_tokens: MaxLiveTokens,
    pub(super) refresh_window_seconds: i64,
    pub(super) issuer: Option<Arc<str>>,
    pub(super) audience: Option<Arc<str>>,
    pub(super) signing_key: KeyFingerprint,
    pub(super) other_keys: Vec<KeyFingerprint>,
}

impl Rules {
    /// The defaults: tokens of seven days, one live token a user, a second one a conflict, no `iss`, no
    /// `aud`; signed with `signing_key`, and no other key is good.
    pub fn new(signing_key: KeyFingerprint) -> Self {
        Self {
            lifetime: Lifetime::default(),
            policy: Policy::default(),
            max_live_tokens: MaxLiveTokens::default(),
            refresh_window_seconds: 0,
            issuer: None,
            audience: None,
            signing_key,
            other_keys: Vec::new(),
        }
    }

    /// How long a token lives.
    #[must_use]
    pub fn with_lifetime(self, lifetime: Lifetime) -> Self {
        Self { lifetime, ..self }
    }

    /// What one token more does.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// How many live tokens a user may hold.
    #[must_use]
    pub fn with_max_live_tokens(self, max_live_tokens: MaxLiveTokens) -> Self {
        Self {
            max_live_tokens,
            ..self
        }
    }

    /// Refresh ahead: a token with less than this many seconds left stands in the way of no new one, and
    /// is revoked in the commit that issues it. 0 by default.
    #[must_use]
    pub fn with_refresh_window(self, seconds: u32) -> Self {
        Self {
            refresh_window_seconds: i64::from(seconds),
            ..self
        }
    }

    /// The `iss` claim (RFC 7519 section 4.1.1). A token with another one, or with none, is dead.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        Self {
            issuer: Some(issuer.into()),
            ..self
        }
    }

    /// The `aud` claim (RFC 7519 section 4.1.3). A token with another one, or with none, is dead.
    #[must_use]
    pub fn with_audience(self, audience: impl Into<Arc<str>>) -> Self {
        Self {
            audience: Some(audience.into()),
            ..self
        }
    }

    /// Another key whose tokens still count.
    #[must_use]
    pub fn with_other_key(mut self, key: KeyFingerprint) -> Self {
        self.other_keys.push(key);
        self
    }

    /// Checks what no single setting can: the refresh window must be shorter than the lifetime.
    ///
    /// # Errors
    /// [`RulesError`] where it is not.
    pub fn check(&self) -> Result<(), RulesError> {
        if self.refresh_window_seconds < self.lifetime.as_seconds() {
            Ok(())
        } else {
            Err(RulesError)
        }
    }

    /// What one token more does.
    pub const fn policy(&self) -> Policy {
        self.policy
    }

    /// The `iss` of every token.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The `aud` of every token.
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    pub(super) fn knows_key(&self, key: KeyFingerprint) -> bool {
        key == self.signing_key || self.other_keys.contains(&key)
    }
}

/// A refresh window that is not shorter than the lifetime: every token would be born expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RulesError;

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the refresh window must be shorter than the lifetime")
    }
}

impl std::error::Error for RulesError {}
