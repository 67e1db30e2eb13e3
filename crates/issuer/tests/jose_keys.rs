//! Keys and key sets, read and written.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use issuer::jose::{Algorithm, KeyError, KeySet, SigningKey, dangerous};
use proptest::prelude::*;

const K: &str = "KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio";

#[test]
fn a_jwk_is_read_with_its_algorithm_and_kid() {
    let json = format!(
        r#"{{"kid":"a","x":[1],"kty":"oct","use":"sig","key_ops":["verify","sign"],"alg":"HS256","k":"{K}"}}"#
    );
    let key = SigningKey::from_jwk(&json).unwrap();
    assert_eq!((key.algorithm(), key.kid()), (Algorithm::Hs256, Some("a")));
    let made = SigningKey::hs256([0x2A; 32]).unwrap().with_kid("a").unwrap();
    assert_eq!(key.fingerprint(), made.fingerprint());
}

#[test]
fn a_jwk_that_says_another_purpose_or_too_little_is_refused() {
    for (members, error) in [
        (format!(r#""kty":"oct","k":"{K}""#), KeyError::Algorithm),
        (
            format!(r#""kty":"oct","alg":"none","k":"{K}""#),
            KeyError::Algorithm,
        ),
        (
            format!(r#""kty":"oct","alg":"A256GCM","k":"{K}""#),
            KeyError::Algorithm,
        ),
        (
            format!(r#""kty":"oct","alg":"HS384","k":"{K}""#),
            KeyError::Length,
        ),
        (
            format!(r#""kty":"OCT","alg":"HS256","k":"{K}""#),
            KeyError::KeyType,
        ),
        (format!(r#""alg":"HS256","k":"{K}""#), KeyError::Malformed),
        (r#""kty":"oct","alg":"HS256""#.into(), KeyError::Malformed),
        (r#""kty":"oct","alg":"HS256","k":"""#.into(), KeyError::Length),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}=""#),
            KeyError::Malformed,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{}p""#, &K[..42]),
            KeyError::Malformed,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"\u004b{}""#, &K[1..]),
            KeyError::Malformed,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","k":"{K}""#),
            KeyError::Malformed,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","use":"enc""#),
            KeyError::Use,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","use":null"#),
            KeyError::Malformed,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","key_ops":["verify"]"#),
            KeyError::Use,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","key_ops":["wrapKey","unwrapKey"]"#),
            KeyError::Use,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","key_ops":[]"#),
            KeyError::Use,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","kid":"""#),
            KeyError::Kid,
        ),
        (
            format!(r#""kty":"oct","alg":"HS256","k":"{K}","kid":1"#),
            KeyError::Malformed,
        ),
    ] {
        assert_eq!(
            SigningKey::from_jwk(&format!("{{{members}}}")).unwrap_err(),
            error,
            "{members}"
        );
    }
    for json in ["", "[]", "null", r#"["oct","HS256"]"#] {
        assert_eq!(
            SigningKey::from_jwk(json).unwrap_err(),
            KeyError::Malformed,
            "{json}"
        );
    }
}

#[test]
fn the_first_key_of_a_jwk_set_is_the_active_one() {
    let keys = KeySet::new(SigningKey::hs512([1; 64]).unwrap().with_kid("z").unwrap())
        .verify_also(SigningKey::hs384([2; 48]).unwrap())
        .unwrap()
        .verify_also(SigningKey::hs256([3; 99]).unwrap().with_kid("a").unwrap())
        .unwrap();
    let read = KeySet::from_jwks(&dangerous::to_jwks(&keys)).unwrap();
    assert_eq!(read.active_fingerprint(), keys.active_fingerprint());
    assert!(read.fingerprints().eq(keys.fingerprints()));
    assert_eq!(read.fingerprints().count(), 3);
}

#[test]
fn a_jwk_set_that_names_no_one_key_is_refused() {
    let key = |kid: &str| format!(r#"{{"kty":"oct","alg":"HS256","k":"{K}"{kid}}}"#);
    let set = |keys: &[String]| KeySet::from_jwks(&format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
    assert!(set(&[key(""), key(r#","kid":"a""#)]).is_ok());
    assert_eq!(set(&[]).unwrap_err(), KeyError::Empty);
    assert_eq!(set(&[key(""), key("")]).unwrap_err(), KeyError::DuplicateKid);
    let a = key(r#","kid":"a""#);
    assert_eq!(
        set(&[a.clone(), key(r#","kid":"\u0061""#)]).unwrap_err(),
        KeyError::DuplicateKid
    );
    let ec = r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#;
    assert_eq!(set(&[a.clone(), ec.into()]).unwrap_err(), KeyError::KeyType);
    for json in [
        r"{}",
        r"[]",
        r#"{"keys":{}}"#,
        &format!(r#"{{"keys":[{a}],"keys":[{a}]}}"#),
    ] {
        assert_eq!(
            KeySet::from_jwks(json).unwrap_err(),
            KeyError::Malformed,
            "{json}"
        );
    }
}

#[test]
fn a_fingerprint_tells_secret_algorithm_and_kid() {
    let plain = || SigningKey::hs256([1; 64]).unwrap();
    let all = [
        plain().fingerprint(),
        SigningKey::hs256([2; 64]).unwrap().fingerprint(),
        SigningKey::hs384([1; 64]).unwrap().fingerprint(),
        SigningKey::hs512([1; 64]).unwrap().fingerprint(),
        plain().with_kid("a").unwrap().fingerprint(),
        plain().with_kid("b").unwrap().fingerprint(),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[index + 1..].contains(one));
    }
    assert_eq!(
        plain().fingerprint(),
        plain()
            .with_kid("a")
            .unwrap()
            .with_kid("b")
            .map(|_| plain().fingerprint())
            .unwrap()
    );
}

#[test]
fn a_fingerprint_is_what_records_of_earlier_releases_hold() {
    // Made with another implementation.
    let key = SigningKey::hs256([7; 32]).unwrap();
    assert_eq!(
        format!("{:?}", key.fingerprint()),
        "KeyFingerprint(f1b32e793f5f619ce50046ae52048741)"
    );
    let key = key.with_kid("2025-06").unwrap();
    assert_eq!(
        format!("{:?}", key.fingerprint()),
        "KeyFingerprint(f87b22fe28241403c7a1c6825a3601e1)"
    );
}

#[track_caller]
fn assert_is_no_secret(key: &[u8]) {
    let jwk = |algorithm: &str| {
        let k = URL_SAFE_NO_PAD.encode(key);
        SigningKey::from_jwk(&format!(r#"{{"kty":"oct","alg":"{algorithm}","k":"{k}"}}"#))
    };
    for made in [
        SigningKey::hs256(key),
        SigningKey::hs384(key),
        SigningKey::hs512(key),
        jwk("HS256"),
        jwk("HS384"),
        jwk("HS512"),
    ] {
        let shown = String::from_utf8_lossy(key);
        assert_eq!(made.map(drop), Err(KeyError::KeyText), "{shown}");
    }
}

/// The text of a public key is known to others, who could sign with it: libraries that took one for an HMAC secret had to be
/// fixed (CVE-2015-9235, CVE-2022-29217, CVE-2024-54150).
#[test]
fn the_text_of_a_pem_or_ssh_key_is_no_hmac_secret() {
    let body = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq";
    let texts = [
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"),
        format!("-----BEGIN RSA PUBLIC KEY-----\r\n{body}\r\n-----END RSA PUBLIC KEY-----"),
        format!("  \n\t-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"),
        format!("\u{feff}-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"),
        format!(
            "Bag Attributes: <No Attributes>\n-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"
        ),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----"),
        format!("---- BEGIN SSH2 PUBLIC KEY ----\n{body}\n---- END SSH2 PUBLIC KEY ----"),
        format!("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{body} me@example"),
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{body}"),
        format!("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAI{body}"),
        format!("sk-ssh-ed25519@openssh.com AAAAG{body}"),
        format!("AAAAB3NzaC1yc2EAAAADAQABAAABAQ{body}"),
        format!("PuTTY-User-Key-File-3: ssh-ed25519\n{body}"),
    ];
    for text in texts {
        assert_is_no_secret(text.as_bytes());
    }
    // Neither is text as such.
    assert!(SigningKey::hs256("a passphrase that begins with ssh but is none").is_ok());
    assert!(SigningKey::hs256("ssh-tunnel and other words of a passphrase").is_ok());
}

/// Public keys as openssl writes them, in base64: DER with nothing around it, which checks for PEM and SSH let through
/// (CVE-2026-85394). Keycloak shows them so.
const DER: &[&str] = &[
    // RSA, Ed25519, P-256, P-384: SubjectPublicKeyInfo.
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4pMz3fF1yDuZAamYXb0givU1f+Bk4wnIUBmnASAsvVq0Yrfpdg0OKbbC9DW9kBNKyOBwqrCxeCgsmIiW2suK4sXTfW2h+F4+LcJhu8g14J2exK074vGWjmXU2holV4/sdkDoyioyjM3FkTvRsOnLUVPwWeyOi11+7PSl8W5a2KiibMpqNrnvp5IyDppnG3XDq9DaB92fGUTACpMUFA2E2pHsd27sorQGnwtPjfwRQ0F+VGqxa+y7MrnutjBL0jXo4BBPBMBPzaaf6HhDb3t+VD35ou/4bGBVpn8E6YwbFEEBJSWkVl9Pai7e4FlpYpczMhHZWbtiWkHK1afqr9cFlwIDAQAB",
    "MCowBQYDK2VwAyEA1GdJZ0UWJssXUou6H4veLUcM0RB26GjCh9CTZb48Opc=",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEuRu5zTMasZbYrsKDqJZW988lNMXkMn6kLR9wSDiky0mdaHGrXFHVwgiRvl+R845l5Wd0WBqpFOwnVY5NvcNq6A==",
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEzl5mUwIfr4u0bxNCwA7NiMMqEZjZXzrGNob6rWhZa4ZYaMVWP+duL4rww6y9T/EG0ePOTTDB7hIS45DnF2jgARBxTJqfxgTw+DUu/5F1PNCKVuCPPcmQWzNJvyXlWBjT",
    // RSA of 1024 and 2048 bits: PKCS #1.
    "MIGJAoGBAPp7Suj8d030emkzfkGRJhWC0HmLI43VHDzQzQDC2wA5rTqySgPRkPIvEC1TuSv3mPVdqJiKOouH6lRtpTZQ59Ih6/2keik87r2rZEhsVL1nG7i8SLmZcJPbFBGxPdJx4zd8ISAjwCmjbxe25Q7fGBK1NfAlexqB2V8QSWsifXDjAgMBAAE=",
    "MIIBCgKCAQEA4pMz3fF1yDuZAamYXb0givU1f+Bk4wnIUBmnASAsvVq0Yrfpdg0OKbbC9DW9kBNKyOBwqrCxeCgsmIiW2suK4sXTfW2h+F4+LcJhu8g14J2exK074vGWjmXU2holV4/sdkDoyioyjM3FkTvRsOnLUVPwWeyOi11+7PSl8W5a2KiibMpqNrnvp5IyDppnG3XDq9DaB92fGUTACpMUFA2E2pHsd27sorQGnwtPjfwRQ0F+VGqxa+y7MrnutjBL0jXo4BBPBMBPzaaf6HhDb3t+VD35ou/4bGBVpn8E6YwbFEEBJSWkVl9Pai7e4FlpYpczMhHZWbtiWkHK1afqr9cFlwIDAQAB",
    // X.509.
    "MIIBbDCCAROgAwIBAgIUOBp5/bCI9U/x1fglyuXdidDyQP0wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjcxNDA1MzFaFw0yNjExMjgxNDA1MzFaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS5G7nNMxqxltiuwoOollb3zyU0xeQyfqQtH3BIOKTLSZ1ocatcUdXCCJG+X5HzjmXlZ3RYGqkU7CdVjk29w2roo1MwUTAdBgNVHQ4EFgQUSuAWZdbXV2Hpjk9HN5O9Rx9RUQYwHwYDVR0jBBgwFoAUSuAWZdbXV2Hpjk9HN5O9Rx9RUQYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBcRx5tblK6IeeAwgEcK1rIMvQxjX11ogfqb6JlwOrdBgIgPH3aVnbv1Cqjh5SILFhg27pN1O50myPOIwMoV5B6BnQ=",
    // A private key of P-384: SEC 1.
    "MIGkAgEBBDBket2KALSlG5oiKx3/+WKkuJTuRyebUruuvZsEjSLEaDHHljMTnqeRuwQukj+cEvugBwYFK4EEACKhZANiAATOXmZTAh+vi7RvE0LADs2IwyoRmNlfOsY2hvqtaFlrhlhoxVY/524vivDDrL1P8QbR485NMMHuEhLjkOcXaOABEHFMmp/GBPD4NS7/kXU80IpW4I89yZBbM0m/JeVYGNM=",
];

#[test]
fn a_key_in_der_is_no_hmac_secret_as_it_is_or_in_base64() {
    for text in DER {
        let bytes = STANDARD.decode(text).unwrap();
        assert_is_no_secret(&bytes);
        assert_is_no_secret(text.as_bytes());
        assert_is_no_secret(URL_SAFE_NO_PAD.encode(&bytes).as_bytes());
        let (first, rest) = text.split_at(40);
        assert_is_no_secret(format!("{first}\r\n{rest}\n").as_bytes());
    }
}

#[test]
fn a_line_of_an_ssh_file_is_no_hmac_secret_wherever_the_key_stands_in_it() {
    let ed25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIA09RLrNEGG+Ur7dke8CGg7cUsaLGUrrGeM8nhWW0ZXS";
    let ecdsa = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLPe5qtmxbn+uX+UEJFdxBIDwj0jCGDKl6qlPqVflGaCEdBdtIIvQDwQGQjO93znPjl+PEA611Z2tnzQbhABWDk=";
    for key in [
        ed25519.to_owned(),
        ecdsa.to_owned(),
        format!("restrict,command=\"date\" ssh-ed25519 {ed25519} me@example"),
        format!("git.example.com,192.0.2.1 ecdsa-sha2-nistp256 {ecdsa}"),
        format!("@cert-authority *.example.com ssh-ed25519 {ed25519}"),
        // Keys of security tokens, and certificates.
        format!("AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t{}", "A".repeat(64)),
        format!(
            "AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNzaC5jb20{}",
            "A".repeat(65)
        ),
        format!("AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20{}", "A".repeat(65)),
    ] {
        assert_is_no_secret(key.as_bytes());
    }
}

#[test]
fn a_secret_of_zeros_is_refused_by_every_way_to_make_a_key() {
    for length in [32, 48, 64, 1_024] {
        assert_eq!(SigningKey::hs256(vec![0; length]).unwrap_err(), KeyError::Zeros);
    }
    assert_eq!(SigningKey::hs384([0; 48]).unwrap_err(), KeyError::Zeros);
    assert_eq!(SigningKey::hs512([0; 64]).unwrap_err(), KeyError::Zeros);
    let jwk = format!(
        r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#,
        URL_SAFE_NO_PAD.encode([0; 32])
    );
    assert_eq!(SigningKey::from_jwk(&jwk).unwrap_err(), KeyError::Zeros);
    let mut almost = [0; 32];
    almost[31] = 1;
    assert!(SigningKey::hs256(almost).is_ok());
}

#[test]
fn the_text_of_a_jwk_is_no_hmac_secret() {
    let public = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    assert_is_no_secret(public.as_bytes());
    assert_is_no_secret(format!("\n{{\"keys\": [{public}]}}\n").as_bytes());
    assert_is_no_secret(dangerous::to_jwk(&SigningKey::hs256([7; 64]).unwrap()).as_bytes());
}

#[test]
fn a_key_that_is_longer_than_a_secret_is_told_to_be_a_key_of_another_kind() {
    let text = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        "A".repeat(1_600)
    );
    assert_is_no_secret(text.as_bytes());
    assert_is_no_secret(b"ssh-ed25519 AAAA");
}

proptest! {
    #[test]
    fn random_bytes_and_their_texts_are_taken(mut secret in proptest::collection::vec(any::<u8>(), 64..600)) {
        for first in [secret[0], 0x30, 0, b'{', b'M'] {
            secret[0] = first;
            prop_assert!(SigningKey::hs512(&secret).is_ok());
            prop_assert!(SigningKey::hs512(STANDARD.encode(&secret)).is_ok());
            prop_assert!(SigningKey::hs512(URL_SAFE_NO_PAD.encode(&secret)).is_ok());
        }
    }
}
