//! Tests: the numbers in the help and in the pages are those of the constants.

use std::time::Duration;

use clap::CommandFactory as _;
use issuer::{Lifetime, decide::MaxLiveTokens};

use crate::{
    cli::Cli,
    connections::{FIRST_BYTE_TIME, IDLE_TIMEOUT, MAX_HEAD_BYTES, MAX_WAITING},
    log_lines::{KEPT_FOR, MAX_QUEUED_BYTES},
    logging, open_files,
    request_stream::{HEAD_TIME, WRITE_TIME},
    serve::STOP_TIME,
    settings::DEFAULT_LISTEN,
};

const COMPATIBILITY: &str = include_str!("../../../docs/compatibility.md");
const SECURITY: &str = include_str!("../../../docs/security.md");
const OPERATIONS: &str = include_str!("../../../docs/operations.md");

#[track_caller]
fn assert_says(page: &str, said: &[String]) {
    // As one line, however it is broken.
    let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in said {
        assert!(words.contains(said.as_str()), "{said}");
    }
}

/// 1024 as 1,024.
fn grouped(number: usize) -> String {
    format!("{},{:03}", number / 1_000, number % 1_000)
}

#[test]
fn the_pages_name_the_limits_of_a_connection() {
    let first = FIRST_BYTE_TIME.as_secs();
    let (head, write) = (HEAD_TIME.as_secs(), WRITE_TIME.as_secs());
    let waiting = grouped(MAX_WAITING);
    assert_says(
        COMPATIBILITY,
        &[
            format!("heads up to {} KiB (431)", MAX_HEAD_BYTES >> 10),
            format!("for `idle_timeout` ({} s)", IDLE_TIMEOUT.as_secs()),
            format!(
                "silent for {first} s after it was opened, whose head takes longer than {head} s from its first byte, or that \
                 takes nothing of an answer for {write} s; of those whose client is waited for, the server keeps {waiting}"
            ),
            format!("while {} MiB of lines waits for it", MAX_QUEUED_BYTES >> 20),
        ],
    );
    assert_says(
        SECURITY,
        &[
            format!("may be silent for {first} s before its first byte"),
            format!(
                "a head has {head} s from its first byte, and an answer of which nothing is taken {write} s; {waiting} may"
            ),
        ],
    );
}

#[test]
fn the_page_names_the_files_that_are_needed() {
    let (reserved, most) = (open_files::RESERVED, open_files::MAX_CONNECTIONS);
    assert_says(
        OPERATIONS,
        &[
            format!("keeps {reserved} files for the store"),
            format!("{},{:03} at most", most / 1_000, most % 1_000),
            format!("fewer than {}", reserved + open_files::MIN_CONNECTIONS),
        ],
    );
}

#[test]
fn a_stop_takes_no_longer_than_the_page_says() {
    assert!(STOP_TIME + logging::PATIENCE < Duration::from_secs(10));
    assert_says(OPERATIONS, &["exits with 0 within ten seconds".to_owned()]);
}

#[test]
fn the_help_names_the_defaults_and_the_limits() {
    let mut command = Cli::command();
    let serve = command.find_subcommand_mut("serve").unwrap();
    let log = serve.render_long_help().to_string();
    assert_says(
        &log,
        &[
            format!("at most {} ms late", KEPT_FOR.as_millis()),
            format!("once {} MiB waits for it", MAX_QUEUED_BYTES >> 20),
        ],
    );
    assert_eq!(logging::PATIENCE, Duration::from_millis(500), "half a second");
    let days = |lifetime: Lifetime| lifetime.as_seconds() / 86_400;
    assert_says(
        &command.render_long_help().to_string(),
        &[
            format!(
                "{}s to {}d [default: {}d]",
                Lifetime::MIN.as_seconds(),
                days(Lifetime::MAX),
                days(Lifetime::default())
            ),
            format!("1 to 100 [default: {}]", MaxLiveTokens::default().get()),
            format!("[default: {DEFAULT_LISTEN}]"),
            format!("[default: {}s]", IDLE_TIMEOUT.as_secs()),
        ],
    );
    assert!(MaxLiveTokens::new(100).is_some() && MaxLiveTokens::new(101).is_none());
}
