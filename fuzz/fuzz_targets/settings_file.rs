//! Any bytes as the settings file.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::settings_file(data));
