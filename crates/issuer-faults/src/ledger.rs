//! What a store must hold, where some of its writes have failed.
//!
//! Step by step, users are created, and every fifth step revokes the token of the user of four steps before. So a
//! number says all of a step: whose it is, what it writes, and the version that it leaves.

use std::{collections::BTreeMap, fmt};

use issuer::state::Commit;
use issuer_conformance::fixture::{at, creating, digest, id, issued, replay, revoked, updating, version};
use issuer_store::{Lookup, Store, StoreError};

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step(
    /// Its number, from 0 on.
    pub u64,
);

/// What a step does to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Create,
    Revoke,
}

impl Step {
    /// The step that creates the user of this one.
    #[must_use]
    pub fn creation(self) -> Self {
        match self.deed() {
            Deed::Create => self,
            Deed::Revoke => Self(self.0 - 4),
        }
    }

    fn deed(self) -> Deed {
        if self.0 % 5 == 4 {
            Deed::Revoke
        } else {
            Deed::Create
        }
    }

    fn name(self) -> String {
        format!("user {}", self.creation().0)
    }

    /// What it writes.
    pub fn commit(self) -> Commit {
        let name = self.name();
        match self.deed() {
            Deed::Create => creating(&name, self.0).token(issued(&name)).replay(replay(&name)),
            Deed::Revoke => updating(&name, self.creation().0, self.0).token(revoked(issued(&name), at(1))),
        }
        .into()
    }
}

/// Why a store is not what it must be.
#[derive(Debug)]
pub enum Finding {
    /// It cannot be read.
    Unreadable(StoreError),
    /// It holds what it must not, or not what it must.
    Wrong(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "unreadable: {error} {error:?}"),
            Self::Wrong(why) => f.write_str(why),
        }
    }
}

/// For each user, which step may have been the last: one where it is certain, `None` where it is not there.
#[derive(Debug, Default)]
pub struct Ledger {
    users: BTreeMap<u64, Vec<Option<u64>>>,
}

impl Ledger {
    /// The store has acknowledged this step.
    pub fn applied(&mut self, step: Step) {
        self.users.insert(step.creation().0, vec![Some(step.0)]);
    }

    /// The store has failed in this step, and it may have happened.
    pub fn uncertain(&mut self, step: Step) {
        self.possible(step).push(Some(step.0));
    }

    /// A read has shown this step as the last one of its user, or that there is no such user: so it stays.
    pub fn settled(&mut self, user: Step, last: Option<Step>) {
        self.users
            .insert(user.creation().0, vec![last.map(|step| step.0)]);
    }

    fn possible(&mut self, step: Step) -> &mut Vec<Option<u64>> {
        self.users.entry(step.creation().0).or_insert_with(|| vec![None])
    }

    /// Reads the user of this step, of whom the store must hold one of what is possible. Then that is certain.
    ///
    /// # Errors
    /// Where it cannot be read, or holds anything else.
    pub fn look(&mut self, store: &dyn Store, step: Step) -> Result<Option<Step>, Finding> {
        let user = step.creation();
        let name = user.name();
        let (id, key) = (id(&name), [digest(&name)]);
        let lookup = Lookup {
            user: &id,
            replays: &key,
            digests: &[],
        };
        let found = store.load(&[lookup]).map_err(Finding::Unreadable)?;
        let [found] = found.as_slice() else {
            return Err(Finding::Wrong(format!(
                "{} snapshots for one lookup",
                found.len()
            )));
        };
        let possible = self.possible(user).clone();
        let last = found.user.as_ref().map(|user| user.version);
        let Some(last) = possible
            .iter()
            .find(|possible| possible.map(version) == last)
            .copied()
            .map(|last| last.map(Step))
        else {
            return Err(Finding::Wrong(format!(
                "{name} is lost or altered: one of {possible:?} must have been last, and {found:?} is there"
            )));
        };
        let tokens = match last.map(Step::deed) {
            Some(Deed::Create) => vec![issued(&name)],
            Some(Deed::Revoke) | None => Vec::new(),
        };
        let recorded = last.map(|_| replay(&name));
        if found.tokens != tokens || found.replay(digest(&name)) != recorded.as_ref() {
            return Err(Finding::Wrong(format!(
                "{name} is torn: {found:?} after {last:?}"
            )));
        }
        self.settled(user, last);
        Ok(last)
    }

    /// Looks at every user, and says how many there are.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn check(&mut self, store: &dyn Store) -> Result<usize, Finding> {
        let users: Vec<u64> = self.users.keys().copied().collect();
        let mut there = 0;
        for user in users {
            there += usize::from(self.look(store, Step(user))?.is_some());
        }
        Ok(there)
    }

    /// Reads a line that a process printed about its work.
    ///
    /// `begun` counts as uncertain until its outcome is read, and an end without one leaves it so.
    ///
    /// # Errors
    /// Where it is no such line.
    pub fn read(&mut self, line: &str) -> Result<(), String> {
        let odd = || format!("what is this line: {line}");
        let mut words = line.split(' ');
        let word = words.next().unwrap_or_default();
        let mut step = || {
            let number = words.next().and_then(|number| number.parse().ok());
            number.map(Step).ok_or_else(odd)
        };
        match word {
            "begun" => {
                let step = step()?;
                self.uncertain(step);
            }
            "applied" => {
                let step = step()?;
                self.applied(step);
            }
            "undone" => {
                let step = step()?;
                self.possible(step).retain(|possible| *possible != Some(step.0));
            }
            "uncertain" => {}
            "there" => {
                let step = step()?;
                self.settled(step, Some(step));
            }
            "absent" => {
                let step = step()?;
                self.settled(step, None);
            }
            _ => return Err(odd()),
        }
        Ok(())
    }
}
