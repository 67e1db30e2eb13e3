//! Failures in the background, in the log: the first one, a line now and then while it lasts, and the end.

use std::{
    error::Error as _,
    iter,
    time::{Duration, Instant},
};

use crate::Error;

/// The pause between the first two lines about failures; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause between two lines.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// After working for so long a failure is a new one, and has its line at once. What fails now and then within this time
/// does not fill the log.
const CALM: Duration = Duration::from_mins(1);

/// Work in the background that may fail, where no caller is told.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The messages in the log: for a failure, and for the end of the failures.
    fails: &'static str,
    works: &'static str,
    /// Failures in a row.
    failures: u32,
    /// Failures since the last line about one.
    unsaid: u32,
    last_line: Option<Instant>,
    next_pause: Duration,
    /// The log says that it fails.
    is_said: bool,
    works_since: Option<Instant>,
}

/// An event that gets a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// So many failures since the last line.
    Fails(u32),
    WorksAgain,
}

impl Trouble {
    pub(crate) const fn new(fails: &'static str, works: &'static str) -> Self {
        Self {
            fails,
            works,
            failures: 0,
            unsaid: 0,
            last_line: None,
            next_pause: FIRST_PAUSE,
            is_said: false,
            works_since: None,
        }
    }

    /// Notes how an attempt ended, and logs what is worth a line.
    pub(crate) fn note<T>(&mut self, attempt: &Result<T, Error>) {
        let error = attempt.as_ref().err();
        match (self.line(error.is_some(), Instant::now()), error) {
            (Some(Line::Fails(failures)), Some(error)) => {
                let cause = cause(error);
                tracing::warn!(failures, %error, cause, "{}", self.fails);
            }
            (Some(_), _) => tracing::info!("{}", self.works),
            (None, _) => {}
        }
    }

    fn line(&mut self, is_failure: bool, now: Instant) -> Option<Line> {
        if !is_failure {
            self.failures = 0;
            self.works_since.get_or_insert(now);
            return std::mem::take(&mut self.is_said).then_some(Line::WorksAgain);
        }
        self.failures = self.failures.saturating_add(1);
        self.unsaid = self.unsaid.saturating_add(1);
        let worked_for = self.works_since.take().map(|since| now.duration_since(since));
        if worked_for.is_some_and(|time| time >= CALM) {
            (self.last_line, self.next_pause) = (None, FIRST_PAUSE);
        }
        if let Some(last) = self.last_line {
            if now.duration_since(last) < self.next_pause {
                return None;
            }
            self.next_pause = self.next_pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
        self.last_line = Some(now);
        self.is_said = true;
        Some(Line::Fails(std::mem::take(&mut self.unsaid)))
    }

    /// The pause before the next attempt: `first` after one failure, then twice as long each time.
    pub(crate) fn pause(&self, first: Duration, longest: Duration) -> Duration {
        let times = 2_u32.saturating_pow(self.failures.saturating_sub(1));
        first.saturating_mul(times).min(longest)
    }
}

/// The causes below the error, if there are any.
fn cause(error: &Error) -> Option<String> {
    let causes: Vec<String> = iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .collect();
    (!causes.is_empty()).then(|| causes.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble() -> Trouble {
        Trouble::new("it cannot be done", "it can be done again")
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut trouble = trouble();
        let second = Duration::from_secs(1);
        let pauses = (0..6).map(|_| {
            trouble.failures += 1;
            trouble.pause(second, second * 10).as_secs()
        });
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 8, 10, 10]);
        trouble.failures = u32::MAX;
        assert_eq!(trouble.pause(second, second * 10), second * 10);
    }

    /// The lines of attempts twice a second: when, in seconds, and which.
    fn lines(trouble: &mut Trouble, fails: impl Fn(u32) -> bool, seconds: u32) -> Vec<(u32, Line)> {
        let start = Instant::now();
        (0..2 * seconds)
            .filter_map(|at| {
                let line = trouble.line(fails(at), start + Duration::from_millis(500) * at);
                line.map(|line| (at / 2, line))
            })
            .collect()
    }

    #[test]
    fn a_failure_that_lasts_has_lines_with_growing_pauses_and_one_at_its_end() {
        let hour = lines(&mut trouble(), |at| at < 2 * 3_600, 3_700);
        let (when, what): (Vec<_>, Vec<_>) = hour.iter().copied().unzip();
        assert_eq!(
            when,
            [0, 10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430, 3_030, 3_600]
        );
        assert_eq!(
            (what.first(), what.get(1), what.last()),
            (
                Some(&Line::Fails(1)),
                Some(&Line::Fails(20)),
                Some(&Line::WorksAgain)
            )
        );
    }

    #[test]
    fn what_fails_every_other_time_does_not_fill_the_log() {
        let hour = lines(&mut trouble(), |at| at % 2 == 0, 3_600);
        assert_eq!(hour.len(), 2 * 11, "{hour:?}");
    }

    #[test]
    fn a_failure_after_a_calm_time_has_its_line_at_once() {
        let fails = |at| at < 200 || at == 2 * 300;
        let all = lines(&mut trouble(), fails, 400);
        let last = all.len() - 2;
        assert!(matches!(all.get(last), Some((300, Line::Fails(_)))), "{all:?}");
        assert_eq!(all.last(), Some(&(300, Line::WorksAgain)));
    }
}
