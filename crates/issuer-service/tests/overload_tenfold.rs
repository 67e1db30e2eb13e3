//! Ten times as many callers as may wait: what waits is bounded, the others are told at once, nothing acknowledged is
//! lost, and whoever comes afterwards is served.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests say so by failing, and what they measured"
)]

mod given;

use std::{
    collections::HashMap,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use futures_executor::block_on;
use given::{Method, Watched, over, user};
use issuer::user::UserId;
use issuer_service::{Error, ErrorKind, Issued, TokenService};
use issuer_sqlite::SqliteStore;
use issuer_store::{Effect, Lookup, Store};

/// How many may wait.
const BOUND: usize = 64;

/// The most that the writer takes at once is what waits, so that this many are in hand beside it.
const IN_FLIGHT: usize = 2 * BOUND;

const CALLERS: usize = 10 * BOUND;

/// A burst ends where this many were refused and acknowledged, and at the latest after `PATIENCE`.
const ENOUGH: usize = 10 * BOUND;

const PATIENCE: Duration = Duration::from_secs(20);

/// What became of the callers.
#[derive(Default)]
struct Overload {
    acknowledged: HashMap<String, Issued>,
    refused: Vec<String>,
    other: Vec<Error>,
    slowest_refusal: Duration,
    most_in_flight: usize,
    served_after: Duration,
}

/// `CALLERS` callers who go on until enough were refused and enough were served: each makes a request, polls until it
/// is answered, and comes again with another user.
fn overload(tokens: &TokenService) -> Overload {
    let mut found = Overload::default();
    let mut names = (0..).map(|n| format!("user {n}"));
    let started = Instant::now();
    let mut pending = Vec::new();
    let mut context = Context::from_waker(Waker::noop());
    let mut enough = false;
    while !enough || !pending.is_empty() {
        while !enough && pending.len() < CALLERS {
            let name = names.next().unwrap();
            let mut call = Box::pin(tokens.issue(user(&name)));
            let asked = Instant::now();
            let answer = call.as_mut().poll(&mut context);
            let took = asked.elapsed();
            match answer {
                Poll::Pending => pending.push((name, call)),
                Poll::Ready(answer) => {
                    found.slowest_refusal = found.slowest_refusal.max(took);
                    found.note(name, answer);
                    // The caller is gone; the next one may find a place.
                    if found.refused.len() % CALLERS == 0 {
                        break;
                    }
                }
            }
        }
        let answered = pending.extract_if(.., |(name, call)| match call.as_mut().poll(&mut context) {
            Poll::Pending => false,
            Poll::Ready(answer) => {
                found.note(name.clone(), answer);
                true
            }
        });
        answered.for_each(drop);
        // Whoever is left had no answer when this round began, and nobody has come since.
        found.most_in_flight = found.most_in_flight.max(pending.len());
        let refused = found.refused.len() >= ENOUGH || found.most_in_flight > IN_FLIGHT;
        enough = refused && found.acknowledged.len() >= ENOUGH || started.elapsed() > PATIENCE;
        thread::sleep(Duration::from_millis(1));
    }
    let over = Instant::now();
    let late = pin!(tokens.issue(user("late")));
    found.note("late".to_owned(), block_on(late));
    found.served_after = over.elapsed();
    found
}

impl Overload {
    fn note(&mut self, name: String, answer: Result<Issued, Error>) {
        match answer {
            Ok(issued) => drop(self.acknowledged.insert(name, issued)),
            Err(error) if matches!(error.kind(), ErrorKind::Overloaded) => {
                assert_eq!((error.effect(), error.is_retryable()), (Effect::None, true));
                self.refused.push(name);
            }
            Err(error) => self.other.push(error),
        }
    }

    /// What is wrong with it.
    fn verdict(&self, tokens: &TokenService, store: &dyn Store) -> Result<(), String> {
        println!(
            "{} acknowledged, {} refused, the slowest of them in {:?}; at most {} in flight; served again after {:?}",
            self.acknowledged.len(),
            self.refused.len(),
            self.slowest_refusal,
            self.most_in_flight,
            self.served_after
        );
        if self.most_in_flight > IN_FLIGHT {
            return Err(format!("{} were in flight", self.most_in_flight));
        }
        if self.refused.len() < ENOUGH {
            return Err(format!("{} were refused", self.refused.len()));
        }
        if let Some(error) = self.other.first() {
            return Err(format!("{error:?}"));
        }
        // A thousand times what it takes on a machine that has nothing else to do.
        if self.slowest_refusal > Duration::from_secs(1) || self.served_after > Duration::from_secs(1) {
            return Err("somebody waited".to_owned());
        }
        for (name, issued) in &self.acknowledged {
            let found = tokens.blocking().authenticate(issued.token());
            let found = found.map_err(|error| format!("{name} is lost: {error}"))?;
            if found.id.as_str() != name {
                return Err(format!("{name} got the token of {found:?}"));
            }
        }
        for name in &self.refused {
            let id = UserId::parse(name).unwrap();
            if store.load(&[Lookup::user(&id)]).unwrap()[0].user.is_some() {
                return Err(format!("{name} was refused, and is there"));
            }
        }
        Ok(())
    }
}

/// A store that takes its time for every slice.
fn slow() -> Watched {
    Watched::new().before(|called| {
        if called == Method::Apply {
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    })
}

#[test]
fn of_ten_times_too_many_callers_over_a_slow_store_the_others_are_told_at_once_and_nothing_is_lost() {
    let store = slow();
    let good = store.good.clone();
    let tokens = over(store).queue_bound(BOUND).build().unwrap();
    overload(&tokens).verdict(&tokens, &good).unwrap();
}

#[test]
fn of_ten_times_too_many_callers_over_a_file_the_others_are_told_at_once_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let tokens = over(SqliteStore::open(&path).unwrap())
        .queue_bound(BOUND)
        .build()
        .unwrap();
    let found = overload(&tokens);
    let beside = SqliteStore::open(&path).unwrap();
    found.verdict(&tokens, &beside).unwrap();
    // The same once the service is gone: from the file alone.
    tokens.shutdown();
    for name in found.acknowledged.keys() {
        let id = UserId::parse(name).unwrap();
        let snapshots = beside.load(&[Lookup::user(&id)]).unwrap();
        assert_eq!(snapshots[0].tokens.len(), 1, "{name}");
    }
}

#[test]
fn a_queue_without_a_bound_is_found_out() {
    let store = slow();
    let good = store.good.clone();
    let tokens = over(store).queue_bound(usize::MAX).build().unwrap();
    let found = overload(&tokens);
    let what = found.verdict(&tokens, &good).unwrap_err();
    assert!(what.ends_with("were in flight"), "{what}");
}
