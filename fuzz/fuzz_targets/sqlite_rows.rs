//! A SQLite database whose cells hold anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::sqlite_rows(data));
