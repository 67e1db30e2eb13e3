//! Keys and key sets, read and written.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use issuer::jose::{Algorithm, KeyError, KeySet, SigningKey, dangerous};

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
        let constructors = [
            SigningKey::hs256(&text).map(drop),
            SigningKey::hs384(&text).map(drop),
            SigningKey::hs512(&text).map(drop),
            SigningKey::from_jwk(&format!(
                r#"{{"kty":"oct","alg":"HS256","k":"{}"}}"#,
                URL_SAFE_NO_PAD.encode(&text)
            ))
            .map(drop),
        ];
        for made in constructors {
            assert_eq!(made, Err(KeyError::KeyText), "{text}");
        }
    }
    // Neither is text as such.
    assert!(SigningKey::hs256("a passphrase that begins with ssh but is none").is_ok());
}
