//! What an attacker may send, and that it is refused: RFC 8725 and its successor, OWASP ASVS, and what verifiers have
//! been caught with. One attack a test, each with its source; `docs/security.md` has the table, which `table`
//! holds against these files.
//!
//! Wherever the point is the parser, the MAC is good, so that it hides nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and what helps it stands outside of test functions"
)]

mod algorithm;
mod audience;
mod base64url;
mod claims;
mod compact;
mod dates;
mod header;
#[path = "../jose_forge/mod.rs"]
mod jose_forge;
mod json;
mod key_id;
mod mac;
mod size;
mod table;
mod token_keys;

use jose_forge::{CLAIMS, HEADER, forge, keys, refusal, verify};

use issuer::jose::VerifyError;

/// Parsed like the header of anybody's token, while [`HEADER`] is matched byte for byte.
const FOREIGN_HEADER: &str = r#" { "typ" : "jwt", "x" : [[{}]], "alg" : "HS256" } "#;

/// Why these claims are refused, under a header of ours and under a foreign one.
fn claims_refusal(claims: impl AsRef<[u8]>) -> VerifyError {
    let refused = refusal(&forge(HEADER, &claims));
    assert_eq!(refusal(&forge(FOREIGN_HEADER, &claims)), refused);
    refused
}

#[test]
fn the_tokens_that_these_attacks_start_from_are_good() {
    for header in [HEADER, FOREIGN_HEADER, r#"{"alg":"HS256"}"#] {
        let verified = verify(&forge(header, CLAIMS)).unwrap();
        assert_eq!(verified.subject(), "user001");
        assert_eq!(verified.key(), keys().active_fingerprint());
    }
}
