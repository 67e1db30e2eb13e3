//! Any bytes as a token, and as claims, by the quick way and by the strict one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::token_paths(data));
