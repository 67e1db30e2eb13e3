//! Reads that show what was, not what is.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    thread::{self, ThreadId},
    time::Duration,
};

use issuer::{
    state::{Commit, Snapshot, TokenState, UserRecord},
    user::UserId,
};
use issuer_store::{Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage};

use super::{BrokenStore, Fault, broken};

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "serves an old snapshot once after a write",
        rejected_by: &[
            "what_was_applied_is_seen_by_the_next_load_of_every_thread",
            "the_version_is_the_commits_even_where_it_puts_no_user",
        ],
        make: broken::<OldSnapshot>,
    },
    BrokenStore {
        name: "shows a write to the thread that made it",
        rejected_by: &[
            "what_was_applied_is_seen_by_the_next_load_of_every_thread",
            "what_a_load_has_shown_no_later_load_takes_back",
        ],
        make: broken::<CachePerThread>,
    },
    BrokenStore {
        name: "finds a token as it first was",
        rejected_by: &[
            "a_token_is_found_with_its_user_as_of_now",
            "a_found_token_and_its_user_are_of_one_instant",
        ],
        make: broken::<CachedUsers>,
    },
    BrokenStore {
        name: "reads a user and the tokens one after the other",
        rejected_by: &["a_load_never_sees_half_a_commit"],
        make: broken::<TwoReads>,
    },
    BrokenStore {
        name: "lists users and their tokens one after the other",
        rejected_by: &["a_listed_user_is_never_half_a_commit"],
        make: broken::<TwoLists>,
    },
    BrokenStore {
        name: "counts users now and then",
        rejected_by: &[
            "the_count_follows_what_is_created_and_erased",
            "what_was_applied_is_seen_by_every_method",
        ],
        make: broken::<OldCount>,
    },
];

type Snapshots = Result<Vec<Snapshot>, StoreError>;

#[derive(Default)]
struct OldSnapshot {
    last: Mutex<BTreeMap<UserId, Snapshot>>,
}

impl Fault for OldSnapshot {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        let mut last = self.last.lock().expect("no panic");
        let mut snapshots = good.load(lookups)?;
        for (lookup, snapshot) in lookups.iter().zip(&mut snapshots) {
            if let Some(old) = last.insert(lookup.user.clone(), snapshot.clone()) {
                snapshot.user = old.user;
                snapshot.tokens = old.tokens;
            }
        }
        Ok(snapshots)
    }
}

#[derive(Default)]
struct CachePerThread {
    seen: Mutex<BTreeMap<(String, UserId), (u8, Snapshot)>>,
}

/// How often a cached snapshot is served.
const SERVINGS: u8 = 3;

impl CachePerThread {
    fn key(user: &UserId) -> (String, UserId) {
        let thread: ThreadId = thread::current().id();
        (format!("{thread:?}"), user.clone())
    }
}

impl Fault for CachePerThread {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        let mut seen = self.seen.lock().expect("no panic");
        for commit in commits {
            seen.remove(&Self::key(&commit.user));
        }
        Ok(outcomes)
    }

    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        let mut seen = self.seen.lock().expect("no panic");
        let mut snapshots = good.load(lookups)?;
        for (lookup, snapshot) in lookups.iter().zip(&mut snapshots) {
            let key = Self::key(lookup.user);
            match seen.get_mut(&key) {
                Some((servings, old)) if *servings > 0 => {
                    *servings -= 1;
                    snapshot.user.clone_from(&old.user);
                    snapshot.tokens.clone_from(&old.tokens);
                    snapshot.replays.clone_from(&old.replays);
                }
                _ => {
                    seen.insert(key, (SERVINGS, snapshot.clone()));
                }
            }
        }
        Ok(snapshots)
    }
}

#[derive(Default)]
struct CachedUsers {
    users: Mutex<BTreeMap<UserId, UserRecord>>,
}

impl Fault for CachedUsers {
    fn find(
        &self,
        good: &MemoryStore,
        tokens: &[TokenRef<'_>],
    ) -> Result<Vec<Option<TokenState>>, StoreError> {
        let mut found = good.find(tokens)?;
        let mut users = self.users.lock().expect("no panic");
        for state in found.iter_mut().flatten() {
            state.user = users
                .entry(state.user.id.clone())
                .or_insert_with(|| state.user.clone())
                .clone();
        }
        Ok(found)
    }

    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = good.apply(commits)?;
        // A cache that warms itself, and is never told of a change.
        let page = good.list(&Page {
            limit: usize::MAX,
            ..Page::default()
        })?;
        let mut users = self.users.lock().expect("no panic");
        for entry in page.users {
            users.entry(entry.user.id.clone()).or_insert(entry.user);
        }
        Ok(outcomes)
    }
}

#[derive(Default)]
struct TwoReads;

impl Fault for TwoReads {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        let first = good.load(lookups)?;
        thread::sleep(Duration::from_micros(100));
        let mut second = good.load(lookups)?;
        for (first, second) in first.into_iter().zip(&mut second) {
            second.user = first.user;
        }
        Ok(second)
    }

    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        slowly(good, commits)
    }
}

#[derive(Default)]
struct TwoLists;

impl Fault for TwoLists {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let first = good.list(page)?;
        thread::sleep(Duration::from_micros(100));
        let mut second = good.list(page)?;
        for (first, second) in first.users.into_iter().zip(&mut second.users) {
            second.user = first.user;
        }
        Ok(second)
    }

    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        slowly(good, commits)
    }
}

/// Applies a slice and takes the time of a sync for it.
fn slowly(good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
    thread::sleep(Duration::from_micros(100));
    good.apply(commits)
}

#[derive(Default)]
struct OldCount {
    asked: Mutex<(u64, u64)>,
}

impl Fault for OldCount {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let page = good.list(page)?;
        let mut asked = self.asked.lock().expect("no panic");
        if let Some(total) = page.total {
            if asked.0.is_multiple_of(10) {
                asked.1 = total;
            }
            asked.0 += 1;
        }
        Ok(UserPage {
            total: page.total.map(|_| asked.1),
            ..page
        })
    }
}
