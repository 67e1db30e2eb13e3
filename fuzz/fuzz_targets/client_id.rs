//! Any bytes as the segment of a path that names a user.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::client_id(data));
