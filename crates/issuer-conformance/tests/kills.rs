//! A store that dies with its process is found out, and so is a child that does not do its work.

use std::{convert::Infallible, path::Path};

use issuer_conformance::crash::{Kills, work_until_killed};
use issuer_store::MemoryStore;

const ENOUGH: u64 = 40;

const OPEN: fn(&Path) -> Result<MemoryStore, Infallible> = |_| Ok(MemoryStore::new());

#[test]
fn a_store_that_is_kept_nowhere_is_found_out() {
    let kills = Kills::of("kills::work_in_memory").count(ENOUGH);
    let failure = kills.run(OPEN, |_| {}).unwrap_err().to_string();
    assert!(failure.contains("something acknowledged is lost"), "{failure}");
}

#[test]
#[ignore = "the work of a child process"]
fn work_in_memory() {
    work_until_killed(OPEN);
}

#[test]
fn a_store_that_does_not_open_is_found_out() {
    let kills = Kills::of("kills::work_without_a_store").count(ENOUGH);
    let failure = kills.run(OPEN, |_| {}).unwrap_err().to_string();
    assert!(failure.contains("there is no store"), "{failure}");
}

#[test]
#[ignore = "the work of a child process"]
fn work_without_a_store() {
    work_until_killed(|_: &Path| Err::<MemoryStore, _>("there is no store"));
}

#[test]
fn a_child_that_does_nothing_is_found_out() {
    let kills = Kills::of("kills::no_such_work").count(ENOUGH);
    let failure = kills.run(OPEN, |_| {}).unwrap_err().to_string();
    assert!(failure.contains("before it was killed"), "{failure}");
}
