//! Any text as an id, a nickname and the URL of an avatar.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::user_fields(data));
