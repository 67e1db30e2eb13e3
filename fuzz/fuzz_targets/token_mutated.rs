//! Tokens whose header and claims are mutated as JSON and signed again, so that mutations get past the MAC.
#![no_main]

use data_encoding::BASE64URL_NOPAD;
use issuer_fuzz::keys::sign;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| issuer_fuzz::token(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mutated = parts(&data[..size]).and_then(|(header, payload)| match seed % 8 {
        // The text of the token itself, whose MAC is then wrong, or its base64url not canonical.
        0 => None,
        1 | 2 => Some(sign(&mutate(header), &payload)),
        3 => Some(sign(&mutate(header), &mutate(payload))),
        _ => Some(sign(&header, &mutate(payload))),
    });
    match mutated {
        Some(token) if token.len() <= max_size => {
            data[..token.len()].copy_from_slice(token.as_bytes());
            token.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

/// The header and the payload, decoded.
fn parts(token: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut segments = token.split(|byte| *byte == b'.');
    let mut decode = || BASE64URL_NOPAD.decode(segments.next()?).ok();
    Some((decode()?, decode()?))
}

fn mutate(mut bytes: Vec<u8>) -> Vec<u8> {
    let size = bytes.len();
    bytes.resize(size + 64, 0);
    let max_size = bytes.len();
    let size = fuzzer_mutate(&mut bytes, size, max_size);
    bytes.truncate(size);
    bytes
}
