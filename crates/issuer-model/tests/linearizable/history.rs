//! Concurrent calls, and the order in which they began and ended.

use std::{
    sync::{Arc, Barrier, Mutex},
    thread,
};

use issuer::{
    Lifetime, Timestamp,
    decide::{IdempotencyKey, Issue, MaxLiveTokens, Policy, Refusal},
    jose::{KeySet, SigningKey},
    user::{NewUser, UserId},
};
use issuer_service::{ErrorKind, ManualClock, TokenService};
use issuer_store::Store;
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester};

use crate::one_user::{Call, LIFETIME_SECONDS, OneUser, Said, Text};

const SERVICES: usize = 3;
/// Between two bursts of calls the clock is moved, back or forward.
const BURSTS: usize = 3;
const CALLS_A_BURST: usize = 3;
/// Of the tester, who also is the one that moves the clock.
const NOBODY: usize = SERVICES;

#[derive(Clone, Copy, Debug)]
pub enum Policies {
    OneConflict,
    TwoConflict,
    OneUpsert,
}

impl Policies {
    pub const ALL: [Self; 3] = [Self::OneConflict, Self::TwoConflict, Self::OneUpsert];

    const fn settings(self) -> (Policy, u8) {
        match self {
            Self::OneConflict => (Policy::ConflictWhileLive, 1),
            Self::TwoConflict => (Policy::ConflictWhileLive, 2),
            Self::OneUpsert => (Policy::Upsert, 1),
        }
    }
}

/// Three services of one clock, each with a store of its own over the same file.
pub struct Services {
    instances: Vec<TokenService>,
    clock: ManualClock,
    policy: Policies,
}

#[derive(Clone, Debug)]
enum Event {
    Begins(usize, Call),
    Ends(usize, Said),
}

#[derive(Debug)]
pub struct History {
    policy: Policies,
    events: Vec<Event>,
}

impl Services {
    pub fn open<S: Store + 'static>(policy: Policies, open: impl Fn() -> S) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix(1_750_680_000).unwrap());
        let (rule, max_live) = policy.settings();
        let service = |_| {
            TokenService::builder(open(), KeySet::new(SigningKey::hs256([7; 32]).unwrap()))
                .lifetime(Lifetime::from_seconds(LIFETIME_SECONDS).unwrap())
                .policy(rule)
                .max_live_tokens(MaxLiveTokens::new(max_live).unwrap())
                .clock(clock.clone())
                .build()
                .unwrap()
        };
        Self {
            instances: (0..SERVICES).map(service).collect(),
            clock,
            policy,
        }
    }

    /// Records what three callers, each of a service of its own, see of a new user.
    pub fn record(&self, number: u64) -> History {
        let user = UserId::parse(&format!("{:?}-{number}", self.policy)).unwrap();
        let mut random = StdRng::seed_from_u64(number);
        let events = Mutex::new(Vec::new());
        let texts = Mutex::new(Vec::new());
        let mut second = 0;
        for burst in 0..BURSTS {
            if burst > 0 {
                let step = random.random_range(-LIFETIME_SECONDS..=2 * LIFETIME_SECONDS);
                self.clock.advance(step);
                second += step;
                let mut events = events.lock().unwrap();
                events.push(Event::Begins(NOBODY, Call::Clock(second)));
                events.push(Event::Ends(NOBODY, Said::Moved));
            }
            let together = Barrier::new(SERVICES);
            thread::scope(|scope| {
                for (caller, tokens) in self.instances.iter().enumerate() {
                    let mut random = StdRng::seed_from_u64(random.next_u64());
                    let (user, together, events, texts) = (&user, &together, &events, &texts);
                    scope.spawn(move || {
                        together.wait();
                        for _ in 0..CALLS_A_BURST {
                            let call = choose(&mut random, &texts.lock().unwrap());
                            events.lock().unwrap().push(Event::Begins(caller, call.clone()));
                            let said = carry_out(tokens, user, &call);
                            events.lock().unwrap().push(Event::Ends(caller, said.clone()));
                            if let Said::Issued(text) = said {
                                texts.lock().unwrap().push(text);
                            }
                        }
                    });
                }
            });
        }
        self.clock.advance(-second);
        History {
            policy: self.policy,
            events: events.into_inner().unwrap(),
        }
    }
}

fn choose(random: &mut StdRng, texts: &[Text]) -> Call {
    match random.random_range(0..10) {
        0..=2 => Call::Issue { key: None },
        3..=4 => Call::Issue {
            key: Some(random.random_range(0..2)),
        },
        5..=6 => Call::RevokeAll,
        _ if texts.is_empty() => Call::Issue { key: None },
        _ => Call::Check(texts[random.random_range(0..texts.len())].clone()),
    }
}

fn carry_out(tokens: &TokenService, user: &UserId, call: &Call) -> Said {
    let tokens = tokens.blocking();
    let said = match call {
        Call::Issue { key } => {
            let mut issue = Issue::from(NewUser::from(user.clone()));
            if let Some(key) = key {
                issue =
                    issue.with_idempotency_key(IdempotencyKey::new(b"caller", &format!("key{key}")).unwrap());
            }
            tokens
                .issue(issue)
                .map(|issued| Said::Issued(Arc::from(issued.token())))
        }
        Call::RevokeAll => tokens
            .revoke_all(user)
            .map(|revoked| Said::Revoked(revoked.tokens)),
        Call::Check(text) => tokens.authenticate(text).map(|_| Said::Alive),
        Call::Clock(_) => return Said::Moved,
    };
    said.unwrap_or_else(|error| match error.kind() {
        ErrorKind::Refused(Refusal::UserExists { .. }) => Said::UserExists,
        ErrorKind::Refused(Refusal::IdempotentTokenDead) => Said::KeyIsUsedUp,
        ErrorKind::Refused(Refusal::ClientNotFound { .. }) => Said::NoSuchUser,
        ErrorKind::Refused(Refusal::InvalidToken(_)) => Said::Dead,
        ErrorKind::Contended => Said::GivenUp,
        _ => panic!("{error:?}"),
    })
}

impl History {
    pub fn has_an_order(&self) -> bool {
        let (policy, max_live) = self.policy.settings();
        let mut tester = LinearizabilityTester::new(OneUser::new(policy, usize::from(max_live)));
        for event in &self.events {
            match event.clone() {
                Event::Begins(caller, call) => tester.on_invoke(caller, call).unwrap(),
                Event::Ends(caller, said) => tester.on_return(caller, said).unwrap(),
            };
        }
        tester.is_consistent()
    }

    pub fn calls(&self) -> usize {
        self.events.len() / 2
    }

    /// The calls that began while another one ran.
    pub fn overlapping(&self) -> usize {
        let mut running = 0;
        let mut overlapping = 0;
        for event in &self.events {
            match event {
                Event::Begins(..) => {
                    overlapping += usize::from(running > 0);
                    running += 1;
                }
                Event::Ends(..) => running -= 1,
            }
        }
        overlapping
    }
}
