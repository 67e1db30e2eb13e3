//! What a verifier expects of a token's claims.

use std::fmt;

use super::{VerifyError, claims_set::ClaimsSet};
use crate::Timestamp;

/// What the claims of a token must say.
///
/// [`Expected::new`] is strict: no `iss`, no `aud`, no leeway. A server that issues without an issuer so refuses a
/// token that was issued when it had one. Hosts that verify tokens of others say [`any_issuer`](Self::any_issuer)
/// or [`any_audience`](Self::any_audience), in so many words.
///
/// ```
/// use issuer::jose::Expected;
///
/// let expected = Expected::new().issuer("https://chat.example.com").audience("chat").leeway(30)?;
/// # Ok::<(), issuer::jose::LeewayError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    issuer: Rule,
    audience: Rule,
    leeway_seconds: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Rule {
    #[default]
    Absent,
    Is(Box<str>),
    Any,
}

impl Expected {
    /// The largest leeway: five minutes. Clocks that differ by more are broken, and tokens that live on for longer
    /// than that are not expired.
    pub const MAX_LEEWAY_SECONDS: u32 = 300;

    /// Neither `iss` nor `aud` may be there, and no leeway.
    pub fn new() -> Self {
        Self::default()
    }

    /// `iss` must be there and equal this, byte for byte (RFC 7519 section 4.1.1).
    #[must_use]
    pub fn issuer(self, issuer: &str) -> Self {
        Self {
            issuer: Rule::Is(issuer.into()),
            ..self
        }
    }

    /// `iss` may be absent or any string.
    #[must_use]
    pub fn any_issuer(self) -> Self {
        Self {
            issuer: Rule::Any,
            ..self
        }
    }

    /// `aud` must be this, or an array that holds this, byte for byte (RFC 7519 section 4.1.3).
    #[must_use]
    pub fn audience(self, audience: &str) -> Self {
        Self {
            audience: Rule::Is(audience.into()),
            ..self
        }
    }

    /// `aud` may be absent, any string, or any array of strings. RFC 7519 section 4.1.3 has a verifier refuse a
    /// token that is not meant for it: whoever says this must see to that otherwise.
    #[must_use]
    pub fn any_audience(self) -> Self {
        Self {
            audience: Rule::Any,
            ..self
        }
    }

    /// For how many seconds after `exp`, and before `nbf`, a token is still accepted, or already.
    ///
    /// # Errors
    /// [`LeewayError`] over 300 seconds.
    pub fn leeway(self, seconds: u32) -> Result<Self, LeewayError> {
        if seconds > Self::MAX_LEEWAY_SECONDS {
            return Err(LeewayError);
        }
        Ok(Self {
            leeway_seconds: seconds.into(),
            ..self
        })
    }

    /// Expiry comes last, so that "expired" means that nothing else was wrong.
    pub(super) fn check(&self, claims: &ClaimsSet<'_>, now: Timestamp) -> Result<(), VerifyError> {
        if !self.issuer.allows(claims.issuer.is_some(), |wanted| {
            claims.issuer.as_deref() == Some(wanted)
        }) {
            return Err(VerifyError::Issuer);
        }
        let audience = claims.audience.as_ref();
        if !self.audience.allows(audience.is_some(), |wanted| {
            audience.is_some_and(|all| all.iter().any(|one| one == wanted))
        }) {
            return Err(VerifyError::Audience);
        }
        // Differences of timestamps cannot overflow, so that no leeway wraps around.
        if claims
            .not_before
            .is_some_and(|nbf| now.seconds_since(nbf) < -self.leeway_seconds)
        {
            return Err(VerifyError::NotYetValid);
        }
        if now.seconds_since(claims.expires_at) >= self.leeway_seconds {
            return Err(VerifyError::Expired);
        }
        Ok(())
    }
}

impl Rule {
    fn allows(&self, present: bool, matches: impl FnOnce(&str) -> bool) -> bool {
        match self {
            Self::Absent => !present,
            Self::Is(wanted) => matches(wanted),
            Self::Any => true,
        }
    }
}

/// A leeway of more than [`Expected::MAX_LEEWAY_SECONDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeewayError;

impl fmt::Display for LeewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a leeway must be at most 300 seconds")
    }
}

impl std::error::Error for LeewayError {}
