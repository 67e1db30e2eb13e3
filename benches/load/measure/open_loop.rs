//! Requests that arrive when they are due, whether or not the ones before them were answered.
//!
//! A caller that waits for its answer before it asks again asks less the slower the answers come, and leaves out the very
//! moments that hurt ("coordinated omission"). Here arrivals follow a plan, and a latency begins when its request was due.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};
use tokio::{runtime::Handle, sync::mpsc};

use super::{Percentiles, Tail};
use crate::Result;

/// An arrival that is handed over later than this is late: a timer of Linux is exact to a tenth of it.
const LATE_AFTER: Duration = Duration::from_millis(2);

/// With more of a hundred arrivals late, what was offered is not what the plan says.
const MOST_LATE_PERCENT: f64 = 1.0;

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plan of arrivals.
#[derive(Clone, Copy)]
pub(crate) struct OpenLoop {
    /// Arrivals a second, on average.
    pub(crate) rate: f64,
    pub(crate) window: Duration,
    /// The same for the same plan.
    pub(crate) seed: u64,
}

/// What became of the arrivals.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// From when each was due to its answer.
    pub(crate) latency: Percentiles,
    /// From when each was due to when it was handed over: what the generator itself adds.
    pub(crate) pace: Pace,
    /// Requests that got an error instead of an answer: their latencies are not counted.
    pub(crate) failed: u64,
}

/// How well the generator kept to its plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pace {
    pub(crate) arrivals: u64,
    pub(crate) late: u64,
}

impl OpenLoop {
    /// When each request is due, from the start: independent of each other, as those of many users are.
    fn arrivals(self) -> impl Iterator<Item = Duration> {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut due = 0.0;
        std::iter::from_fn(move || {
            let uniform: f64 = random.random();
            // The gaps of a Poisson process; 1 - uniform is never 0.
            due -= (1.0 - uniform).ln() / self.rate;
            Some(Duration::from_secs_f64(due))
        })
        .take_while(move |due| *due < self.window)
    }

    /// Asks by the plan. `ask` gets the number of its arrival and must not block.
    pub(crate) fn run<A>(self, runtime: &Handle, mut ask: impl FnMut(u64) -> A) -> Result<Outcome>
    where
        A: Future<Output = Result<()>> + Send + 'static,
    {
        let tail = Arc::new(Mutex::new(Tail::new()));
        // Each task holds a sender until it is done.
        let (sender, mut failures) = mpsc::unbounded_channel::<()>();
        let mut pace = Pace::default();
        let start = Instant::now();
        for due in self.arrivals() {
            sleep_until(start + due);
            pace.note(start.elapsed().saturating_sub(due));
            let asked = ask(pace.arrivals);
            let (tail, sender) = (Arc::clone(&tail), sender.clone());
            runtime.spawn(async move {
                match asked.await {
                    Ok(()) => {
                        let latency = start.elapsed().saturating_sub(due);
                        tail.lock().unwrap_or_else(PoisonError::into_inner).note(latency);
                    }
                    // The other end is there until all are done, or given up.
                    Err(_) => drop(sender.send(())),
                }
            });
        }
        drop(sender);
        let failed = runtime.block_on(async {
            let mut failed = 0;
            let all = async {
                while failures.recv().await.is_some() {
                    failed += 1;
                }
            };
            let finished = tokio::time::timeout(PATIENCE, all).await;
            finished.map(|()| failed)
        });
        let failed = failed
            .map_err(|_| "requests were not answered: what was measured would leave out the slowest")?;
        let latency = tail.lock().unwrap_or_else(PoisonError::into_inner).percentiles();
        Ok(Outcome {
            latency: latency.ok_or("no request was answered")?,
            pace,
            failed,
        })
    }
}

impl Pace {
    fn note(&mut self, lag: Duration) {
        self.arrivals += 1;
        self.late += u64::from(lag > LATE_AFTER);
    }

    /// Whether the generator itself was too slow for its plan, so that the latencies say more of it than of what was
    /// asked.
    pub(crate) fn lags(self) -> bool {
        self.late_percent() > MOST_LATE_PERCENT
    }

    pub(crate) fn late_percent(self) -> f64 {
        self.late as f64 / self.arrivals.max(1) as f64 * 100.0
    }
}

fn sleep_until(moment: Instant) {
    let wait = moment.saturating_duration_since(Instant::now());
    if !wait.is_zero() {
        thread::sleep(wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rate: f64, millis: u64) -> OpenLoop {
        OpenLoop {
            rate,
            window: Duration::from_millis(millis),
            seed: 7,
        }
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn as_many_arrive_as_the_plan_says_and_not_in_step() {
        let due: Vec<_> = plan(1_000.0, 10_000).arrivals().collect();
        assert!((9_500..10_500).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted());
        let gaps = due
            .windows(2)
            .map(|pair| pair[1].saturating_sub(pair[0]).as_secs_f64());
        // Of exponential gaps, a share of 1/e is longer than the average.
        let long = gaps.filter(|gap| *gap > 0.001).count() as f64 / due.len() as f64;
        assert!((long - 0.368).abs() < 0.03, "{long}");
    }

    #[test]
    fn a_generator_that_lags_says_so() {
        let runtime = runtime();
        let outcome = plan(200.0, 200).run(runtime.handle(), |_| {
            // A generator that is kept from its plan.
            thread::sleep(Duration::from_millis(20));
            async { Ok(()) }
        });
        let outcome = outcome.unwrap();
        assert!(outcome.pace.lags(), "{outcome:?}");
        // And what it made others wait is in the latencies.
        assert!(outcome.latency.p90 > 0.1, "{outcome:?}");
    }

    #[test]
    fn a_pause_of_the_service_is_suffered_by_all_who_were_due_in_it() {
        let runtime = runtime();
        let gate = Arc::new(tokio::sync::Mutex::new(()));
        let outcome = plan(500.0, 400).run(runtime.handle(), |number| {
            let gate = Arc::clone(&gate);
            async move {
                let _held = gate.lock().await;
                if number == 1 {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                Ok(())
            }
        });
        // A closed loop of one caller would have seen one slow answer of two hundred.
        let outcome = outcome.unwrap();
        assert!(outcome.latency.p50 > 0.05, "{outcome:?}");
        assert!(outcome.latency.max >= 0.299, "{outcome:?}");
    }

    #[test]
    fn one_late_arrival_of_a_hundred_is_not_yet_a_lag() {
        let pace = |late| Pace { arrivals: 200, late };
        assert!(!pace(2).lags());
        assert!(pace(3).lags());
        assert!(!Pace::default().lags());
    }

    #[test]
    fn errors_are_counted_and_are_no_latencies() {
        let runtime = runtime();
        let outcome = plan(1_000.0, 100).run(runtime.handle(), |number| async move {
            if number % 2 == 0 {
                return Err("refused".into());
            }
            Ok(())
        });
        let outcome = outcome.unwrap();
        assert_eq!(outcome.failed, outcome.pace.arrivals / 2);
        assert_eq!(outcome.latency.count + outcome.failed, outcome.pace.arrivals);
    }
}
