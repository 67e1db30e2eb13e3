//! What the explorer explores: three service instances over one store, two users with two idempotency keys
//! each, and a clock. Every step of every instance is an action of its own.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use issuer::{
    KeyFingerprint, Lifetime, Timestamp, TokenId,
    decide::{
        self, Decision, Fresh, IdempotencyKey, Issue, MaxLiveTokens, Policy, Revoke, RevokeTarget, Rules,
    },
    state::{Change, Commit, Expect, Snapshot, TokenRecord, Version},
    user::{NewUser, UserId},
};
use issuer_store::Outcome;
use stateright::{Model, Property};

use crate::{
    state::{Action, Answer, Client, Decided, Request, Sent, Stage, State, Work},
    table::{Row, Rows, Table},
    witnesses::{Witnesses, count},
};

const INSTANCES: usize = 3;
const USERS: u8 = 2;
const KEYS: u8 = 2;
const LIFETIME_SECONDS: i64 = 2;
const MAX_SECONDS: u8 = 3;

pub struct World {
    pub policy: Policy,
    pub max_live: u8,
    /// Whether two requests of one user may be decided as one batch, as the writer of a service does it.
    pub batches: bool,
    /// Whether users are erased, which no call does yet: the store's rows allow for it.
    pub erasure: bool,
    /// How many users there are: 2, or 1 for a defect that lies deep.
    pub users: u8,
    pub plant: Option<Plant>,
    pub seen: Witnesses,
    pub ids: Vec<UserId>,
    keys: Vec<IdempotencyKey>,
}

/// A defect that must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    PreconditionIgnored,
    ReplayForgotten,
    RevocationDropped,
    VersionCounts,
    AnswersFirst,
}

impl World {
    pub fn new(policy: Policy, max_live: u8) -> Self {
        Self {
            policy,
            max_live,
            batches: false,
            erasure: false,
            plant: None,
            seen: Witnesses::default(),
            users: USERS,
            ids: (0..USERS)
                .map(|user| UserId::parse(&format!("user{user}")).unwrap())
                .collect(),
            keys: (0..KEYS)
                .map(|key| IdempotencyKey::new(b"caller", &format!("key{key}")).unwrap())
                .collect(),
        }
    }

    pub fn rules(&self) -> Rules {
        Rules::new(KeyFingerprint::from_bytes([7; 16]))
            .with_lifetime(Lifetime::from_seconds(LIFETIME_SECONDS).unwrap())
            .with_policy(self.policy)
            .with_max_live_tokens(MaxLiveTokens::new(self.max_live).unwrap())
    }

    fn requests(&self) -> Vec<Request> {
        (0..self.users)
            .flat_map(|user| {
                (0..KEYS)
                    .map(move |key| Request::Issue { user, key })
                    .chain([Request::Revoke { user }])
                    .chain(self.erasure.then_some(Request::Erase { user }))
            })
            .collect()
    }

    /// Decides a batch as the writer of a service does: one after the other, folded into one commit.
    fn decide(&self, batch: &[Sent], rows: &Rows, now: Timestamp) -> Decided {
        let keys: Vec<_> = self.keys.iter().map(|key| key.digest()).collect();
        let mut snapshot = rows.snapshot(&keys);
        let mut decided = Decided {
            early: Vec::new(),
            commit: None,
            late: Vec::new(),
        };
        for sent in batch {
            let (commit, answer) = self.decide_one(*sent, &snapshot, now);
            let writes = commit.is_some();
            if let Some(commit) = commit {
                snapshot = snapshot.after(&commit);
                match &mut decided.commit {
                    Some(folded) => folded.fold(commit),
                    None => decided.commit = Some(commit),
                }
            }
            if writes || decided.commit.is_some() {
                decided.late.push((*sent, answer));
            } else {
                decided.early.push((*sent, answer));
            }
        }
        decided
    }

    fn decide_one(&self, sent: Sent, snapshot: &Snapshot, now: Timestamp) -> (Option<Commit>, Answer) {
        let rules = self.rules();
        let user = self.ids[sent.request.user()].clone();
        let fresh = self.fresh(sent, snapshot);
        match sent.request {
            Request::Issue { key, .. } => {
                let issue =
                    Issue::from(NewUser::from(user)).with_idempotency_key(self.keys[usize::from(key)]);
                answer(decide::issue(snapshot, &issue, &rules, now, fresh), |issued| {
                    Answer::Issued(Row(issued.token))
                })
            }
            Request::Revoke { .. } => {
                let target = RevokeTarget::All;
                let revoke = Revoke { user, target };
                answer(decide::revoke(snapshot, &revoke, &rules, now, fresh), |_| {
                    Answer::Done
                })
            }
            Request::Erase { .. } => match &snapshot.user {
                None => (None, Answer::Refused),
                Some(known) => {
                    let commit = Commit {
                        user,
                        expect: Expect::Version(known.version),
                        next: fresh.version,
                        claims: Vec::new(),
                        changes: vec![Change::EraseUser],
                    };
                    (Some(commit), Answer::Done)
                }
            },
        }
    }

    fn fresh(&self, sent: Sent, snapshot: &Snapshot) -> Fresh {
        let kind = match sent.request {
            Request::Issue { key, .. } => key,
            Request::Revoke { .. } => KEYS,
            Request::Erase { .. } => KEYS + 1,
        };
        let mut bytes = [0; 16];
        bytes[..3].copy_from_slice(&[1 + kind, u8::try_from(sent.request.user()).unwrap(), sent.number]);
        let version = if self.plant == Some(Plant::VersionCounts) {
            let last = snapshot
                .user
                .as_ref()
                .map_or(0, |user| user.version.as_bytes()[15]);
            let mut counter = [0; 16];
            counter[15] = last + 1;
            counter
        } else {
            bytes
        };
        Fresh {
            token_id: TokenId::from_bytes(bytes),
            version: Version::from_bytes(version),
        }
    }

    /// The store, with what was planted in it.
    fn apply(&self, table: &mut Table, mut commit: Commit) -> Outcome {
        match self.plant {
            Some(Plant::PreconditionIgnored) => commit.expect = Expect::Any,
            Some(Plant::ReplayForgotten) => {
                commit
                    .changes
                    .retain(|change| !matches!(change, Change::PutReplay(_)));
            }
            Some(Plant::RevocationDropped) => commit
                .changes
                .retain(|change| !matches!(change, Change::PutToken(token) if token.revoked_at.is_some())),
            _ => {}
        }
        table.apply(&commit)
    }

    pub fn live(&self, state: &State, user: usize) -> Vec<Row<TokenRecord>> {
        let rows = state.table.rows(&self.ids[user]);
        let is_live = |token: &Row<TokenRecord>| decide::check(&token.0, &self.rules(), state.now()).is_ok();
        rows.tokens.into_values().filter(is_live).collect()
    }

    /// What the explorer need not try, because it only renames: the first user of all is user 0, and each
    /// user's first key is key 0.
    fn is_first_of_its_name(state: &State, request: Request) -> bool {
        let sent = |wanted: &dyn Fn(Request) -> bool| {
            state
                .clients
                .iter()
                .any(|client| client.sends > 0 && wanted(client.request))
        };
        let user = request.user();
        let user_is = user == 0 || sent(&|other| other.user() < user);
        let key_is = match request {
            Request::Issue { user, key } if key > 0 => {
                sent(&|other| other == Request::Issue { user, key: 0 })
            }
            _ => true,
        };
        user_is && key_is
    }
}

fn answer<T>(decision: Decision<T>, said: impl FnOnce(T) -> Answer) -> (Option<Commit>, Answer) {
    match decision {
        Decision::Commit(commit, answer) => (Some(commit), said(answer)),
        Decision::Answer(answer) => (None, said(answer)),
        Decision::Refuse(_) => (None, Answer::Refused),
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let client = |request| Client {
            request,
            sends: 0,
            acknowledged: None,
        };
        vec![State {
            seconds: 0,
            table: Table::default(),
            working: Vec::new(),
            clients: self.requests().into_iter().map(client).collect(),
            should_live: vec![Vec::new(); usize::from(USERS)],
            ended: BTreeSet::new(),
            erased: BTreeSet::new(),
            broken_replay: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.seconds < MAX_SECONDS {
            actions.push(Action::Tick);
        }
        for (at, work) in state.working.iter().enumerate() {
            actions.push(match work.stage {
                Stage::Loaded(_) => Action::Decide(at),
                Stage::Decided(..) => Action::Apply(at),
                Stage::Applied(_) => Action::Answer(at),
            });
            actions.push(Action::Crash(at));
        }
        if state.working.len() == INSTANCES {
            return;
        }
        let ready: Vec<Request> = state
            .clients
            .iter()
            .filter(|client| client.sends < client.request.max_sends())
            .map(|client| client.request)
            .filter(|request| Self::is_first_of_its_name(state, *request))
            .collect();
        for first in &ready {
            actions.push(Action::Load(vec![*first]));
            let with = |second: &&Request| *second != first && second.user() == first.user();
            if self.batches {
                actions.extend(
                    ready
                        .iter()
                        .filter(with)
                        .map(|second| Action::Load(vec![*first, *second])),
                );
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Tick => state.seconds += 1,
            Action::Load(requests) => {
                let user = requests.first()?.user();
                let batch = requests
                    .into_iter()
                    .map(|request| state.send(request))
                    .collect::<Option<_>>()?;
                let rows = state.table.rows(&self.ids[user]);
                state.working.push(Work {
                    batch,
                    stage: Stage::Loaded(rows),
                });
            }
            Action::Decide(at) => {
                let mut work = state.working.remove(at);
                let Stage::Loaded(rows) = work.stage else {
                    return None;
                };
                let now = state.now();
                let decided = self.decide(&work.batch, &rows, now);
                let first = self.plant == Some(Plant::AnswersFirst);
                let late = if first { decided.late } else { Vec::new() };
                for (sent, answer) in decided.early.into_iter().chain(late) {
                    work.batch.retain(|waiting| *waiting != sent || first);
                    self.acknowledge(&mut state, sent, answer, Some((&rows, now)));
                }
                if decided.commit.is_some() {
                    work.stage = Stage::Decided(rows, now);
                    state.working.push(work);
                }
            }
            Action::Apply(at) => {
                let mut work = state.working.remove(at);
                let Stage::Decided(rows, now) = work.stage else {
                    return None;
                };
                let decided = self.decide(&work.batch, &rows, now);
                let commit = decided.commit?;
                let user = commit.user.clone();
                work.stage = match self.apply(&mut state.table, commit) {
                    Outcome::Applied => {
                        for (sent, answer) in &decided.late {
                            self.account(&mut state, *sent, answer, now);
                        }
                        Stage::Applied(decided.late)
                    }
                    Outcome::Conflict => {
                        count(&self.seen.lost_races);
                        Stage::Loaded(state.table.rows(&user))
                    }
                };
                state.working.push(work);
            }
            Action::Answer(at) => {
                let work = state.working.remove(at);
                let Stage::Applied(answers) = work.stage else {
                    return None;
                };
                for (sent, answer) in answers {
                    self.acknowledge(&mut state, sent, answer, None);
                }
            }
            Action::Crash(at) => {
                if matches!(state.working.remove(at).stage, Stage::Applied(_)) {
                    count(&self.seen.crashes_after_apply);
                }
            }
        }
        state.working.sort_by_cached_key(|work| {
            let mut hasher = DefaultHasher::new();
            work.hash(&mut hasher);
            hasher.finish()
        });
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "never more live tokens than allowed",
                |world: &Self, state: &State| {
                    (0..usize::from(USERS))
                        .all(|user| world.live(state, user).len() <= usize::from(world.max_live))
                },
            ),
            Property::always("nothing acknowledged is lost", |world: &Self, state: &State| {
                state.clients.iter().all(|client| {
                    let Some(token) = &client.acknowledged else {
                        return true;
                    };
                    let user = client.request.user();
                    // A token that was acknowledged and never applied is not even on the account.
                    let ended = state.ended.contains(&token.0.name()) || state.now() >= token.0.expires_at;
                    ended || world.live(state, user).contains(token)
                })
            }),
            Property::always("nothing revoked lives", |world: &Self, state: &State| {
                (0..usize::from(USERS)).all(|user| {
                    let live = world.live(state, user);
                    live.iter().all(|token| state.should_live[user].contains(token))
                })
            }),
            Property::always("a replay has the same record", |_: &Self, state: &State| {
                !state.broken_replay
            }),
        ]
    }
}
