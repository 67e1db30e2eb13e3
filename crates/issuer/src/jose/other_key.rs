//! Keys of other kinds, recognised where the secret of an HMAC is due.
//!
//! A verifier that takes a public key for an HMAC secret accepts tokens of everybody who knows that key. Libraries that looked
//! for PEM alone missed SSH keys (CVE-2024-33663) and DER (CVE-2026-85394).

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// Standard base64, and nothing is refused that some decoder takes.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// True if a secret is a key of another kind: PEM (RFC 7468), SSH (RFC 4253 section 6.6, RFC 4716), JWK (RFC 7517), or DER, as it
/// is or in base64.
///
/// Random bytes look like one with a probability below 2⁻³⁸: at least five of them must have one value, in few ways.
pub(super) fn is_key_of_another_kind(secret: &[u8]) -> bool {
    let text = secret.strip_prefix("\u{feff}".as_bytes()).unwrap_or(secret);
    let text = text.trim_ascii_start();
    is_der(secret)
        || is_pem(text)
        || is_jwk(text)
        || is_ssh(text)
        || from_base64(text).is_some_and(|bytes| is_der(&bytes))
}

fn is_pem(text: &[u8]) -> bool {
    contains(text, b"-----BEGIN ") || contains(text, b"---- BEGIN ")
}

fn is_jwk(text: &[u8]) -> bool {
    text.starts_with(b"{") && contains(text, b"\"kty\"")
}

/// A line of a public key, or of the files `authorized_keys` and `known_hosts`, which have something before it.
fn is_ssh(text: &[u8]) -> bool {
    let begins_as_one = [
        "ssh-rsa",
        "ssh-dss",
        "ssh-ed",
        "ecdsa-sha2-",
        "sk-ssh-",
        "sk-ecdsa-",
        "PuTTY-User-Key-File-",
    ]
    .iter()
    .any(|name| text.starts_with(name.as_bytes()));
    begins_as_one
        || text
            .split(u8::is_ascii_whitespace)
            .filter_map(from_base64)
            .any(|word| is_ssh_blob(&word))
}

/// RFC 4253 section 6.6: the length of the name, the name.
fn is_ssh_blob(bytes: &[u8]) -> bool {
    let Some(([0, 0, 0, length], rest)) = bytes.split_first_chunk() else {
        return false;
    };
    rest.get(..usize::from(*length)).is_some_and(|name| {
        [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"]
            .iter()
            .any(|start| name.starts_with(start))
    })
}

/// A SEQUENCE that names an algorithm (X.509, PKCS #8, SEC 1), or the numbers of an RSA key (PKCS #1).
fn is_der(bytes: &[u8]) -> bool {
    const ALGORITHMS: [&[u8]; 7] = [
        // pkcs-1: RSA, and the signatures of certificates.
        &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01],
        // ansi-X9-62: elliptic curves, and signatures with them.
        &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D],
        &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D],
        // certicom: secp384r1 and others.
        &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00],
        // Ed25519 and Ed448.
        &[0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70],
        &[0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x71],
        // DSA.
        &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x38, 0x04, 0x01],
    ];
    // An RSA key is too long for a length of one byte.
    let (body, may_be_rsa) = match bytes {
        [0x30, 0x81, _, body @ ..] | [0x30, 0x82, _, _, body @ ..] => (body, true),
        [0x30, ..=0x7F, body @ ..] => (body, false),
        _ => return false,
    };
    let is_rsa = may_be_rsa
        && matches!(
            body,
            [0x02, 0x81, _, 0x00, ..]
                | [0x02, 0x82, _, _, 0x00, ..]
                | [0x02, 0x01, 0x00, 0x02, 0x81 | 0x82, ..]
        );
    is_rsa || ALGORITHMS.iter().any(|algorithm| contains(body, algorithm))
}

/// The bytes of a text in base64 or base64url, with line breaks and padding or without.
fn from_base64(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Filled up to its length and no further: a vector that grows leaves copies of the secret behind.
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    digits.extend(
        text.iter()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            }),
    );
    let mut bytes = Zeroizing::new(vec![0; digits.len()]);
    let length = LENIENT.decode_slice(&*digits, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
