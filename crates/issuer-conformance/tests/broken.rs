//! The suite rejects every broken store, with the cases that are there for what is broken.

#![allow(clippy::expect_used, reason = "helpers of a test")]

use std::{
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
};

use issuer_conformance::{
    CASES, Case, DURABLE_CASES, Open, SHARED_CASES,
    broken::{BROKEN_PLACES, BROKEN_STORES},
};
use issuer_store::Store;

fn rejects(case: impl FnOnce()) -> bool {
    panic::catch_unwind(AssertUnwindSafe(case)).is_err()
}

fn named<F: Copy>(cases: &[Case<F>], name: &str) -> Option<F> {
    cases.iter().find(|case| case.name == name).map(|case| case.run)
}

#[test]
fn every_broken_store_is_rejected_by_the_cases_of_its_promise() {
    // Some two hundred panics are on their way, and none of them is news.
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let let_through = [stores_let_through(), places_let_through()].concat();
    panic::set_hook(loud);
    assert_eq!(let_through, []);
}

/// Broken stores, and the cases that should have rejected them.
fn stores_let_through() -> Vec<(&'static str, &'static str)> {
    let mut let_through = Vec::new();
    for store in BROKEN_STORES.iter().copied().flatten() {
        assert!(!store.rejected_by.is_empty(), "{}", store.name);
        for name in store.rejected_by {
            let case: fn(&dyn Store) = named(CASES, name).expect(name);
            if !rejects(|| case(&*(store.make)())) {
                let_through.push((store.name, *name));
            }
        }
    }
    let_through
}

/// Broken places, and the cases that should have rejected them.
fn places_let_through() -> Vec<(&'static str, &'static str)> {
    let mut let_through = Vec::new();
    for place in BROKEN_PLACES {
        assert!(!place.rejected_by.is_empty(), "{}", place.name);
        for name in place.rejected_by {
            let case: fn(Open<'_>) = named(DURABLE_CASES, name)
                .or_else(|| named(SHARED_CASES, name))
                .expect(name);
            if !rejects(|| case(&(place.make)())) {
                let_through.push((place.name, *name));
            }
        }
    }
    let_through
}

#[test]
fn every_name_is_used_once() {
    let cases = CASES.iter().map(|case| case.name);
    let durable = DURABLE_CASES.iter().chain(SHARED_CASES).map(|case| case.name);
    let names: Vec<_> = cases.chain(durable).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let broken = BROKEN_STORES.iter().copied().flatten().map(|store| store.name);
    let names: Vec<_> = broken
        .chain(BROKEN_PLACES.iter().map(|place| place.name))
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
}
