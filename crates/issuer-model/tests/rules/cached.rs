//! The cache of live tokens and the purge, explored: one service that caches, one user, and a clock that runs ahead and is
//! corrected. The rules are those of the service; the cache is described here, and `tests/schedules.rs` has its code.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use issuer::{
    KeyFingerprint, Lifetime, Timestamp, TokenId,
    decide::{self, Decision, Fresh, Issue, MaxLiveTokens, Policy, Revoke, RevokeTarget, Rules},
    state::{TokenName, TokenRecord, Version},
    user::{NewUser, UserId},
};
use issuer_store::Outcome;
use stateright::{Checker, Model, Property};

use crate::{
    table::{Row, Rows, Table},
    threads,
};

const LIFETIME_SECONDS: i64 = 2;
const PURGE_AFTER_SECONDS: i64 = 1;
/// Enough for a token that was just issued to be purged.
const AHEAD_SECONDS: i64 = LIFETIME_SECONDS + PURGE_AFTER_SECONDS;
const MAX_SECONDS: i64 = 2;
const MAX_WRITES: u8 = 4;

/// When the cache is told what a purge may delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// As the service does.
    BeforeThePurge,
    /// A defect.
    Afterwards,
    /// A defect.
    Never,
    /// A defect: of the latest purge alone, whose clock may have been corrected.
    TheLatest,
}

struct CachedWorld {
    policy: Policy,
    max_live: u8,
    tells: Tells,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Write {
    Issue,
    RevokeAll,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Purging {
    Begun(Timestamp),
    Deleted(Timestamp),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    seconds: i64,
    is_ahead: bool,
    table: Table,
    /// Writes that were begun.
    writes: u8,
    /// The write that is under way, and what it decides on.
    writing: Option<(Write, Rows)>,
    purging: Option<Purging>,
    cache: BTreeMap<TokenName, Row<TokenRecord>>,
    /// The cache does not answer for tokens that end by then.
    purged_up_to: Timestamp,
    /// The answer of the store to a check that has not yet kept it.
    asked: Option<Row<TokenRecord>>,
    issued: BTreeSet<TokenName>,
    /// Tokens whose revocation was acknowledged.
    revoked: BTreeSet<TokenName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Tick,
    RunAhead,
    Correct,
    Load(Write),
    Commit,
    Ask(TokenName),
    Keep,
    BeginPurge,
    Delete,
    Tell,
}

impl State {
    fn now(&self) -> Timestamp {
        let ahead = if self.is_ahead { AHEAD_SECONDS } else { 0 };
        Timestamp::from_unix(1_750_680_000 + self.seconds + ahead).unwrap()
    }

    fn cached(&self, name: TokenName) -> Option<&Row<TokenRecord>> {
        let found = self.cache.get(&name);
        found.filter(|token| token.0.expires_at > self.purged_up_to)
    }
}

impl CachedWorld {
    fn user() -> UserId {
        UserId::parse("amy").unwrap()
    }

    fn rules(&self) -> Rules {
        Rules::new(KeyFingerprint::from_bytes([7; 16]))
            .with_lifetime(Lifetime::from_seconds(LIFETIME_SECONDS).unwrap())
            .with_policy(self.policy)
            .with_max_live_tokens(MaxLiveTokens::new(self.max_live).unwrap())
    }

    fn is_live(&self, token: &TokenRecord, state: &State) -> bool {
        decide::check(token, &self.rules(), state.now()).is_ok()
    }

    /// The tokens that a check accepts now: by the cache if it answers, else by the store.
    fn accepted(&self, state: &State) -> BTreeSet<TokenName> {
        let rows = state.table.rows(&Self::user());
        let accepts = |name: &&TokenName| {
            let known = state.cached(**name).or_else(|| rows.tokens.get(name));
            known.is_some_and(|token| self.is_live(&token.0, state))
        };
        state.issued.iter().filter(accepts).copied().collect()
    }

    fn commit(&self, state: &mut State) -> Option<()> {
        let (write, rows) = state.writing.take()?;
        let (snapshot, user, now) = (rows.snapshot(&[]), Self::user(), state.now());
        let mut id = [0; 16];
        id[15] = state.writes;
        let fresh = Fresh {
            token_id: TokenId::from_bytes(id),
            version: Version::from_bytes(id),
        };
        let rules = self.rules();
        let (commit, issued) = match write {
            Write::Issue => {
                let issue = Issue::from(NewUser::from(user));
                match decide::issue(&snapshot, &issue, &rules, now, fresh) {
                    Decision::Commit(commit, issued) => (Some(commit), Some(issued.token.name())),
                    _ => (None, None),
                }
            }
            Write::RevokeAll => {
                let target = RevokeTarget::All;
                match decide::revoke(&snapshot, &Revoke { user, target }, &rules, now, fresh) {
                    Decision::Commit(commit, _) => (Some(commit), None),
                    Decision::Answer(_) => (None, None),
                    // There is no such user yet.
                    Decision::Refuse(_) => return Some(()),
                }
            }
        };
        if let Some(commit) = commit {
            for token in &snapshot.tokens {
                state.cache.remove(&token.name());
                state.asked.take_if(|asked| asked.0.name() == token.name());
            }
            // A purge leaves the version of the user as it is, and nobody else writes.
            assert_eq!(state.table.apply(&commit), Outcome::Applied);
        }
        if write == Write::RevokeAll {
            state.revoked.clone_from(&state.issued);
        }
        state.issued.extend(issued);
        Some(())
    }
}

impl Model for CachedWorld {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            seconds: 0,
            is_ahead: false,
            table: Table::default(),
            writes: 0,
            writing: None,
            purging: None,
            cache: BTreeMap::new(),
            purged_up_to: Timestamp::MIN,
            asked: None,
            issued: BTreeSet::new(),
            revoked: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.seconds < MAX_SECONDS {
            actions.push(Action::Tick);
        }
        actions.push(if state.is_ahead {
            Action::Correct
        } else {
            Action::RunAhead
        });
        if state.writing.is_some() {
            actions.push(Action::Commit);
        } else if state.writes < MAX_WRITES {
            actions.extend([Write::Issue, Write::RevokeAll].map(Action::Load));
        }
        if state.asked.is_some() {
            actions.push(Action::Keep);
        } else {
            actions.extend(state.issued.iter().copied().map(Action::Ask));
        }
        actions.push(match state.purging {
            None => Action::BeginPurge,
            Some(Purging::Begun(_)) => Action::Delete,
            Some(Purging::Deleted(_)) => Action::Tell,
        });
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.seconds += 1,
            Action::RunAhead => state.is_ahead = true,
            Action::Correct => state.is_ahead = false,
            Action::Load(write) => {
                state.writes += 1;
                state.writing = Some((write, state.table.rows(&Self::user())));
            }
            Action::Commit => self.commit(&mut state)?,
            Action::Ask(name) => {
                let rows = state.table.rows(&Self::user());
                let found = rows.tokens.get(&name);
                state.asked = Some(found.filter(|token| self.is_live(&token.0, &state))?.clone());
            }
            Action::Keep => {
                let token = state.asked.take()?;
                if token.0.expires_at > state.purged_up_to {
                    state.cache.insert(token.0.name(), token);
                }
            }
            Action::BeginPurge => {
                let dead_before = state.now().saturating_add_seconds(-PURGE_AFTER_SECONDS);
                match self.tells {
                    Tells::BeforeThePurge => state.purged_up_to = state.purged_up_to.max(dead_before),
                    Tells::TheLatest => state.purged_up_to = dead_before,
                    Tells::Afterwards | Tells::Never => {}
                }
                state.purging = Some(Purging::Begun(dead_before));
            }
            Action::Delete => {
                let Some(Purging::Begun(dead_before)) = state.purging.take() else {
                    return None;
                };
                state.table.purge(dead_before);
                if self.tells == Tells::Afterwards {
                    state.purging = Some(Purging::Deleted(dead_before));
                }
            }
            Action::Tell => {
                let Some(Purging::Deleted(dead_before)) = state.purging.take() else {
                    return None;
                };
                state.purged_up_to = state.purged_up_to.max(dead_before);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "never more accepted tokens than allowed",
                |world: &Self, state: &State| world.accepted(state).len() <= usize::from(world.max_live),
            ),
            Property::always("nothing revoked is accepted", |world: &Self, state: &State| {
                world.accepted(state).is_disjoint(&state.revoked)
            }),
            Property::sometimes("the cache answers", |_: &Self, state: &State| {
                state.issued.iter().any(|name| state.cached(*name).is_some())
            }),
            Property::sometimes(
                "the cache holds a token that lives by the corrected clock and whose row is gone",
                |world: &Self, state: &State| {
                    let rows = state.table.rows(&Self::user());
                    let is_lost = |token: &Row<TokenRecord>| {
                        world.is_live(&token.0, state) && !rows.tokens.contains_key(&token.0.name())
                    };
                    !state.is_ahead && state.cache.values().any(is_lost)
                },
            ),
        ]
    }
}

const DEPTH: usize = 12;

#[test]
fn a_cache_that_is_told_before_each_purge_accepts_nothing_revoked_and_no_token_too_many() {
    for (policy, max_live) in [
        (Policy::ConflictWhileLive, 1),
        (Policy::Upsert, 1),
        (Policy::Upsert, 2),
    ] {
        let start = Instant::now();
        let world = CachedWorld {
            policy,
            max_live,
            tells: Tells::BeforeThePurge,
        };
        let checker = world
            .checker()
            .threads(threads())
            .target_max_depth(crate::depth(DEPTH) + 2)
            .spawn_bfs()
            .join();
        eprintln!(
            "cache and purge, {policy:?}, {max_live}: {} states, {} of them different, {:.1?}",
            checker.state_count(),
            checker.unique_state_count(),
            start.elapsed(),
        );
        checker.assert_properties();
    }
}

#[test]
fn a_cache_that_is_told_of_a_purge_too_late_or_never_or_forgets_it_is_found() {
    for tells in [Tells::Afterwards, Tells::Never, Tells::TheLatest] {
        let world = CachedWorld {
            policy: Policy::ConflictWhileLive,
            max_live: 1,
            tells,
        };
        let checker = world
            .checker()
            .threads(threads())
            .target_max_depth(16)
            .spawn_bfs()
            .join();
        for broken in [
            "never more accepted tokens than allowed",
            "nothing revoked is accepted",
        ] {
            let path = checker
                .discovery(broken)
                .unwrap_or_else(|| panic!("{tells:?}: {broken}"));
            eprintln!("{tells:?}: {broken}: {:?}", path.into_actions());
        }
    }
}
