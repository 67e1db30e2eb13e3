//! What a read shows, and in which order.

use std::{collections::BTreeMap, sync::Mutex};

use issuer::{
    Digest, TokenId,
    state::{Change, Commit, Holder, Replay, Snapshot, TokenName, TokenState},
    user::UserId,
};
use issuer_store::{Lookup, MemoryStore, Outcome, Page, Store, StoreError, TokenRef, UserPage};

use super::{BrokenStore, Fault, broken};
use crate::fixture::at;

pub(super) const STORES: &[BrokenStore] = &[
    BrokenStore {
        name: "shows no expired token",
        rejected_by: &["a_snapshot_shows_tokens_that_are_expired_but_not_revoked"],
        make: broken::<HidesExpired>,
    },
    BrokenStore {
        name: "shows at most ten tokens",
        rejected_by: &["a_snapshot_shows_a_hundred_tokens"],
        make: broken::<ShowsTen>,
    },
    BrokenStore {
        name: "shows the idempotency record of another user",
        rejected_by: &["an_idempotency_key_belongs_to_one_user"],
        make: broken::<SharesReplays>,
    },
    BrokenStore {
        name: "sorts the answers of a lookup",
        rejected_by: &[
            "idempotency_records_come_in_the_order_of_the_question",
            "holders_come_in_the_order_of_the_question",
        ],
        make: broken::<SortsAnswers>,
    },
    BrokenStore {
        name: "loads each user once",
        rejected_by: &["a_user_who_is_asked_for_twice_is_shown_twice"],
        make: broken::<LoadsOnce>,
    },
    BrokenStore {
        name: "loads users in the order of their ids",
        rejected_by: &["snapshots_come_in_the_order_of_the_lookups"],
        make: broken::<LoadsSorted>,
    },
    BrokenStore {
        name: "shows a tombstone before the token",
        rejected_by: &["a_live_token_hides_the_tombstone_of_its_digest"],
        make: broken::<TombstoneFirst>,
    },
    BrokenStore {
        name: "finds a revoked token alive",
        rejected_by: &["a_revoked_token_is_found_with_its_revocation_or_not_at_all"],
        make: broken::<FindsRevokedAlive>,
    },
    BrokenStore {
        name: "finds a token under another user",
        rejected_by: &[
            "an_issued_token_is_not_found_under_another_user",
            "answers_come_in_the_order_of_the_questions",
        ],
        make: broken::<FindsUnderAnybody>,
    },
    BrokenStore {
        name: "answers only for the tokens it finds",
        rejected_by: &["answers_come_in_the_order_of_the_questions"],
        make: broken::<DropsMisses>,
    },
    BrokenStore {
        name: "lists users in another order",
        rejected_by: &["users_are_listed_in_the_order_of_their_bytes"],
        make: broken::<ListsByCase>,
    },
    BrokenStore {
        name: "lists the user whom a page comes after",
        rejected_by: &[
            "a_page_begins_after_the_user_it_names",
            "page_after_page_shows_everybody_once",
        ],
        make: broken::<ListsTheLastAgain>,
    },
    BrokenStore {
        name: "skips nobody",
        rejected_by: &["a_page_skips_users"],
        make: broken::<SkipsNobody>,
    },
    BrokenStore {
        name: "counts the page for the store",
        rejected_by: &["a_page_counts_all_users_where_it_was_asked_to"],
        make: broken::<CountsThePage>,
    },
    BrokenStore {
        name: "takes limit 0 for no limit",
        rejected_by: &["a_page_of_limit_0_is_empty"],
        make: broken::<NoLimit>,
    },
    BrokenStore {
        name: "lists users without their tokens",
        rejected_by: &["a_listed_user_comes_with_the_record_and_the_tokens_that_are_not_revoked"],
        make: broken::<ListsNoTokens>,
    },
];

type Snapshots = Result<Vec<Snapshot>, StoreError>;
type Found = Result<Vec<Option<TokenState>>, StoreError>;

/// What the reference store loads, changed.
fn changed(good: &MemoryStore, lookups: &[Lookup<'_>], change: impl Fn(&mut Snapshot)) -> Snapshots {
    let mut snapshots = good.load(lookups)?;
    snapshots.iter_mut().for_each(change);
    Ok(snapshots)
}

#[derive(Default)]
struct HidesExpired;

impl Fault for HidesExpired {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        changed(good, lookups, |user| {
            user.tokens.retain(|token| token.expires_at > at(0));
        })
    }
}

#[derive(Default)]
struct ShowsTen;

impl Fault for ShowsTen {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        changed(good, lookups, |user| user.tokens.truncate(10))
    }
}

#[derive(Default)]
struct SharesReplays {
    known: Mutex<BTreeMap<Digest, Replay>>,
}

impl Fault for SharesReplays {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        for row in commits.iter().flat_map(|commit| &commit.changes) {
            if let Change::PutReplay(replay) = row {
                self.known.lock().expect("no panic").insert(replay.key, *replay);
            }
        }
        good.apply(commits)
    }

    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        changed(good, lookups, |user| {
            for (key, found) in &mut user.replays {
                *found = self.known.lock().expect("no panic").get(key).copied();
            }
        })
    }
}

#[derive(Default)]
struct SortsAnswers;

impl Fault for SortsAnswers {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        changed(good, lookups, |user| {
            user.replays.sort_by_key(|(key, _)| *key);
            user.replays.dedup();
            user.holders.sort_by_key(|(digest, _)| *digest);
            user.holders.dedup();
        })
    }
}

#[derive(Default)]
struct LoadsOnce;

impl Fault for LoadsOnce {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        let mut once = lookups.to_vec();
        once.dedup_by_key(|lookup| lookup.user);
        good.load(&once)
    }
}

#[derive(Default)]
struct LoadsSorted;

impl Fault for LoadsSorted {
    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        let mut sorted = lookups.to_vec();
        sorted.sort_by_key(|lookup| lookup.user);
        good.load(&sorted)
    }
}

#[derive(Default)]
struct TombstoneFirst {
    known: Mutex<BTreeMap<Digest, Holder>>,
}

impl Fault for TombstoneFirst {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        for row in commits.iter().flat_map(|commit| &commit.changes) {
            if let Change::PutTombstone(tombstone) = row {
                let holder = Holder::Tombstone {
                    until: tombstone.until,
                };
                self.known
                    .lock()
                    .expect("no panic")
                    .insert(tombstone.digest, holder);
            }
        }
        good.apply(commits)
    }

    fn load(&self, good: &MemoryStore, lookups: &[Lookup<'_>]) -> Snapshots {
        changed(good, lookups, |user| {
            for (digest, found) in &mut user.holders {
                if let Some(tombstone) = self.known.lock().expect("no panic").get(digest) {
                    *found = Some(tombstone.clone());
                }
            }
        })
    }
}

#[derive(Default)]
struct FindsRevokedAlive;

impl Fault for FindsRevokedAlive {
    fn find(&self, good: &MemoryStore, tokens: &[TokenRef<'_>]) -> Found {
        let mut found = good.find(tokens)?;
        for state in found.iter_mut().flatten() {
            state.token.revoked_at = None;
        }
        Ok(found)
    }
}

#[derive(Default)]
struct FindsUnderAnybody {
    users: Mutex<BTreeMap<TokenId, UserId>>,
}

impl Fault for FindsUnderAnybody {
    fn apply(&self, good: &MemoryStore, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
        for commit in commits {
            for row in &commit.changes {
                if let Change::PutToken(token) = row
                    && let TokenName::Issued(id) = token.name()
                {
                    self.users
                        .lock()
                        .expect("no panic")
                        .insert(id, commit.user.clone());
                }
            }
        }
        good.apply(commits)
    }

    fn find(&self, good: &MemoryStore, tokens: &[TokenRef<'_>]) -> Found {
        let users = self.users.lock().expect("no panic");
        let anybody = |token: &TokenRef<'_>| match token {
            TokenRef::Issued { user, id } => {
                let user = users.get(id).unwrap_or(user);
                good.find(&[TokenRef::Issued { user, id: *id }])
            }
            TokenRef::Assigned(_) => good.find(&[*token]),
        };
        let mut found = Vec::new();
        for token in tokens {
            found.extend(anybody(token)?);
        }
        Ok(found)
    }
}

#[derive(Default)]
struct DropsMisses;

impl Fault for DropsMisses {
    fn find(&self, good: &MemoryStore, tokens: &[TokenRef<'_>]) -> Found {
        let mut found = good.find(tokens)?;
        if found.len() > 1 {
            found.retain(Option::is_some);
        }
        Ok(found)
    }
}

#[derive(Default)]
struct ListsByCase;

impl Fault for ListsByCase {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let mut page = good.list(page)?;
        page.users
            .sort_by_key(|entry| entry.user.id.as_str().to_lowercase());
        Ok(page)
    }
}

#[derive(Default)]
struct ListsTheLastAgain;

impl Fault for ListsTheLastAgain {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let mut all = good.list(&Page {
            after: None,
            skip: 0,
            limit: usize::MAX,
            ..*page
        })?;
        all.users
            .retain(|entry| page.after.is_none_or(|after| entry.user.id >= *after));
        let rest = all.users.into_iter().skip(page.skip).take(page.limit);
        // One who stands alone is not shown for ever, so that a reader's loop ends.
        let users: Vec<_> = rest.collect();
        Ok(UserPage {
            users: if users.len() == 1 && page.after == Some(&users[0].user.id) {
                Vec::new()
            } else {
                users
            },
            total: all.total,
        })
    }
}

#[derive(Default)]
struct SkipsNobody;

impl Fault for SkipsNobody {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        good.list(&Page { skip: 0, ..*page })
    }
}

#[derive(Default)]
struct CountsThePage;

impl Fault for CountsThePage {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let page = good.list(page)?;
        Ok(UserPage {
            total: page.total.map(|_| page.users.len() as u64),
            ..page
        })
    }
}

#[derive(Default)]
struct NoLimit;

impl Fault for NoLimit {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let limit = if page.limit == 0 { usize::MAX } else { page.limit };
        good.list(&Page { limit, ..*page })
    }
}

#[derive(Default)]
struct ListsNoTokens;

impl Fault for ListsNoTokens {
    fn list(&self, good: &MemoryStore, page: &Page<'_>) -> Result<UserPage, StoreError> {
        let mut page = good.list(page)?;
        page.users.iter_mut().for_each(|entry| entry.tokens.clear());
        Ok(page)
    }
}
