//! What may happen to a store, before it is known what is in it.

use issuer::state::TokenMode;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{NAMES, USERS};

/// One call that writes. What it expects is a guess, which is made a precondition once it is known what
/// the store holds.
#[derive(Clone, Debug)]
pub struct Step(pub(super) Call);

#[derive(Clone, Debug)]
pub(super) enum Call {
    Apply(Vec<Sketch>),
    Purge { dead_before: i64, limit: usize },
    SetControl { expect: Guess, keys: usize },
}

/// A commit without its preconditions.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) user: &'static str,
    pub(super) expect: Guess,
    pub(super) claims: Vec<(&'static str, Guess)>,
    pub(super) rows: Vec<Row>,
}

/// How right an expectation is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Guess {
    /// What is there.
    Right,
    /// What was there before, or never.
    Stale,
    /// Nothing is there.
    Absent,
    /// Whatever is there.
    Any,
}

/// A row; times are seconds after the moment of [`fixture`](crate::fixture).
#[derive(Clone, Debug)]
pub(super) enum Row {
    User(TokenMode, i64),
    Issued(&'static str, End),
    Assigned(&'static str, End),
    Replay(&'static str, i64),
    Tombstone(&'static str, i64),
    Erase,
}

#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) expires_at: i64,
    pub(super) revoked_at: Option<i64>,
}

/// Up to `count` steps, for a proptest of one's own.
pub fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=count)
}

/// `count` steps that are the same for the same seed.
pub fn steps_of_seed(seed: u8, count: usize) -> Vec<Step> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tree = vec(step(), count)
        .new_tree(&mut runner)
        .expect("no filter rejects steps");
    tree.current()
}

fn step() -> impl Strategy<Value = Step> {
    let purge = (moment(), 1_usize..4).prop_map(|(dead_before, limit)| Call::Purge { dead_before, limit });
    let control = (guess(), 0_usize..3).prop_map(|(expect, keys)| Call::SetControl { expect, keys });
    prop_oneof![
        12 => vec(sketch(), 0..5).prop_map(Call::Apply),
        1 => purge,
        1 => control,
    ]
    .prop_map(Step)
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let claims = vec((name(), guess()), 0..2);
    (prop::sample::select(&USERS), guess(), claims, vec(row(), 0..6)).prop_map(
        |(user, expect, claims, rows)| Sketch {
            user,
            expect,
            claims,
            rows,
        },
    )
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![
        6 => Just(Guess::Right),
        1 => Just(Guess::Stale),
        1 => Just(Guess::Absent),
        1 => Just(Guess::Any),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let mode = prop_oneof![
        Just(TokenMode::Unset),
        Just(TokenMode::Issued),
        Just(TokenMode::Assigned)
    ];
    prop_oneof![
        2 => (mode, moment()).prop_map(|(mode, at)| Row::User(mode, at)),
        4 => (name(), end()).prop_map(|(name, end)| Row::Issued(name, end)),
        4 => (name(), end()).prop_map(|(text, end)| Row::Assigned(text, end)),
        2 => (name(), moment()).prop_map(|(key, at)| Row::Replay(key, at)),
        2 => (name(), moment()).prop_map(|(text, until)| Row::Tombstone(text, until)),
        1 => Just(Row::Erase),
    ]
}

fn end() -> impl Strategy<Value = End> {
    (moment(), option::of(moment())).prop_map(|(expires_at, revoked_at)| End {
        expires_at,
        revoked_at,
    })
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&NAMES)
}

fn moment() -> impl Strategy<Value = i64> {
    0_i64..20
}
