//! Hostile clients against the real program: generated requests, well and badly framed, sent well and badly, while thousands
//! of connections do nothing and an honest client is served. `ISSUER_HOSTILE` says how many requests,
//! `ISSUER_TEST_SEED` repeats a run.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod answers;
mod bodies;
mod broken;
mod campaign;
mod draft;
mod faults;
mod honest;
mod idle;
mod noise;
#[path = "../program/mod.rs"]
mod program;
mod session;
mod smuggling;
mod target;
mod wire;

use std::{env, io::Write as _, time::Duration};

use broken::Defect;
use campaign::{Campaign, Report};
use program::{API_KEY, Home, Random, may_open};
use smuggling::SHAPES;
use target::Target;

/// What files the clients and the server need beside the idle connections.
const OTHER_FILES: usize = 400;

fn campaign(requests: u64) -> Campaign {
    let seed = env::var("ISSUER_TEST_SEED").map_or_else(
        |_| Random(u64::from(std::process::id())).next(),
        |seed| seed.parse().expect("ISSUER_TEST_SEED is a number"),
    );
    Campaign {
        seed,
        requests,
        threads: 32,
        idle: 0,
        patience: Duration::from_secs(40),
        slowest: Duration::from_secs(5),
    }
}

/// As many as the system lets a process have, up to one for twenty requests.
fn idle_connections(requests: u64) -> usize {
    let wanted = usize::try_from(requests / 20).unwrap().min(8_000);
    let allowed = [wanted, 5_000, 1_000, 500];
    let allowed = allowed.into_iter().filter(|count| *count <= wanted);
    allowed
        .into_iter()
        .find(|count| may_open(count + OTHER_FILES))
        .unwrap_or(0)
}

#[test]
fn no_hostile_client_gets_more_than_an_error_and_an_honest_one_notices_nothing() {
    let requests = env::var("ISSUER_HOSTILE").map_or(10_000, |number| {
        number.parse().expect("ISSUER_HOSTILE is a number")
    });
    let campaign = Campaign {
        idle: idle_connections(requests),
        ..campaign(requests)
    };
    let home = Home::new();
    let server = Target::start(
        home.command(&["serve", "--listen", "127.0.0.1:0"])
            .env("ISSUER_API_KEY", API_KEY),
    );
    let report = campaign.against(server);
    note(&format!("seed {}: {report}", campaign.seed));
    assert!(report.breaches.is_empty(), "{:#?}", report.breaches);
    // Every shape has had its turn.
    for shape in SHAPES
        .iter()
        .map(|(shape, _)| *shape)
        .chain(["well framed", "mutant", "noise"])
    {
        assert!(report.shapes.contains_key(shape), "{shape}: {:?}", report.shapes);
    }
}

fn against(defect: Defect) -> Report {
    let campaign = Campaign {
        threads: 8,
        patience: Duration::from_secs(3),
        ..campaign(2_000)
    };
    let report = campaign.against(broken::start(defect));
    note(&format!(
        "{defect:?}: {} breaches, {report}",
        report.breaches.len()
    ));
    report
}

#[track_caller]
fn assert_caught(defect: Defect, how: &str) {
    let report = against(defect);
    assert!(
        report.breaches.iter().any(|breach| breach.contains(how)),
        "{defect:?}: {:#?}",
        report.breaches
    );
}

#[test]
fn the_small_server_is_good_as_long_as_nothing_is_broken_in_it() {
    let report = against(Defect::None);
    assert!(report.breaches.is_empty(), "{:#?}", report.breaches);
}

#[test]
fn a_server_that_answers_500_at_times_is_caught() {
    assert_caught(Defect::InternalErrors, "a status that nobody expects");
}

#[test]
fn a_server_whose_errors_are_plain_text_is_caught() {
    assert_caught(Defect::PlainText, "no JSON");
}

#[test]
fn a_server_that_panics_is_caught() {
    assert_caught(Defect::Panics, "the log: ");
}

#[test]
fn a_server_that_dies_is_caught() {
    assert_caught(Defect::Dies, "the process is gone");
}

#[test]
fn a_server_that_keeps_what_it_should_let_go_is_caught() {
    assert_caught(Defect::Leaks, "more than at rest were resident");
}

#[test]
fn a_server_that_never_answers_some_is_caught() {
    assert_caught(Defect::Hangs, "neither an answer nor an end");
}

#[test]
fn a_server_that_overlooks_chunks_is_caught_by_what_it_carries_out() {
    assert_caught(Defect::OverlooksChunks, "a hidden request was carried out");
}

#[test]
fn a_server_that_reads_on_after_a_length_beside_chunks_is_caught_by_what_it_carries_out() {
    assert_caught(Defect::ReadsOn, "a hidden request was carried out");
}

/// Said in any case: the harness hides what a test that passes prints.
fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "hostile: {text}");
}
