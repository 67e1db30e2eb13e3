//! What a store owes at a moment: what was acknowledged by then.

use issuer_conformance::{crash::Account, probe::snapshot};
use issuer_store::Store;

use crate::large::{self, USERS};

/// It is cloned for each disk that is looked at.
#[derive(Clone)]
pub(crate) enum Owed {
    /// By a load.
    Load(Account),
    /// By the work with large pages: which commits it said were applied.
    LargePages(Vec<u64>),
}

impl Owed {
    pub(crate) fn read(&mut self, printed: &[u8]) {
        match self {
            Self::Load(account) => account.read(printed).unwrap(),
            Self::LargePages(applied) => {
                let lines = String::from_utf8_lossy(printed);
                applied.extend(lines.lines().filter_map(large::applied_number));
            }
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        match self {
            Self::Load(account) => account.figures().acknowledged,
            Self::LargePages(applied) => applied.len(),
        }
    }

    /// What is missing, or is not as it was acknowledged.
    pub(crate) fn check(&mut self, store: &dyn Store) -> Result<(), String> {
        match self {
            Self::Load(account) => account
                .check(store)
                .map(drop)
                .map_err(|breach| breach.to_string()),
            Self::LargePages(applied) => (0..USERS).try_for_each(|user| check_large(store, user, applied)),
        }
    }
}

/// The last commit of a user that was acknowledged, or the one that was under way.
fn check_large(store: &dyn Store, user: u64, applied: &[u64]) -> Result<(), String> {
    let last = applied
        .iter()
        .rev()
        .find(|number| *number % USERS == user)
        .copied();
    let under_way = applied.last().map_or(0, |number| number + 1);
    let found = snapshot(store, &large::name(user));
    let version = found.user.map(|user| user.version);
    let expected = [last, Some(under_way).filter(|number| number % USERS == user)];
    let fits = |number: &Option<u64>| version == number.map(issuer_conformance::fixture::version);
    let whole = version.is_none() || found.tokens.len() == large::TOKENS;
    // One that is not under way is no way to be absent.
    let absent = version.is_none() && last.is_some();
    if expected.iter().any(fits) && whole && !absent {
        return Ok(());
    }
    Err(format!("user {user} is at {version:?}, and was at {last:?}"))
}
