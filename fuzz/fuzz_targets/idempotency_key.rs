//! Any bytes as a caller and the text of an idempotency key.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::idempotency_key(data));
