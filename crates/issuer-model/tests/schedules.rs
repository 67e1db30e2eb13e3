//! The queue, the replies and the writer of `issuer-service`, as they are, under schedules that shuttle chooses.
//!
//! `ISSUER_SCHEDULES=1000000 cargo test -p issuer-model --test schedules` tries more of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests say so by failing"
)]

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use issuer_model::schedules::{self, Forgets, Plant, Purges};
use shuttle::{
    Config, Runner,
    scheduler::{PctScheduler, RandomScheduler},
};

/// A cache of live tokens is moved while it is made, which takes more than shuttle's 32 KiB of stack without optimisation.
fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = 256 << 10;
    config
}

/// Half of them by chance, half with the few changes of thread that find most defects.
fn holds(name: &str, what: fn()) {
    let schedules: usize = env::var("ISSUER_SCHEDULES").map_or(10_000, |count| count.parse().unwrap());
    let start = Instant::now();
    Runner::new(RandomScheduler::new(schedules / 2), config()).run(what);
    Runner::new(PctScheduler::new(3, schedules / 2), config()).run(what);
    eprintln!("{name}: {schedules} schedules, {:.1?}", start.elapsed());
}

/// A schedule is found in which it goes wrong, and says so.
fn is_found(name: &str, wrong: &str, what: fn()) {
    let tried = Arc::new(AtomicUsize::new(0));
    let count = tried.clone();
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let found = panic::catch_unwind(AssertUnwindSafe(|| {
        Runner::new(RandomScheduler::new(1_000), config()).run(move || {
            count.fetch_add(1, Ordering::Relaxed);
            what();
        });
    }));
    panic::set_hook(loud);
    let said = found.err().unwrap_or_else(|| panic!("{name}: not found"));
    let said = said
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| said.downcast_ref::<&str>().copied())
        .unwrap_or_default();
    eprintln!("{name}: found in schedule {}", tried.load(Ordering::Relaxed));
    assert!(said.contains(wrong), "{said}");
}

#[test]
fn what_the_queue_let_in_is_taken_once_and_everybody_comes_to_an_end() {
    holds("queue and its close", || schedules::queue(Plant::None));
}

#[test]
fn whoever_pushed_is_served_without_a_close() {
    holds("queue while open", || schedules::served_while_open(Plant::None));
}

#[test]
fn a_request_has_one_answer_and_it_is_true() {
    holds("reply", schedules::reply);
}

#[test]
fn the_writer_answers_everybody_at_a_shutdown_too() {
    holds("writer", || schedules::writer(Plant::None));
}

#[test]
fn an_arrival_that_wakes_nobody_is_found() {
    is_found("silent arrival", "deadlock", || {
        schedules::served_while_open(Plant::ArrivalIsSilent);
    });
}

#[test]
fn a_close_that_wakes_nobody_is_found() {
    is_found("silent close", "deadlock", || {
        schedules::queue(Plant::CloseIsSilent);
    });
    is_found("silent close, writer", "deadlock", || {
        schedules::writer(Plant::CloseIsSilent);
    });
}

#[test]
fn a_revocation_that_the_store_shows_is_not_hidden_by_the_cache_of_live_tokens() {
    holds("cache of live tokens", || {
        schedules::live_tokens(Forgets::BeforeTheStoreShowsIt);
    });
}

#[test]
fn a_cache_that_forgets_after_the_store_has_shown_it_is_found() {
    is_found("late cache", "live, though its revocation was shown", || {
        schedules::live_tokens(Forgets::Afterwards);
    });
}

#[test]
fn a_token_whose_row_was_purged_by_a_clock_ahead_is_not_in_the_cache_of_live_tokens() {
    holds("cache and purge", || schedules::purge(Purges::AreTold));
}

#[test]
fn a_cache_that_is_not_told_of_a_purge_is_found() {
    is_found("cache without purge", "live, though its row was purged", || {
        schedules::purge(Purges::AreNotTold);
    });
}
