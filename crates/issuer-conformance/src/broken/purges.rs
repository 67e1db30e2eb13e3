//! Purges that take too much, or too little.

use issuer::{
    Timestamp,
    state::{Change, Commit, Expect},
};
use issuer_store::{MemoryStore, Page, Store, StoreError};

use super::{BrokenStore, Fault, broken};
use crate::fixture::version;

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "purges what is not dead yet",
        rejected_by: &["a_purge_takes_what_died_by_then_and_spares_the_rest"],
        make: broken::<ASecondEarly>,
    },
    BrokenStore {
        name: "spares what died in that very second",
        rejected_by: &[
            "a_purge_takes_what_died_by_then_and_spares_the_rest",
            "a_purge_at_the_beginning_of_time_takes_what_ended_then",
        ],
        make: broken::<ASecondLate>,
    },
    BrokenStore {
        name: "purges beyond its limit",
        rejected_by: &["a_purge_deletes_no_more_than_its_limit"],
        make: broken::<BeyondTheLimit>,
    },
    BrokenStore {
        name: "purges whatever the limit is",
        rejected_by: &["a_purge_deletes_no_more_than_its_limit"],
        make: broken::<NoLimit>,
    },
    BrokenStore {
        name: "takes purge's limit 0 for 1",
        rejected_by: &["a_purge_deletes_no_more_than_its_limit"],
        make: broken::<AtLeastOne>,
    },
    BrokenStore {
        name: "stops early though dead rows are left",
        rejected_by: &["a_purge_says_fewer_than_its_limit_where_none_are_left"],
        make: broken::<StopsEarly>,
    },
    BrokenStore {
        name: "purges nothing",
        rejected_by: &[
            "a_purged_token_is_not_found",
            "a_purge_takes_what_died_by_then_and_spares_the_rest",
        ],
        make: broken::<Nothing>,
    },
    BrokenStore {
        name: "purges users who have no tokens",
        rejected_by: &["users_stay_with_their_versions"],
        make: broken::<TakesUsers>,
    },
];

type Purged = Result<usize, StoreError>;

#[derive(Default)]
struct ASecondEarly;

impl Fault for ASecondEarly {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        good.purge(dead_before.saturating_add_seconds(1), limit)
    }
}

#[derive(Default)]
struct ASecondLate;

impl Fault for ASecondLate {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        match dead_before.checked_add_seconds(-1) {
            Some(before) => good.purge(before, limit),
            None => Ok(0),
        }
    }
}

#[derive(Default)]
struct BeyondTheLimit;

impl Fault for BeyondTheLimit {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        Ok(good.purge(dead_before, limit.saturating_mul(2))?.min(limit))
    }
}

#[derive(Default)]
struct NoLimit;

impl Fault for NoLimit {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, _limit: usize) -> Purged {
        good.purge(dead_before, usize::MAX)
    }
}

#[derive(Default)]
struct AtLeastOne;

impl Fault for AtLeastOne {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        good.purge(dead_before, limit.max(1))
    }
}

#[derive(Default)]
struct StopsEarly;

impl Fault for StopsEarly {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        good.purge(dead_before, limit.min(3))
    }
}

#[derive(Default)]
struct Nothing;

impl Fault for Nothing {
    fn purge(&self, _good: &MemoryStore, _dead_before: Timestamp, _limit: usize) -> Purged {
        Ok(0)
    }
}

#[derive(Default)]
struct TakesUsers;

impl Fault for TakesUsers {
    fn purge(&self, good: &MemoryStore, dead_before: Timestamp, limit: usize) -> Purged {
        let purged = good.purge(dead_before, limit)?;
        let page = good.list(&Page {
            limit: usize::MAX,
            ..Page::default()
        })?;
        for entry in page.users.into_iter().filter(|entry| entry.tokens.is_empty()) {
            good.apply(&[Commit {
                user: entry.user.id,
                expect: Expect::Any,
                next: version(0),
                claims: Vec::new(),
                changes: vec![Change::EraseUser],
            }])?;
        }
        Ok(purged)
    }
}
