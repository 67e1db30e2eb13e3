//! Any bytes as `keys.json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::keys_file(data));
