//! The rules themselves, explored: not a model of `decide`, but the code that a service runs, with every
//! interleaving of three instances up to a depth.
//!
//! `ISSUER_MODEL_DEPTH=12 cargo test -p issuer-model --test rules` looks further than the test command does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests say so by failing, and say how far they looked"
)]

mod accounting;
mod agreement;
mod cached;
mod state;
mod table;
mod witnesses;
mod world;

use std::{env, thread, time::Instant};

use issuer::decide::Policy;
use stateright::{Checker, HasDiscoveries, Model};
use world::{Plant, World};

/// Steps of the longest path, where the environment does not say otherwise.
fn depth(default: usize) -> usize {
    env::var("ISSUER_MODEL_DEPTH").map_or(default, |depth| depth.parse().unwrap())
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// Explores everything down to `depth` steps, and finds nothing. All that matters was come across.
fn holds(name: &str, world: World, depth: usize) {
    let start = Instant::now();
    // The first state counts as depth 1, and those of the last depth are not looked at.
    let checker = world
        .checker()
        .threads(threads())
        .target_max_depth(depth + 2)
        .spawn_bfs()
        .join();
    eprintln!(
        "{name}: {} states, {} of them different, depth {depth}, {:.1?}; replays, lost races, crashes after \
         apply, refusals, revocations, tokens under an expired key: {:?}",
        checker.state_count(),
        checker.unique_state_count(),
        start.elapsed(),
        checker.model().seen.all(),
    );
    if let Some((broken, path)) = checker.discoveries().into_iter().next() {
        panic!("{broken}: {:#?}", path.into_actions());
    }
    // The shortest way to a second token under one key is 10 steps: the last is counted, not looked at.
    let in_reach = if depth < 9 { 5 } else { 6 };
    assert!(
        checker
            .model()
            .seen
            .all()
            .iter()
            .take(in_reach)
            .all(|count| *count > 0)
    );
}

/// The explorer finds the planted defect, as a breach of one of these promises.
fn is_found(plant: Plant, breaches: &[&'static str], mut world: World) {
    world.plant = Some(plant);
    let checker = world
        .checker()
        .threads(threads())
        .target_max_depth(16)
        .finish_when(HasDiscoveries::AnyOf(breaches.iter().copied().collect()))
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let (broken, path) = found
        .iter()
        .find(|(broken, _)| breaches.contains(broken))
        .unwrap_or_else(|| panic!("{plant:?} was not found"));
    let actions = path.clone().into_actions();
    eprintln!(
        "{plant:?}: {broken}, after {} states, in {} steps: {actions:?}",
        checker.state_count(),
        actions.len()
    );
}

#[test]
fn with_conflict_every_interleaving_keeps_every_promise() {
    holds(
        "conflict, 1 token",
        World::new(Policy::ConflictWhileLive, 1),
        depth(10),
    );
}

#[test]
fn with_upsert_every_interleaving_keeps_every_promise() {
    holds("upsert, 1 token", World::new(Policy::Upsert, 1), depth(9));
}

#[test]
fn with_two_tokens_and_erased_users_every_interleaving_keeps_every_promise() {
    let mut world = World::new(Policy::Upsert, 2);
    world.erasure = true;
    holds("upsert, 2 tokens, erasure", world, depth(9));
}

#[test]
fn in_batches_every_interleaving_keeps_every_promise() {
    let mut world = World::new(Policy::Upsert, 1);
    world.batches = true;
    holds("upsert, 1 token, batches", world, depth(7));
}

#[test]
fn a_precondition_that_is_ignored_is_found() {
    is_found(
        Plant::PreconditionIgnored,
        &["never more live tokens than allowed"],
        World::new(Policy::ConflictWhileLive, 1),
    );
}

#[test]
fn a_replay_record_that_is_forgotten_is_found() {
    for policy in [Policy::ConflictWhileLive, Policy::Upsert] {
        is_found(
            Plant::ReplayForgotten,
            &["a replay has the same record"],
            World::new(policy, 1),
        );
    }
}

#[test]
fn a_revocation_mark_that_is_dropped_is_found() {
    is_found(
        Plant::RevocationDropped,
        &["nothing revoked lives"],
        World::new(Policy::ConflictWhileLive, 1),
    );
}

#[test]
fn a_version_that_counts_is_found_once_a_user_can_be_erased() {
    let mut world = World::new(Policy::Upsert, 1);
    world.erasure = true;
    world.users = 1;
    is_found(
        Plant::VersionCounts,
        &["never more live tokens than allowed", "nothing revoked lives"],
        world,
    );
}

#[test]
fn an_answer_before_the_write_is_found() {
    is_found(
        Plant::AnswersFirst,
        &["nothing acknowledged is lost"],
        World::new(Policy::ConflictWhileLive, 1),
    );
}
