//! Any bytes as the body of an issue request, through the router.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| issuer_fuzz::issue_body(data));
