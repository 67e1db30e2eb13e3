//! A failure that lasts, in the log: its beginning, a line now and then, its end.

use std::time::{Duration, Instant};

use crate::Error;

/// The pause between the first two lines about a failure that lasts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause between two lines.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What goes wrong in the background, where no caller is told.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: &'static str,
    failures: u32,
    lines: u32,
    last_line: Option<Instant>,
}

impl Trouble {
    pub(crate) const fn new(what: &'static str) -> Self {
        Self {
            what,
            failures: 0,
            lines: 0,
            last_line: None,
        }
    }

    /// Notes how an attempt ended, and logs what is worth a line.
    pub(crate) fn note<T>(&mut self, attempt: &Result<T, Error>) {
        match attempt {
            Ok(_) if self.failures > 0 => {
                tracing::info!(failures = self.failures, "works again: {}", self.what);
                *self = Self::new(self.what);
            }
            Ok(_) => {}
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                let pause = doubled(FIRST_PAUSE, self.lines.saturating_sub(1), LONGEST_PAUSE);
                if self.last_line.is_none_or(|last| last.elapsed() >= pause) {
                    self.lines = self.lines.saturating_add(1);
                    self.last_line = Some(Instant::now());
                    tracing::warn!(failures = self.failures, %error, "{}", self.what);
                }
            }
        }
    }

    /// How long to wait before the next attempt: `first` after one failure, then twice as long each time.
    pub(crate) fn pause(&self, first: Duration, longest: Duration) -> Duration {
        doubled(first, self.failures.saturating_sub(1), longest)
    }
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut trouble = Trouble::new("it cannot be done");
        let second = Duration::from_secs(1);
        let pauses = (0..6).map(|_| {
            trouble.failures += 1;
            trouble.pause(second, second * 10).as_secs()
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 8, 10, 10]);
        trouble.failures = u32::MAX;
        assert_eq!(trouble.pause(second, second * 10), second * 10);
    }
}
