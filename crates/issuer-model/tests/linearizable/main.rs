//! What callers of three services over one SQLite file saw can be put in one order, in which each call happens
//! at one moment between its beginning and its end.
//!
//! `ISSUER_HISTORIES=1000 cargo test -p issuer-model --test linearizable` records more histories.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests say so by failing"
)]

mod careless;
mod history;
mod one_user;

use std::{env, time::Instant};

use careless::Careless;
use history::{Policies, Services};
use issuer_sqlite::SqliteStore;

fn histories() -> u64 {
    env::var("ISSUER_HISTORIES").map_or(60, |count| count.parse().unwrap())
}

#[test]
fn every_history_of_three_services_over_one_file_has_an_order() {
    let start = Instant::now();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("issuer.db");
    let policies = Policies::ALL.map(|policy| Services::open(policy, || SqliteStore::open(&path).unwrap()));
    let (mut calls, mut overlapping) = (0, 0);
    for number in 0..histories() {
        let services = &policies[usize::try_from(number).unwrap() % policies.len()];
        let history = services.record(number);
        assert!(history.has_an_order(), "history {number}: {history:#?}");
        calls += history.calls();
        overlapping += history.overlapping();
    }
    eprintln!(
        "{} histories, {calls} calls, {overlapping} of them begun while another ran, {:.1?}",
        histories(),
        start.elapsed()
    );
    assert!(
        overlapping * 2 > calls,
        "callers that wait for each other show nothing"
    );
}

#[test]
fn a_store_that_ignores_preconditions_is_found_within_fifty_histories() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("issuer.db");
    for policy in Policies::ALL {
        let services = Services::open(policy, || Careless(SqliteStore::open(&path).unwrap()));
        let found = (0..50).find(|number| !services.record(*number).has_an_order());
        eprintln!("{policy:?}: found in history {found:?}");
        assert!(found.is_some(), "{policy:?}");
    }
}
