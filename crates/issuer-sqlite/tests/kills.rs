//! What was acknowledged survives the death of the process, and stores that break this word are found out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use issuer_conformance::{
    broken::{Habit, WithHabit},
    crash::{Kills, work_until_killed},
};
use issuer_sqlite::SqliteStore;
use issuer_store::StoreError;
use rusqlite::Connection;

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder.join("users.db"))
}

fn is_sound(folder: &Path) {
    let integrity: String = Connection::open(folder.join("users.db"))
        .unwrap()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(integrity, "ok");
}

issuer_conformance::kill_suite!(open, is_sound);

/// What is said of the store that a child works on with a bad habit.
fn found_out(work: &str, habit: Habit) -> String {
    let kills = Kills::of(&format!("kills::{work}")).count(200);
    let failure = kills.run(|folder| with(habit, folder), is_sound).unwrap_err();
    failure.to_string()
}

fn with(habit: Habit, folder: &Path) -> Result<WithHabit<SqliteStore>, StoreError> {
    open(folder).map(|good| WithHabit::new(good, habit))
}

#[test]
fn a_store_that_acknowledges_before_it_writes_is_found_out() {
    let said = found_out("work_ahead", Habit::AcknowledgesBeforeItWrites);
    assert!(
        said.contains("is lost") || said.contains("something revoked lives"),
        "{said}"
    );
}

#[test]
#[ignore = "the work of a child process"]
fn work_ahead() {
    work_until_killed(|folder: &Path| with(Habit::AcknowledgesBeforeItWrites, folder));
}

#[test]
fn a_store_that_writes_a_commit_in_two_is_found_out() {
    let said = found_out("work_in_halves", Habit::TearsCommits);
    // By the check, or by what a child then decides on half a commit.
    let ways = ["a commit is torn", "more than was written", "is lost", "lives"];
    assert!(ways.iter().any(|way| said.contains(way)), "{said}");
}

#[test]
#[ignore = "the work of a child process"]
fn work_in_halves() {
    work_until_killed(|folder: &Path| with(Habit::TearsCommits, folder));
}
