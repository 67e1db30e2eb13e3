//! How long a token lives.

use std::fmt;

/// How long a token lives from its `iat` to its `exp`: 1 second to 3,653 days (ten years), whole seconds.
///
/// ```
/// use issuer::Lifetime;
///
/// assert_eq!(Lifetime::from_days(7)?, Lifetime::default());
/// assert!(Lifetime::from_seconds(0).is_err());
/// # Ok::<(), issuer::LifetimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lifetime(i64);

const DAY_SECONDS: i64 = 86_400;

impl Lifetime {
    /// One second.
    pub const MIN: Self = Self(1);
    /// 3,653 days: ten years with their leap days.
    pub const MAX: Self = Self(3_653 * DAY_SECONDS);

    /// # Errors
    /// [`LifetimeError`] outside 1 to 315,619,200 seconds.
    pub const fn from_seconds(seconds: i64) -> Result<Self, LifetimeError> {
        if seconds < Self::MIN.0 || seconds > Self::MAX.0 {
            Err(LifetimeError)
        } else {
            Ok(Self(seconds))
        }
    }

    /// # Errors
    /// [`LifetimeError`] outside 1 to 3,653 days.
    pub const fn from_days(days: i64) -> Result<Self, LifetimeError> {
        match days.checked_mul(DAY_SECONDS) {
            Some(seconds) => Self::from_seconds(seconds),
            None => Err(LifetimeError),
        }
    }

    /// The length in seconds.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }
}

/// Seven days.
impl Default for Lifetime {
    fn default() -> Self {
        Self(7 * DAY_SECONDS)
    }
}

/// A lifetime outside 1 second to 3,653 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifetimeError;

impl fmt::Display for LifetimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a lifetime must be 1 second to 3653 days")
    }
}

impl std::error::Error for LifetimeError {}
