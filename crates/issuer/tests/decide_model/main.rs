//! The rules against a model: a run sends the same requests to both, with time passing (and stepping
//! back), settings and keys changing, and users being deleted; and holds what is written against
//! `Snapshot::after` and `Commit::fold`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, and nobody depends on it"
)]

#[path = "../given/mod.rs"]
mod given;
mod model;
mod run;
mod step;

use proptest::prelude::*;

use run::Run;
use step::{settings, step};

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_say_what_the_contract_says(
        start in settings(),
        steps in proptest::collection::vec((step(), proptest::bool::weighted(0.2)), 1..40),
    ) {
        let mut run = Run::new(start);
        for (step, fold_ends_here) in &steps {
            run.step(step);
            if *fold_ends_here {
                run.end_fold();
            }
        }
        run.end_fold();
    }
}
