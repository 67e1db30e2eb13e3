//! Latencies, and how long all but a few of them took.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Of three digits, which costs a few hundred kilobytes whatever the number of latencies.
const DIGITS: u8 = 3;

/// An hour: longer than anything here is waited for.
const MOST_NANOS: u64 = 3_600_000_000_000;

/// Any number of latencies, each to three digits.
pub(crate) struct Tail(Histogram<u64>);

pub(crate) const P50: &str = "p50";
pub(crate) const P999: &str = "p99.9";

/// The names of all, in ascending order.
pub(crate) const PERCENTILES: [&str; 5] = [P50, "p90", "p99", P999, "max"];

/// Latencies in seconds that so many of a hundred stayed within.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Tail {
    pub(crate) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, MOST_NANOS, DIGITS).expect("constants in range"))
    }

    pub(crate) fn note(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(MOST_NANOS);
        self.0.saturating_record(nanos.max(1));
    }

    /// `None` where nothing was noted.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let at = |quantile| Duration::from_nanos(self.0.value_at_quantile(quantile)).as_secs_f64();
        (!self.0.is_empty()).then(|| Percentiles {
            count: self.0.len(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: at(1.0),
        })
    }
}

impl Percentiles {
    /// By the name of each, in ascending order.
    pub(crate) const fn named(&self) -> [(&'static str, f64); 5] {
        [
            (P50, self.p50),
            ("p90", self.p90),
            ("p99", self.p99),
            (P999, self.p999),
            ("max", self.max),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 0.002
    }

    #[test]
    fn the_percentiles_of_one_to_ten_thousand_are_known() {
        let mut tail = Tail::new();
        for micros in (1..=10_000).rev() {
            tail.note(Duration::from_micros(micros));
        }
        let found = tail.percentiles().unwrap();
        assert_eq!(found.count, 10_000);
        let expected = [0.005, 0.009, 0.0099, 0.009_99, 0.01];
        for ((name, found), expected) in found.named().into_iter().zip(expected) {
            assert!(is_about(found, expected), "{name}: {found}, not {expected}");
        }
    }

    #[test]
    fn one_slow_call_of_a_thousand_is_the_maximum_and_no_percentile() {
        let mut tail = Tail::new();
        for _ in 0..999 {
            tail.note(Duration::from_millis(1));
        }
        tail.note(Duration::from_secs(2));
        let found = tail.percentiles().unwrap();
        assert!(is_about(found.p999, 0.001), "{found:?}");
        assert!(is_about(found.max, 2.0), "{found:?}");
    }

    #[test]
    fn two_slow_calls_of_a_thousand_are_the_last_thousandth() {
        let mut tail = Tail::new();
        for _ in 0..998 {
            tail.note(Duration::from_millis(1));
        }
        tail.note(Duration::from_secs(2));
        tail.note(Duration::from_secs(2));
        let found = tail.percentiles().unwrap();
        assert!(is_about(found.p99, 0.001), "{found:?}");
        assert!(is_about(found.p999, 2.0), "{found:?}");
    }

    #[test]
    fn of_nothing_there_are_no_percentiles() {
        assert!(Tail::new().percentiles().is_none());
    }

    #[test]
    fn what_takes_longer_than_an_hour_is_not_lost() {
        let mut tail = Tail::new();
        tail.note(Duration::from_hours(2));
        assert!(tail.percentiles().unwrap().max > 3_000.0);
    }
}
