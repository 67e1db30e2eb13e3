//! What a token costs whoever reads it: no more than its size.

use std::fmt::Write as _;

use allocation_counter::measure;
use issuer::jose::{Expected, MAX_TOKEN_BYTES, VerifyError};

use crate::{
    FOREIGN_HEADER, claims_refusal,
    jose_forge::{CLAIMS, HEADER, NOW, at, b64, forge, keys, refusal, verify},
};

/// What a verifier may hold at once, as a multiple of the token. A list of empty strings costs most: four characters of
/// the token are 24 bytes, and three times that while the list of them moves to twice its room.
const TIMES_ITS_SIZE: usize = 20;

/// `"0":0,"1":0` and so on.
fn members(count: usize) -> String {
    (0..count).fold(String::new(), |mut all, index| {
        write!(all, r#","{index}":0"#).unwrap();
        all
    })
}

/// A token of any length, in any segment.
/// Source: CVE-2025-61920 (Authlib).
#[test]
fn an_oversized_token_is_refused_before_it_is_decoded() {
    let padding = |len| format!(r#"{{"sub":"u","exp":2000000000,"x":"{}"}}"#, "x".repeat(len));
    let token = (6_000..6_144)
        .map(|len| forge(HEADER, padding(len)))
        .find(|token| token.len() > MAX_TOKEN_BYTES);
    assert_eq!(refusal(&token.unwrap()), VerifyError::Oversized);
    let mut fitting = (5_900..6_144).map(|len| forge(HEADER, padding(len))).rev();
    assert!(verify(&fitting.find(|token| token.len() <= MAX_TOKEN_BYTES).unwrap()).is_ok());
    let long = "A".repeat(1_000_000);
    for token in [
        "\u{1F600}".repeat(100_000),
        format!("{long}.{}.{}", b64(CLAIMS), b64([0; 32])),
        format!("{}.{}.{long}", b64(HEADER), b64(CLAIMS)),
    ] {
        let counted = measure(|| assert_eq!(refusal(&token), VerifyError::Oversized));
        // The key set of the test itself, and nothing the size of the token.
        assert!(counted.bytes_total < 4_096, "{}", counted.bytes_total);
    }
}

/// Nesting to the limit of the size, which ends the stack of a parser that recurses.
/// Source: RFC 8259 section 9.
#[test]
fn nesting_is_skipped_without_recursion() {
    for open in ["[", r#"{"a":"#] {
        let deep = open.repeat(6_000 / open.len());
        assert_eq!(
            refusal(&forge(format!(r#"{{"alg":"HS256","x":{deep}"#), CLAIMS)),
            VerifyError::Malformed
        );
        let deep = open.repeat(5_900 / open.len());
        assert_eq!(
            claims_refusal(format!(r#"{{"sub":"u","x":{deep}"#)),
            VerifyError::Claims
        );
    }
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(verify(&forge(format!(r#"{{"alg":"HS256","x":{deep}}}"#), CLAIMS)).is_ok());
    let claims = format!(r#"{{"sub":"u","exp":2000000000,"x":{deep}}}"#);
    assert!(verify(&forge(HEADER, claims)).is_ok());
    for name in ["sub", "aud", "exp"] {
        assert_eq!(
            claims_refusal(format!(r#"{{"{name}":{deep}}}"#)),
            VerifyError::Claims
        );
    }
}

/// Members without number, each compared with each.
/// Source: RFC 8259 section 9.
#[test]
fn members_that_nobody_knows_are_not_without_number() {
    assert!(verify(&forge(format!(r#"{{"alg":"HS256"{}}}"#, members(128)), CLAIMS)).is_ok());
    assert_eq!(
        refusal(&forge(format!(r#"{{"alg":"HS256"{}}}"#, members(129)), CLAIMS)),
        VerifyError::Malformed
    );
    let claims = |count| format!(r#"{{"sub":"u","exp":2000000000{}}}"#, members(count));
    assert!(verify(&forge(HEADER, claims(128))).is_ok());
    assert_eq!(claims_refusal(claims(129)), VerifyError::Claims);
}

/// Names, lists and escapes made to take more memory than the token has bytes.
/// Source: OWASP ASVS 5.0 V9.1.1; CVE-2025-22868 (golang.org/x/oauth2/jws).
#[test]
fn a_hostile_token_costs_a_few_times_its_size() {
    let audience = format!(
        r#"{{"sub":"u","exp":2000000000,"aud":[{}"x"]}}"#,
        r#""","#.repeat(1_800)
    );
    let escapes = format!(r#"{{"sub":"{}","exp":2000000000}}"#, r"\u0041".repeat(900));
    let names = format!(r#"{{"sub":"u","exp":2000000000{}}}"#, members(128));
    let (keys, expected) = (keys(), Expected::new().any_audience());
    for claims in [audience, escapes, names, "[".repeat(5_900)] {
        for header in [HEADER, FOREIGN_HEADER] {
            let token = forge(header, &claims);
            let counted = measure(|| {
                let _ = keys.verify(&token, &expected, at(NOW));
            });
            let bound = u64::try_from(TIMES_ITS_SIZE * token.len()).unwrap();
            assert!(
                counted.bytes_max <= bound,
                "{} bytes for a token of {}",
                counted.bytes_max,
                token.len()
            );
        }
    }
}
