//! Any text as a JWK and as a JWK Set.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::jwk(data));
