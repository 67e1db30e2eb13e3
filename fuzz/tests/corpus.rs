//! Every checked-in input, through its target: what a campaign found once stays found, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "tests say so by failing")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use issuer::jose::UnverifiedToken;

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn replay(target: &str, run: fn(&[u8])) {
    let mut inputs = 0;
    for entry in fs::read_dir(corpus(target)).unwrap() {
        run(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert_ne!(inputs, 0, "{target} has no inputs");
}

/// Tokens that no key had signed would be refused at the MAC, and test nothing behind it.
#[test]
fn most_tokens_that_were_signed_again_get_past_the_mac() {
    let keys = issuer_fuzz::keys::key_set();
    let (good, other): (Vec<_>, Vec<_>) = fs::read_dir(corpus("token_mutated"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .partition(|text| UnverifiedToken::parse(text).is_ok_and(|token| token.verify(&keys).is_ok()));
    assert!(
        good.len() > other.len(),
        "{} of {}",
        good.len(),
        good.len() + other.len()
    );
}

#[test]
fn tokens_of_any_bytes_are_judged_alike() {
    replay("token_verify", issuer_fuzz::token);
}

#[test]
fn tokens_that_were_signed_again_are_judged_alike() {
    replay("token_mutated", issuer_fuzz::token);
}

#[test]
fn tokens_are_answered_alike_by_the_quick_way_and_by_the_strict_one() {
    replay("token_paths", issuer_fuzz::token_paths);
    replay("token_verify", issuer_fuzz::token_paths);
    replay("token_mutated", issuer_fuzz::token_paths);
}

#[test]
fn issue_bodies_are_judged_alike() {
    replay("issue_body", issuer_fuzz::issue_body);
}

#[test]
fn user_fields_are_judged_alike() {
    replay("user_id", issuer_fuzz::user_fields);
}

#[test]
fn idempotency_keys_are_judged_alike() {
    replay("idempotency_key", issuer_fuzz::idempotency_key);
}

#[test]
fn keys_are_judged_alike() {
    replay("jwk", issuer_fuzz::jwk);
}

#[test]
fn dates_are_judged_alike() {
    replay("date", issuer_fuzz::date);
}

#[test]
fn segments_of_paths_are_judged_alike() {
    replay("client_id", issuer_fuzz::client_id);
}

#[test]
fn key_files_are_judged_alike() {
    replay("keys_file", issuer_fuzz::keys_file);
}

#[test]
fn settings_files_are_judged_alike() {
    replay("settings_file", issuer_fuzz::settings_file);
}

#[test]
fn no_row_makes_a_store_over_sqlite_panic() {
    replay("sqlite_rows", issuer_fuzz::sqlite_rows);
}

#[test]
fn no_row_makes_a_store_over_sled_panic() {
    replay("sled_rows", issuer_fuzz::sled_rows);
}
