//! One store among those of other sizes, and what is asked of it each round.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use issuer::user::UserId;
use issuer_service::TokenService;
use tempfile::TempDir;

use super::{CHECK, Context, ISSUE, PAGES, REVOKE, SELECT, key};
use crate::{
    Result,
    backend::{Backend, SQLITE_FILE},
    bare_select::{BareSelect, select},
    floor::ScatteredPages,
    host,
    measure::{ClosedLoop, Rounds, one_caller},
    population::{Population, Sample, open_copy},
};

/// Tokens that are checked in turn: far more than the caches of a large store hold.
const SAMPLES: usize = 20_000;

const CALLERS: usize = 64;

/// A copy of a population, open.
pub(super) struct Subject {
    pub(super) population: Population,
    tokens: TokenService,
    samples: Vec<Sample>,
    bare: Option<BareSelect>,
    /// In a copy of its own.
    pages: Option<(ScatteredPages, TempDir)>,
    // Last: it goes once the store is closed.
    folder: TempDir,
}

impl Subject {
    pub(super) fn new(population: Population, context: &Context<'_>) -> Result<Self> {
        let (folder, store) = open_copy(&population, context.folder)?;
        let (bare, pages) = match population.backend {
            Backend::Sqlite => (
                Some(BareSelect::open(folder.path())?),
                scattered_pages(&population, context)?,
            ),
            Backend::Sled => (None, None),
        };
        Ok(Self {
            samples: population.tokens(SAMPLES, &context.keys)?,
            tokens: host::service(store).build()?,
            bare,
            pages,
            population,
            folder,
        })
    }

    /// Closes the store, which then is there for other processes.
    pub(super) fn close(self) -> (Population, TempDir) {
        (self.population, self.folder)
    }

    pub(super) fn round(&self, context: &Context<'_>, rounds: &mut Rounds) -> Result<()> {
        let window = context.scale.window;
        let mut note = |work, seconds| {
            rounds.note(key(self.population.backend, work, self.population.users), seconds);
        };
        let (rate, issued) = self.issue(window)?;
        note(ISSUE, 1.0 / rate);
        // Half as long, so that there are enough of them.
        note(REVOKE, 1.0 / self.revoke(window / 2, &issued)?);
        let sample = |at: usize| self.samples.get(at % self.samples.len()).ok_or("no tokens");
        let rate = one_caller(window, |at| {
            self.tokens.blocking().authenticate(&sample(at)?.text)?;
            Ok(())
        })?;
        note(CHECK, 1.0 / rate);
        if let Some(bare) = &self.bare {
            let mut statement = bare.statement()?;
            let rate = one_caller(window, |at| {
                let is_there = select(&mut statement, sample(at)?)?;
                if is_there {
                    Ok(())
                } else {
                    Err("a stored token is not there".into())
                }
            })?;
            note(SELECT, 1.0 / rate);
        }
        if let Some((pages, _)) = &self.pages {
            note(PAGES, 1.0 / pages.rate(window)?);
        }
        Ok(())
    }

    /// The rate, and who got a token.
    fn issue(&self, window: Duration) -> Result<(f64, Vec<UserId>)> {
        let issued: Vec<Mutex<Vec<UserId>>> = (0..CALLERS).map(|_| Mutex::default()).collect();
        // Not all of `self`, which holds a connection that one thread may use.
        let (population, tokens) = (&self.population, &self.tokens);
        let work = |caller: usize| {
            let user = population.new_user()?;
            let id = user.id().clone();
            tokens.blocking().issue(user)?;
            if let Some(mine) = issued.get(caller) {
                mine.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            }
            Ok(true)
        };
        let closed = ClosedLoop {
            callers: CALLERS,
            window,
            work: &work,
        };
        let rate = closed.rate()?;
        let issued = issued.into_iter();
        let issued = issued.flat_map(|mine| mine.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok((rate, issued.collect()))
    }

    fn revoke(&self, window: Duration, users: &[UserId]) -> Result<f64> {
        let (next, tokens) = (AtomicUsize::new(0), &self.tokens);
        let work = |_| {
            let Some(user) = users.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return Ok(false);
            };
            tokens.blocking().revoke_all(user)?;
            Ok(true)
        };
        let closed = ClosedLoop {
            callers: CALLERS,
            window,
            work: &work,
        };
        closed.rate()
    }
}

/// For the largest store: of smaller ones, pages lie so close together that the system writes many at once.
fn scattered_pages(
    population: &Population,
    context: &Context<'_>,
) -> Result<Option<(ScatteredPages, TempDir)>> {
    if context.scale.users(population.backend).last() != Some(&population.users) {
        return Ok(None);
    }
    let copy = population.copy(context.folder)?;
    let pages = ScatteredPages::of(&copy.path().join(SQLITE_FILE))?;
    Ok(Some((pages, copy)))
}
