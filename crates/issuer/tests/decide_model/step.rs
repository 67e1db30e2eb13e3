//! What may happen: the requests, the clock, the settings, and how often each comes.

use issuer::decide::{MaxLiveTokens, Policy, Rules};
use proptest::{prelude::*, sample::select};

use crate::given::{DAY, key, seconds};

pub(crate) const USERS: [&str; 3] = ["amy", "bob", "Amy"];
pub(crate) const CALLERS: [&str; 2] = ["one", "two"];
pub(crate) const KEYS: [&str; 2] = ["k", "l"];
pub(crate) const NAMES: [Option<&str>; 4] = [None, Some(""), Some("Amy"), Some("https://a/")];
pub(crate) const URLS: [Option<&str>; 4] = [None, Some(""), Some("https://a/"), Some("http://b")];
pub(crate) const PARTIES: [Option<&str>; 3] = [None, Some("a"), Some("b")];
/// How many tokens the host brings.
pub(crate) const DIGESTS: usize = 4;
pub(crate) const LIFETIMES: [i64; 7] = [1, 2, 10, 100, DAY, DAY + 10, 7 * DAY];

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    pub(crate) limit: u8,
    pub(crate) window: u32,
    pub(crate) lifetime: i64,
    pub(crate) issuer: Option<&'static str>,
    pub(crate) audience: Option<&'static str>,
    pub(crate) signing_key: u8,
    pub(crate) other_key: Option<u8>,
}

impl Settings {
    pub(crate) fn rules(&self) -> Rules {
        let mut rules = Rules::new(key(self.signing_key))
            .with_policy(self.policy)
            .with_max_live_tokens(MaxLiveTokens::new(self.limit).unwrap())
            .with_refresh_window(self.window)
            .with_lifetime(seconds(self.lifetime));
        if let Some(issuer) = self.issuer {
            rules = rules.with_issuer(issuer);
        }
        if let Some(audience) = self.audience {
            rules = rules.with_audience(audience);
        }
        if let Some(other) = self.other_key {
            rules = rules.with_other_key(key(other));
        }
        assert!(rules.check().is_ok());
        rules
    }
}

/// One thing that happens. Users, tokens and texts are indexes.

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Issue {
        user: usize,
        nickname: usize,
        avatar_url: usize,
        idempotency: Option<(usize, usize)>,
    },
    Revoke {
        user: usize,
        /// A token of all there ever were, counted from the youngest; `None`: all of the user's.
        token: Option<usize>,
    },
    WriteProfile {
        user: usize,
        nickname: usize,
        avatar_url: usize,
    },
    /// A token that the host brought, put there by hand where nobody else holds it.
    Assign {
        user: usize,
        digest: usize,
        lifetime: usize,
    },
    /// The user is deleted by hand.
    Erase {
        user: usize,
    },
    /// Time passes, or the clock steps back.
    Clock {
        seconds: i64,
    },
    /// The clock is set close to a moment that matters to a token.
    ClockNear {
        token: usize,
        moment: Moment,
        delta: i64,
    },
    Settings(Settings),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    Created,
    Forgotten,
    Window,
    Expired,
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let policy = select(vec![Policy::ConflictWhileLive, Policy::Upsert]);
    let party = || prop_oneof![3 => Just(Some("a")), 1 => select(PARTIES.to_vec())];
    let signing_key = prop_oneof![3 => Just(1_u8), 1 => 2_u8..=3];
    let other_key = proptest::option::of(1_u8..=3);
    (
        (policy, 1_u8..=4, select(vec![0_u32, 0, 1, 2, 9, 50])),
        select(LIFETIMES.to_vec()),
        (party(), party()),
        (signing_key, other_key),
    )
        .prop_map(
            |((policy, limit, window), lifetime, (issuer, audience), (signing_key, other_key))| Settings {
                policy,
                limit,
                window: if i64::from(window) < lifetime { window } else { 0 },
                lifetime,
                issuer,
                audience,
                signing_key,
                other_key,
            },
        )
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    // Mostly one user and one request, so that things meet.
    let user = || prop_oneof![5 => Just(0_usize), 1 => 1..USERS.len()];
    let text = || prop_oneof![4 => Just(0_usize), 1 => 1_usize..4];
    let idempotency = proptest::option::of((0..CALLERS.len(), 0..KEYS.len()));
    let passing = select(vec![1, 2, 5, 9, 10, 50, 99, DAY / 2, DAY - 1, DAY, 7 * DAY]);
    let back = select(vec![-1, -2, -10, -100, -DAY]);
    let moment = select(vec![
        Moment::Created,
        Moment::Forgotten,
        Moment::Window,
        Moment::Expired,
    ]);
    prop_oneof![
        20 => (user(), text(), text(), idempotency).prop_map(|(user, nickname, avatar_url, idempotency)| {
            Step::Issue { user, nickname, avatar_url, idempotency }
        }),
        4 => (user(), proptest::option::weighted(0.7, 0_usize..5))
            .prop_map(|(user, token)| Step::Revoke { user, token }),
        2 => (user(), text(), text())
            .prop_map(|(user, nickname, avatar_url)| Step::WriteProfile { user, nickname, avatar_url }),
        4 => (user(), 0..DIGESTS, 0..LIFETIMES.len())
            .prop_map(|(user, digest, lifetime)| Step::Assign { user, digest, lifetime }),
        1 => user().prop_map(|user| Step::Erase { user }),
        4 => passing.prop_map(|seconds| Step::Clock { seconds }),
        1 => back.prop_map(|seconds| Step::Clock { seconds }),
        6 => (0_usize..4, moment, -2_i64..=2)
            .prop_map(|(token, moment, delta)| Step::ClockNear { token, moment, delta }),
        3 => settings().prop_map(Step::Settings),
    ]
}
