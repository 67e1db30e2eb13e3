//! Callers of whom each asks again once it was answered: how much goes through.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// The part of a window that callers run before it begins.
const WARM_UP: f64 = 0.2;

/// Work that takes longer will never end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Work that so many callers do at the same time, one piece after the other.
pub(crate) struct ClosedLoop<'a> {
    pub(crate) callers: usize,
    pub(crate) window: Duration,
    /// Gets the number of its caller; `false` says that it has nothing left to do.
    pub(crate) work: &'a (dyn Fn(usize) -> Result<bool> + Sync),
}

impl ClosedLoop<'_> {
    /// Pieces of work a second, over a window that begins and ends while all callers are at it: to start and to end them
    /// costs more than the work. Where the work runs out, up to when it did.
    pub(crate) fn rate(&self) -> Result<f64> {
        let (done, idle) = (AtomicU64::new(0), AtomicU64::new(0));
        let (stop, failure) = (AtomicBool::new(false), Mutex::new(None));
        let elapsed_and_done = thread::scope(|scope| {
            let _stop = StopOnDrop(&stop);
            for caller in 0..self.callers {
                let (done, idle, stop, failure) = (&done, &idle, &stop, &failure);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        match (self.work)(caller) {
                            Ok(true) => done.fetch_add(1, Ordering::Relaxed),
                            Ok(false) => break,
                            Err(error) => {
                                failure
                                    .lock()
                                    .unwrap_or_else(PoisonError::into_inner)
                                    .get_or_insert(error);
                                break;
                            }
                        };
                    }
                    idle.fetch_add(1, Ordering::Relaxed);
                });
            }
            let all_idle = || idle.load(Ordering::Relaxed) == self.callers as u64;
            wait(self.window.mul_f64(WARM_UP), all_idle);
            let (before, start) = (done.load(Ordering::Relaxed), Instant::now());
            wait(self.window, all_idle);
            // On a busy machine a short window may end before the first piece of work does.
            wait(PATIENCE, || all_idle() || done.load(Ordering::Relaxed) > before);
            let (after, elapsed) = (done.load(Ordering::Relaxed), start.elapsed());
            (elapsed, after - before)
        });
        if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let (elapsed, done) = elapsed_and_done;
        if done == 0 {
            return Err("nothing was finished".into());
        }
        Ok(done as f64 / elapsed.as_secs_f64())
    }
}

/// Pieces of work a second of one caller, on this thread. `work` gets the number of each.
pub(crate) fn one_caller(window: Duration, mut work: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let (warm_up, mut done) = (Instant::now(), 0);
    while warm_up.elapsed() < window.mul_f64(WARM_UP) {
        work(done)?;
        done += 1;
    }
    let (start, before) = (Instant::now(), done);
    // At least one, however short the window.
    while done == before || start.elapsed() < window {
        work(done)?;
        done += 1;
    }
    Ok((done - before) as f64 / start.elapsed().as_secs_f64())
}

/// Also where the measurement panics: the callers would be waited for for ever.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn wait(time: Duration, is_over: impl Fn() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time && !is_over() {
        thread::sleep(Duration::from_millis(1).min(time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(callers: usize, work: &(dyn Fn(usize) -> Result<bool> + Sync)) -> Result<f64> {
        ClosedLoop {
            callers,
            window: Duration::from_millis(200),
            work,
        }
        .rate()
    }

    #[test]
    fn a_caller_that_sleeps_ten_milliseconds_does_no_more_than_a_hundred_a_second() {
        let found = rate(1, &|_| {
            thread::sleep(Duration::from_millis(10));
            Ok(true)
        });
        let found = found.unwrap();
        assert!(found > 0.0 && found < 106.0, "{found}");
    }

    #[test]
    fn work_that_fails_is_an_error_and_no_rate() {
        let error = rate(2, &|_| Err("no disk".into())).unwrap_err();
        assert_eq!(error.to_string(), "no disk");
    }

    #[test]
    fn a_window_in_which_nothing_is_done_is_an_error() {
        assert!(rate(2, &|_| Ok(false)).is_err());
    }

    #[test]
    fn work_that_takes_longer_than_the_window_is_waited_for() {
        let found = rate(1, &|_| {
            thread::sleep(Duration::from_millis(500));
            Ok(true)
        });
        let found = found.unwrap();
        assert!(found > 1.0 && found < 5.0, "{found}");
    }
}
