//! Any text as a date, and any number as seconds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::date(data));
