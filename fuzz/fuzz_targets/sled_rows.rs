//! A sled database whose rows are anything.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::sled_rows(data));
