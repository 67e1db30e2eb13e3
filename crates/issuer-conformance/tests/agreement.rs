//! Random steps tell a broken store from a good one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use issuer_conformance::{
    agreement::{Sequences, agrees_with_memory, steps_of_seed},
    broken::BROKEN_STORES,
};
use issuer_store::{MemoryStore, Store};

issuer_conformance::sequence_suite!(MemoryStore::new);

#[test]
fn of_a_sequence_that_shows_a_difference_the_shortest_is_shown() {
    // One commit on a version that is not there: nothing shorter shows it.
    let lost = BROKEN_STORES
        .iter()
        .copied()
        .flatten()
        .find(|store| store.name == "loses updates")
        .unwrap();
    let made = || -> Arc<dyn Store> { Arc::from((lost.make)()) };
    for seed in 0..10 {
        let difference = Sequences::of_seed(seed, 100).run(made).unwrap_err();
        assert!(difference.steps().len() <= 2, "{difference}");
        let again = Sequences::of_seed(seed, 100).run(made).unwrap_err();
        assert_eq!(again.to_string(), difference.to_string());
    }
}

/// What random steps cannot see: threads, sizes, odd values, foreign cursors. The other cases do.
const BEYOND_RANDOM_STEPS: [&str; 20] = [
    "checks a moment before it writes",
    "takes no more than a hundred commits",
    "takes an empty audience for none",
    "keeps 32 bits of a time",
    "shows at most ten tokens",
    "loads each user once",
    "lists users in another order",
    "takes limit 0 for no limit",
    "reads a user and the tokens one after the other",
    "lists users and their tokens one after the other",
    "counts rows for a cursor",
    "exports a token where it is alive and where it is not",
    "exports tokens before their user",
    "begins anew at a cursor that it does not know",
    "panics at a cursor that it does not know",
    "calls a cursor that it does not know damage",
    "purges whatever the limit is",
    "takes purge's limit 0 for 1",
    "stops early though dead rows are left",
    "keeps at most ten keys",
];

#[test]
fn random_steps_reject_every_other_broken_store() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let agreeing: Vec<&str> = BROKEN_STORES
        .iter()
        .copied()
        .flatten()
        .filter(|store| !BEYOND_RANDOM_STEPS.contains(&store.name))
        .filter(|store| {
            let agree = || agrees_with_memory(&*(store.make)(), &steps_of_seed(1, 150));
            panic::catch_unwind(AssertUnwindSafe(agree)).is_ok()
        })
        .map(|store| store.name)
        .collect();
    panic::set_hook(loud);
    assert_eq!(agreeing, [""; 0]);
}
