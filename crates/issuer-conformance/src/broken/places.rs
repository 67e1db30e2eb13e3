//! Places where a store is kept badly while nobody has it open.

use std::sync::{Arc, Mutex};

use issuer::{
    Timestamp,
    state::{Change, Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{
    Cursor, Export, ExportRow, Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage,
};

use crate::fixture::{id, version};

/// A place that breaks one promise of a store which can be closed and opened again.
#[derive(Clone, Copy, Debug)]
pub struct BrokenPlace {
    /// What is wrong with it.
    pub name: &'static str,
    /// The cases that are there for this promise: each of them rejects the place.
    pub rejected_by: &'static [&'static str],
    /// Makes an empty one, as a function that opens the store in it.
    pub make: fn() -> Place,
}

/// What opens the store in a place.
pub type Place = Box<dyn Fn() -> Box<dyn Store>>;

/// Every broken place: for [`DURABLE_CASES`](crate::DURABLE_CASES) and [`SHARED_CASES`](crate::SHARED_CASES).
pub const BROKEN_PLACES: &[BrokenPlace] = &[
    BrokenPlace {
        name: "forgets everything",
        rejected_by: &[
            "every_row_that_was_applied_is_there_after_a_reopen",
            "the_control_record_is_there_after_a_reopen",
            "a_store_may_be_opened_for_every_commit",
            "what_one_opening_applied_the_others_see_at_once",
            "an_opening_outlives_the_others",
        ],
        make: || Box::new(|| Box::new(MemoryStore::new())),
    },
    BrokenPlace {
        name: "forgets the last slice",
        rejected_by: &[
            "every_row_that_was_applied_is_there_after_a_reopen",
            "what_was_revoked_stays_revoked_after_a_reopen",
            "what_was_erased_does_not_come_back_after_a_reopen",
        ],
        make: || kept(|log| drop(log.pop())),
    },
    BrokenPlace {
        name: "replays conflicts as if they had been applied",
        rejected_by: &["nothing_of_a_conflict_is_there_after_a_reopen"],
        make: || {
            kept(|log| {
                for write in log {
                    if let Write::Commits(commits) = write {
                        for commit in commits {
                            commit.expect = Expect::Any;
                        }
                    }
                }
            })
        },
    },
    BrokenPlace {
        name: "forgets control",
        rejected_by: &["the_control_record_is_there_after_a_reopen"],
        make: || kept(|log| log.retain(|write| !matches!(write, Write::Control(..)))),
    },
    BrokenPlace {
        name: "forgets what was purged",
        rejected_by: &["a_purge_goes_on_after_a_reopen"],
        make: || kept(|log| log.retain(|write| !matches!(write, Write::Purge(..)))),
    },
    BrokenPlace {
        name: "forgets idempotency records and tombstones",
        rejected_by: &["every_row_that_was_applied_is_there_after_a_reopen"],
        make: || {
            kept(|log| {
                for write in log {
                    if let Write::Commits(commits) = write {
                        for commit in commits {
                            commit
                                .changes
                                .retain(|row| !matches!(row, Change::PutReplay(_) | Change::PutTombstone(_)));
                        }
                    }
                }
            })
        },
    },
    BrokenPlace {
        name: "makes versions anew",
        rejected_by: &[
            "every_row_that_was_applied_is_there_after_a_reopen",
            "preconditions_hold_across_a_reopen",
        ],
        make: || kept(|log| log.push(Write::NewVersions)),
    },
    BrokenPlace {
        name: "reads its files once, at the opening",
        rejected_by: &[
            "what_one_opening_applied_the_others_see_at_once",
            "what_one_opening_revoked_the_others_see_at_once",
            "preconditions_hold_between_openings",
            "the_control_record_is_one_for_all_openings",
            "of_many_openings_that_race_one_wins",
        ],
        make: || kept(|_| {}),
    },
];

/// What was written to a place, in order.
#[derive(Clone, Debug)]
enum Write {
    Commits(Vec<Commit>),
    Purge(Timestamp, usize),
    Control(Expect, Versioned<Control>),
    NewVersions,
}

/// A place that keeps a log of all writes; what comes out of it at an opening has gone through `spoil`.
fn kept(spoil: fn(&mut Vec<Write>)) -> Place {
    let log = Arc::new(Mutex::new(Vec::new()));
    Box::new(move || {
        let mut writes = log.lock().expect("no panic").clone();
        spoil(&mut writes);
        let store = MemoryStore::new();
        for write in writes {
            replay(&store, write).expect("memory");
        }
        Box::new(Opened {
            store,
            log: Arc::clone(&log),
        })
    })
}

fn replay(store: &MemoryStore, write: Write) -> Result<(), StoreError> {
    match write {
        Write::Commits(commits) => store.apply(&commits).map(drop),
        Write::Purge(dead_before, limit) => store.purge(dead_before, limit).map(drop),
        Write::Control(expect, next) => store.set_control(expect, &next).map(drop),
        Write::NewVersions => {
            for row in store.export(None, usize::MAX)?.rows {
                if let ExportRow::User(user) = row {
                    let touch = Commit {
                        user: id(user.value.id.as_str()),
                        expect: Expect::Any,
                        next: version(u64::MAX),
                        claims: Vec::new(),
                        changes: Vec::new(),
                    };
                    store.apply(&[touch])?;
                }
            }
            Ok(())
        }
    }
}

struct Opened {
    store: MemoryStore,
    log: Arc<Mutex<Vec<Write>>>,
}

impl Opened {
    fn record(&self, write: Write) {
        self.log.lock().expect("no panic").push(write);
    }
}

impl Store for Opened {
    fn load(&self, lookups: &[Lookup<'_>]) -> Result<Vec<Snapshot>, StoreError> {
        self.store.load(lookups)
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> Result<Vec<Option<TokenState>>, StoreError> {
        self.store.find(tokens)
    }

    fn list(&self, page: &Page<'_>) -> Result<UserPage, StoreError> {
        self.store.list(page)
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> Result<Export, StoreError> {
        self.store.export(after, limit)
    }

    fn apply(&self, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        self.record(Write::Commits(commits.to_vec()));
        self.store.apply(commits)
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.record(Write::Purge(dead_before, limit));
        self.store.purge(dead_before, limit)
    }

    fn control(&self) -> Result<Option<Versioned<Control>>, StoreError> {
        self.store.control()
    }

    fn set_control(&self, expect: Expect, next: &Versioned<Control>) -> Result<Outcome, StoreError> {
        self.record(Write::Control(expect, next.clone()));
        self.store.set_control(expect, next)
    }
}
