//! Any bytes as a token.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::token(data));
