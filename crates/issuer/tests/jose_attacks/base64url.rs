//! Base64url: every segment has one text.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use issuer::jose::VerifyError;
use ring::hmac;

use crate::jose_forge::{CLAIMS, HEADER, SECRET, b64, forge, mac_over, refusal, verify};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A token whose MAC is good over these segments as they stand.
fn over(header: &str, payload: &str) -> String {
    mac_over(hmac::HMAC_SHA256, &SECRET, &format!("{header}.{payload}"))
}

/// The text with the next character of the alphabet at its end: the same bytes to a decoder that ignores the bits
/// that are left over.
fn with_bits_set(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    let next = ALPHABET.find(last).unwrap() + 1;
    format!("{rest}{}", &ALPHABET[next..=next])
}

/// Bits set behind the last byte, in each segment.
/// Source: RFC 4648 section 3.5.
#[test]
fn bits_that_are_left_over_are_zero() {
    // 28 and 35 bytes, and the 32 of the tag: each leaves bits over.
    let (header, payload) = (b64(format!("{HEADER} ")), b64(format!("{CLAIMS} ")));
    let good = over(&header, &payload);
    assert!(verify(&good).is_ok());
    assert_eq!(
        refusal(&over(&with_bits_set(&header), &payload)),
        VerifyError::Malformed
    );
    assert_eq!(
        refusal(&over(&header, &with_bits_set(&payload))),
        VerifyError::Malformed
    );
    assert_eq!(refusal(&with_bits_set(&good)), VerifyError::Malformed);
}

/// Padding, in each segment.
/// Source: RFC 7515 section 2; RFC 4648 section 3.2.
#[test]
fn padding_is_refused() {
    let (header, payload) = (b64(HEADER), b64(CLAIMS));
    let good = over(&header, &payload);
    for padding in ["=", "==", "%3D", "%3d%3d", "."] {
        assert_eq!(
            refusal(&over(&format!("{header}{padding}"), &payload)),
            VerifyError::Malformed
        );
        assert_eq!(
            refusal(&over(&header, &format!("{payload}{padding}"))),
            VerifyError::Malformed
        );
        let refused = refusal(&format!("{good}{padding}"));
        assert!(matches!(refused, VerifyError::Signature | VerifyError::Malformed));
    }
}

/// White space and line breaks, in each segment, at both ends and in the middle.
/// Source: RFC 7515 section 2; RFC 4648 section 3.3.
#[test]
fn white_space_is_refused() {
    let (header, payload) = (b64(HEADER), b64(CLAIMS));
    let (input, signature) = (format!("{header}.{payload}"), over(&header, &payload));
    let signature = signature.rsplit_once('.').unwrap().1;
    for space in [" ", "\t", "\n", "\r\n", "\u{a0}", "\u{200b}", "\0"] {
        let within = |text: &str| {
            let (start, end) = text.split_at(8);
            [
                format!("{space}{text}"),
                format!("{text}{space}"),
                format!("{start}{space}{end}"),
            ]
        };
        for spaced in within(&header) {
            assert_eq!(refusal(&over(&spaced, &payload)), VerifyError::Malformed);
        }
        for spaced in within(&payload) {
            assert_eq!(refusal(&over(&header, &spaced)), VerifyError::Malformed);
        }
        for spaced in within(signature) {
            assert_eq!(
                refusal(&format!("{input}.{spaced}")),
                VerifyError::Signature,
                "{spaced:?}"
            );
        }
    }
}

/// The alphabet of plain base64, in each segment.
/// Source: RFC 4648 section 5; RFC 7515 section 2.
#[test]
fn the_other_alphabet_is_refused() {
    let header = r#"{"alg":"HS256","x":"~~~???>>>"}"#;
    let claims = r#"{"sub":"user001","exp":2000000000,"x":"~~~???>>>"}"#;
    let plain = |text: &str| STANDARD_NO_PAD.encode(text);
    assert!(plain(header).contains(['+', '/']) && plain(claims).contains(['+', '/']));
    assert!(verify(&over(&b64(header), &b64(claims))).is_ok());
    assert_eq!(
        refusal(&over(&plain(header), &b64(claims))),
        VerifyError::Malformed
    );
    assert_eq!(
        refusal(&over(&b64(header), &plain(claims))),
        VerifyError::Malformed
    );
    // A tag that has one of the two characters: the first of a hundred subjects, as good as always.
    let tagged = (0..100)
        .map(|index| forge(HEADER, format!(r#"{{"sub":"{index}","exp":2000000000}}"#)))
        .find(|token| token.rsplit_once('.').unwrap().1.contains(['-', '_']))
        .unwrap();
    let (input, signature) = tagged.rsplit_once('.').unwrap();
    let plain = STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    assert_eq!(refusal(&format!("{input}.{plain}")), VerifyError::Malformed);
}

/// A segment whose length no bytes have.
/// Source: RFC 4648 section 4.
#[test]
fn a_segment_of_an_impossible_length_is_refused() {
    let (header, payload) = (b64(HEADER), b64(format!("{CLAIMS} ")));
    assert!(verify(&over(&header, &payload)).is_ok());
    for (header, payload) in [
        (format!("{header}A"), payload.clone()),
        (header.clone(), format!("{payload}AA")),
        (header, "A".into()),
    ] {
        assert_eq!(refusal(&over(&header, &payload)), VerifyError::Malformed);
    }
}

/// Letters that look like those of the alphabet, and bytes beyond ASCII.
/// Source: RFC 4648 section 12.
#[test]
fn a_letter_beyond_ascii_is_refused() {
    let (header, payload) = (b64(HEADER), b64(CLAIMS));
    let alike = |text: &str| {
        [
            text.replacen('e', "\u{0435}", 1),
            text.replacen('J', "\u{ff2a}", 1),
        ]
    };
    for changed in alike(&header) {
        assert_ne!(changed, header);
        assert_eq!(refusal(&over(&changed, &payload)), VerifyError::Malformed);
    }
    for changed in alike(&payload) {
        assert_eq!(refusal(&over(&header, &changed)), VerifyError::Malformed);
    }
}
