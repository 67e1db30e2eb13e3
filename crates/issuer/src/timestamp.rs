//! Seconds since the Unix epoch, as every record and every claim holds them.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::Lifetime;

/// A moment in whole seconds since 1970-01-01T00:00:00Z: what a token's `iat` and `exp` carry
/// (RFC 7519 section 2, *NumericDate*) and what every record holds.
///
/// The range is that of RFC 3339 dates in UTC: the years 0000 to 9999.
///
/// ```
/// use issuer::Timestamp;
///
/// let noon = Timestamp::parse_rfc3339("2025-06-30T14:00:00.999+02:00")?;
/// assert_eq!(noon.to_string(), "2025-06-30T12:00:00Z");
/// # Ok::<(), issuer::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_167_219_200);
    /// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799);

    /// The moment `seconds` after the epoch, or `None` outside the years 0000 to 9999.
    pub const fn from_unix(seconds: i64) -> Option<Self> {
        if seconds < Self::MIN.0 || seconds > Self::MAX.0 {
            None
        } else {
            Some(Self(seconds))
        }
    }

    /// Reads an RFC 3339 date: `T` or `t`, `Z`, `z` or an offset. Fractions of a second are cut off.
    ///
    /// # Errors
    /// [`TimestampError`] on any other form, on a leap second and outside the UTC years 0000 to 9999.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        let bytes = text.as_bytes();
        // RFC 3339 section 5.6 lets applications put other characters between date and time; we do not.
        if !matches!(bytes.get(10), Some(b'T' | b't')) || bytes.get(17..19) == Some(b"60") {
            return Err(TimestampError);
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError)?;
        Self::from_unix(moment.unix_timestamp()).ok_or(TimestampError)
    }

    /// Seconds since the epoch.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// This moment plus a lifetime, or `None` past the year 9999.
    #[must_use]
    pub const fn checked_add(self, lifetime: Lifetime) -> Option<Self> {
        self.checked_add_seconds(lifetime.as_seconds())
    }

    /// This moment plus `seconds`, which may be negative, or `None` outside the range.
    #[must_use]
    pub const fn checked_add_seconds(self, seconds: i64) -> Option<Self> {
        match self.0.checked_add(seconds) {
            Some(sum) => Self::from_unix(sum),
            None => None,
        }
    }

    /// This moment plus `seconds`, held at the ends of the range.
    #[must_use]
    pub const fn saturating_add_seconds(self, seconds: i64) -> Self {
        match self.checked_add_seconds(seconds) {
            Some(sum) => sum,
            None if seconds < 0 => Self::MIN,
            None => Self::MAX,
        }
    }

    /// Seconds from `earlier` to this moment; negative when `earlier` is the later one.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        // Both are within the range, so that the difference fits many times over.
        self.0 - earlier.0
    }
}

/// RFC 3339 in UTC, whole seconds, `Z`: `2025-06-30T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from(*self);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second()
        )
    }
}

impl From<Timestamp> for OffsetDateTime {
    #[allow(
        clippy::expect_used,
        reason = "the range of `Timestamp` is a part of that of `OffsetDateTime`"
    )]
    fn from(moment: Timestamp) -> Self {
        Self::from_unix_timestamp(moment.0).expect("the UTC years 0000 to 9999")
    }
}

/// Cuts fractions of a second off, towards the past.
impl TryFrom<OffsetDateTime> for Timestamp {
    type Error = TimestampError;

    fn try_from(moment: OffsetDateTime) -> Result<Self, TimestampError> {
        Self::from_unix(moment.unix_timestamp()).ok_or(TimestampError)
    }
}

/// A date that is not RFC 3339, or lies outside the UTC years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimestampError;

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be an RFC 3339 date in the years 0000 to 9999")
    }
}

impl std::error::Error for TimestampError {}
