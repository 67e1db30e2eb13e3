//! Keys that a token brings along or points at: none is ever used.

use std::{io::ErrorKind, net::TcpListener};

use issuer::jose::VerifyError;
use ring::hmac;

use crate::jose_forge::{CLAIMS, b64, forge, mac_over, refusal, verify};

const OWN: [u8; 32] = [0x11; 32];

/// Signed with the attacker's own key, which the header then offers.
fn offered(header: &str) -> String {
    mac_over(
        hmac::HMAC_SHA256,
        &OWN,
        &format!("{}.{}", b64(header), b64(CLAIMS)),
    )
}

/// The attacker's key inside the header.
/// Source: RFC 7515 section 4.1.3; OWASP ASVS 5.0 V9.1.3; CVE-2018-0114 (node-jose), CVE-2026-27962 (Authlib).
#[test]
fn a_key_inside_the_token_is_not_used() {
    let k = b64(OWN);
    for header in [
        format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","alg":"HS256","k":"{k}"}}}}"#),
        format!(r#"{{"alg":"HS256","jwk":{{"kty":"oct","k":"{k}","kid":""}}}}"#),
        format!(r#"{{"alg":"HS256","jwk":"{k}","k":"{k}"}}"#),
    ] {
        assert_eq!(refusal(&offered(&header)), VerifyError::Signature, "{header}");
    }
}

/// The address of the attacker's key set in the header; a listener there sees nobody come.
/// Source: RFC 8725 section 3.10; OWASP ASVS 5.0 V9.1.3.
#[test]
fn no_address_in_a_token_is_ever_visited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    for name in ["jku", "x5u"] {
        for scheme in ["http", "https"] {
            let header = format!(r#"{{"alg":"HS256","{name}":"{scheme}://{address}/keys.json"}}"#);
            assert_eq!(refusal(&offered(&header)), VerifyError::Signature, "{header}");
            // Not under a good MAC either: the parameter is skipped.
            assert!(verify(&forge(&header, CLAIMS)).is_ok(), "{header}");
        }
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// A file of the server as the key's place, such as an empty one.
/// Source: RFC 8725 section 2.9.
#[test]
fn no_file_named_in_a_token_is_a_key() {
    for place in ["file:///dev/null", "file:///etc/passwd", "/dev/null"] {
        for name in ["jku", "x5u"] {
            let header = format!(r#"{{"alg":"HS256","{name}":"{place}"}}"#);
            let input = format!("{}.{}", b64(&header), b64(CLAIMS));
            for secret in [&b""[..], &OWN] {
                assert_eq!(
                    refusal(&mac_over(hmac::HMAC_SHA256, secret, &input)),
                    VerifyError::Signature,
                    "{header}"
                );
            }
        }
    }
}

/// A certificate chain or its thumbprint in the header.
/// Source: RFC 7515 sections 4.1.6 to 4.1.8.
#[test]
fn a_certificate_inside_the_token_is_not_used() {
    let text = b64(OWN);
    for header in [
        format!(r#"{{"alg":"HS256","x5c":["{text}"]}}"#),
        format!(r#"{{"alg":"HS256","x5t":"{text}","x5t#S256":"{text}"}}"#),
    ] {
        assert_eq!(refusal(&offered(&header)), VerifyError::Signature, "{header}");
    }
}

/// A secret that many a server was left with: none, zeros, or a word of the examples.
/// Source: RFC 8725 section 2.2; CVE-2026-44699 (LibJWT, a key of no length).
#[test]
fn a_mac_under_an_empty_or_well_known_secret_is_refused() {
    let input = format!("{}.{}", b64(r#"{"alg":"HS256","typ":"JWT"}"#), b64(CLAIMS));
    let well_known: [&[u8]; 7] = [
        b"",
        b"\0",
        &[0; 32],
        &[0; 64],
        b"secret",
        b"your-256-bit-secret",
        b"undefined",
    ];
    for secret in well_known {
        assert_eq!(
            refusal(&mac_over(hmac::HMAC_SHA256, secret, &input)),
            VerifyError::Signature
        );
    }
}
