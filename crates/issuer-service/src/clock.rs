//! Where the time comes from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use issuer::Timestamp;
use time::OffsetDateTime;

/// What the time is. [`SystemClock`] unless a host or a test says otherwise.
pub trait Clock: Send + Sync {
    /// The time now, UTC. It may go back: no rule relies on its going forward.
    fn now(&self) -> OffsetDateTime;

    /// The same in whole seconds, cut off; outside the years 0000 to 9999 it stands at their ends. Every check asks for
    /// it, so that a clock which counts seconds does well to give them without the way through a calendar.
    fn timestamp(&self) -> Timestamp {
        seconds(self.now())
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn timestamp(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let counted = since.and_then(|since| Timestamp::from_unix(i64::try_from(since.as_secs()).ok()?));
        counted.unwrap_or_else(|| seconds(self.now()))
    }
}

/// A clock that stands still until it is told otherwise, for tests. Clones show the same time.
///
/// ```
/// use issuer::{Lifetime, Timestamp};
/// use issuer_service::{Clock, ManualClock};
///
/// let clock = ManualClock::at(Timestamp::parse_rfc3339("2025-06-23T12:00:00Z")?);
/// clock.advance(Lifetime::from_days(7)?.as_seconds());
/// assert_eq!(clock.now().unix_timestamp(), 1_751_284_800);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_unix())))
    }

    /// Moves the clock by `seconds`; a negative number moves it back. It stays within the range of [`Timestamp`].
    pub fn advance(&self, seconds: i64) {
        let moved = |from| {
            let from = Timestamp::from_unix(from)?;
            Some(from.saturating_add_seconds(seconds).as_unix())
        };
        // It always shows a moment of the range, so that it always moves.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// What the clock shows.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        self.timestamp().into()
    }

    fn timestamp(&self) -> Timestamp {
        self.timestamp()
    }
}

/// The time of a clock in whole seconds, cut off; outside the years 0000 to 9999 it stands at their ends.
pub(crate) fn seconds(now: OffsetDateTime) -> Timestamp {
    Timestamp::try_from(now).unwrap_or(if now.unix_timestamp() < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
