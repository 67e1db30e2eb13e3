//! A key that signs and verifies.

use std::fmt;

use ring::hmac;
use zeroize::Zeroizing;

use super::{
    Algorithm, KeyError, VerifyError, absorbed::Absorbed, claims::ClaimsJson, header, jwk,
    other_key::is_key_of_another_kind,
};
use crate::{KeyFingerprint, base64url};

/// One secret with one algorithm and perhaps a `kid`.
///
/// It cannot be cloned, serialised or printed. The secret is zeroized when the key is dropped, but for the hash
/// states derived from it that [`ring`] keeps and offers no way to erase.
///
/// ```
/// use issuer::jose::{KeyError, SigningKey};
///
/// let secret = [0x2A; 32]; // from a secure random source
/// let key = SigningKey::hs256(secret)?.with_kid("2025-06")?;
/// assert_eq!(key.kid(), Some("2025-06"));
/// assert_eq!(format!("{key:?}"), r#"SigningKey { algorithm: Hs256, kid: Some("2025-06"), .. }"#);
/// # Ok::<(), KeyError>(())
/// ```
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    /// Kept for the key file alone: see [`dangerous`](super::dangerous).
    secret: Zeroizing<Vec<u8>>,
    mac: hmac::Key,
    absorbed: Absorbed,
    /// The header segment and its dot, which open every token of this key.
    prefix: String,
    fingerprint: KeyFingerprint,
}

impl SigningKey {
    /// The longest secret, in bytes. HMAC gains nothing past the 64 or 128 bytes of a block (RFC 2104 section 3);
    /// what is longer than this was meant to be something else.
    pub const MAX_SECRET_BYTES: usize = 1_024;
    /// The longest `kid`, in characters.
    pub const MAX_KID_CHARS: usize = 128;

    /// A key for HMAC with SHA-256. The secret should come from a secure random source: a password that long is
    /// still a password.
    ///
    /// # Errors
    /// [`KeyError::Length`] outside 32 to 1,024 bytes (RFC 7518 section 3.2); [`KeyError::Zeros`] for zeros alone;
    /// [`KeyError::KeyText`] for a PEM, DER, SSH or JWK key.
    pub fn hs256(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new(Algorithm::Hs256, secret.as_ref())
    }

    /// A key for HMAC with SHA-384.
    ///
    /// # Errors
    /// [`KeyError::Length`] outside 48 to 1,024 bytes; [`KeyError::Zeros`] for zeros alone;
    /// [`KeyError::KeyText`] for a PEM, DER, SSH or JWK key.
    pub fn hs384(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new(Algorithm::Hs384, secret.as_ref())
    }

    /// A key for HMAC with SHA-512.
    ///
    /// # Errors
    /// [`KeyError::Length`] outside 64 to 1,024 bytes; [`KeyError::Zeros`] for zeros alone;
    /// [`KeyError::KeyText`] for a PEM, DER, SSH or JWK key.
    pub fn hs512(secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Self::new(Algorithm::Hs512, secret.as_ref())
    }

    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        // First, for many are longer than a secret may be, and the length is not what is wrong with them.
        if is_key_of_another_kind(secret) {
            return Err(KeyError::KeyText);
        }
        if !(algorithm.tag_len()..=Self::MAX_SECRET_BYTES).contains(&secret.len()) {
            return Err(KeyError::Length);
        }
        if secret.iter().all(|byte| *byte == 0) {
            return Err(KeyError::Zeros);
        }
        Ok(Self::assemble(algorithm, None, Zeroizing::new(secret.to_vec())))
    }

    /// The same secret under a `kid`, which its tokens then carry.
    ///
    /// # Errors
    /// [`KeyError::Kid`] on anything but 1 to 128 visible ASCII characters without `"` and `\`.
    pub fn with_kid(self, kid: &str) -> Result<Self, KeyError> {
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if !(1..=Self::MAX_KID_CHARS).contains(&kid.len()) || !kid.bytes().all(allowed) {
            return Err(KeyError::Kid);
        }
        Ok(Self::assemble(self.algorithm, Some(kid.into()), self.secret))
    }

    /// Reads a JSON Web Key (RFC 7517): `kty` is `oct`, `alg` is required, `k` is canonical base64url.
    ///
    /// `use`, where present, is `sig`; `key_ops`, where present, holds `sign` and `verify`. Other members are ignored.
    ///
    /// # Errors
    /// [`KeyError`] of the rule that the key breaks; it never holds any of the key.
    ///
    /// ```
    /// use issuer::jose::{Algorithm, SigningKey};
    ///
    /// let key = SigningKey::from_jwk(
    ///     r#"{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"}"#,
    /// )?;
    /// assert_eq!(key.algorithm(), Algorithm::Hs256);
    /// # Ok::<(), issuer::jose::KeyError>(())
    /// ```
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        jwk::read_key(json)
    }

    fn assemble(algorithm: Algorithm, kid: Option<Box<str>>, secret: Zeroizing<Vec<u8>>) -> Self {
        let mac = hmac::Key::new(algorithm.hmac(), &secret);
        let mut prefix = header::encode(algorithm, kid.as_deref());
        prefix.push('.');
        let fingerprint = fingerprint(&mac, algorithm, kid.as_deref());
        Self {
            algorithm,
            kid,
            secret,
            mac,
            absorbed: Absorbed::new(),
            prefix,
            fingerprint,
        }
    }

    /// What it signs with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name in the header of its tokens (RFC 7515 section 4.1.4).
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What records call it: equal for the same secret, algorithm and `kid`, and for nothing else.
    pub const fn fingerprint(&self) -> KeyFingerprint {
        self.fingerprint
    }

    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The compact serialization (RFC 7515 section 3.1) of these claims, in one allocation.
    ///
    /// The first `shared_len` bytes of the claims are likely to come again.
    #[allow(
        clippy::expect_used,
        reason = "the prefix, the claims and the tag were written as base64url"
    )]
    pub(super) fn sign(&self, claims: &ClaimsJson, shared_len: usize) -> String {
        let len = claims.as_bytes().len();
        let padded = claims.padded(base64url::VECTOR_BYTES);
        let mut token = Vec::with_capacity(self.token_len(padded.len()));
        token.extend_from_slice(self.prefix.as_bytes());
        base64url::append_padded(padded, len, &mut token);
        // Three bytes are four characters, which nothing behind them changes.
        let shared_len = self.prefix.len() + shared_len / 3 * 4;
        let tag = self.absorbed.sign(&self.mac, &token, shared_len);
        token.push(b'.');
        match tag.as_ref().as_array() {
            Some(tag) => token.extend_from_slice(&base64url::fixed::encode::<32, 43, 6>(tag)),
            None => base64url::append(tag.as_ref(), &mut token),
        }
        String::from_utf8(token).expect("base64url and dots are ASCII")
    }

    /// The text of the tag of a text.
    #[cfg(test)]
    pub(super) fn sign_text(&self, text: &str) -> String {
        base64url::encode(hmac::sign(&self.mac, text.as_bytes()).as_ref())
    }

    /// Characters of a token with this many bytes of payload.
    pub(super) fn token_len(&self, payload_len: usize) -> usize {
        self.prefix.len()
            + base64url::encoded_len(payload_len)
            + 1
            + base64url::encoded_len(self.algorithm.tag_len())
    }

    /// Whether a header segment is, byte for byte, the one this key writes.
    pub(super) fn writes_header(&self, segment: &str) -> bool {
        self.prefix.strip_suffix('.') == Some(segment)
    }

    /// The payload, the signature and what it is over, of a token that begins and ends as those of this key do.
    pub(super) fn split<'t>(&self, token: &'t str) -> Option<[&'t str; 3]> {
        let signature_len = base64url::encoded_len(self.algorithm.tag_len());
        let (signed, signature) = token.split_at_checked(token.len().checked_sub(signature_len)?)?;
        let signing_input = signed.strip_suffix('.')?;
        let payload = signing_input.strip_prefix(&*self.prefix)?;
        Some([payload, signature, signing_input])
    }

    /// Compares in constant time. A tag of another length than the algorithm's is no tag: nothing is truncated
    /// (RFC 7518 section 3.2).
    #[allow(
        clippy::expect_used,
        reason = "the longest tag of all algorithms is that of HS512"
    )]
    pub(super) fn verify(&self, signing_input: &str, signature: &str) -> Result<(), VerifyError> {
        let tag_len = self.algorithm.tag_len();
        if signature.len() != base64url::encoded_len(tag_len) {
            return Err(VerifyError::Signature);
        }
        let mut tag = [0; 64];
        let tag = tag
            .get_mut(..tag_len)
            .expect("a tag of HS512 has 64 bytes, all others fewer");
        if let (Some(tag), Some(signature)) = (tag.as_mut_array(), signature.as_bytes().as_array()) {
            *tag = base64url::fixed::decode::<43, 32, 6>(signature).ok_or(VerifyError::Malformed)?;
        } else {
            base64url::decode(signature, tag).ok_or(VerifyError::Malformed)?;
        }
        hmac::verify(&self.mac, signing_input.as_bytes(), tag).map_err(|_| VerifyError::Signature)
    }
}

/// A MAC over a text that no signing input begins like: those are base64url and dots.
#[allow(
    clippy::expect_used,
    reason = "the shortest tag of all algorithms is that of HS256"
)]
fn fingerprint(mac: &hmac::Key, algorithm: Algorithm, kid: Option<&str>) -> KeyFingerprint {
    let mut context = hmac::Context::with_key(mac);
    context.update(b"issuer key fingerprint v1\0");
    context.update(algorithm.name().as_bytes());
    match kid {
        None => context.update(b"\0\0"),
        Some(kid) => {
            context.update(b"\0\x01");
            context.update(kid.as_bytes());
        }
    }
    let tag = context.sign();
    let first = tag.as_ref().first_chunk();
    KeyFingerprint::from_bytes(*first.expect("a tag of HS256 has 32 bytes, all others more"))
}

/// The algorithm and the `kid`; never the secret, nor anything made with it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
