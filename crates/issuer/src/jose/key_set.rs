//! The keys that a server signs and verifies with.

use super::{KeyError, SigningKey, VerifyError, header::Header, jwk};
use crate::KeyFingerprint;

/// One key that signs, and any number that still verify what they once signed.
///
/// No two keys of a set share a `kid`, and at most one has none, so that a token names exactly one of them.
///
/// ```
/// use issuer::jose::{KeyError, KeySet, SigningKey};
///
/// // The key of last month verifies until its last token has expired.
/// let keys = KeySet::new(SigningKey::hs256([2; 32])?.with_kid("july")?)
///     .verify_also(SigningKey::hs256([1; 32])?.with_kid("june")?)?;
/// assert_eq!(keys.fingerprints().count(), 2);
/// assert_eq!(keys.fingerprints().next(), Some(keys.active_fingerprint()));
/// # Ok::<(), KeyError>(())
/// ```
#[derive(Debug)]
pub struct KeySet {
    active: SigningKey,
    retiring: Vec<SigningKey>,
}

impl KeySet {
    /// A set of one key, which signs and verifies.
    pub const fn new(active: SigningKey) -> Self {
        Self {
            active,
            retiring: Vec::new(),
        }
    }

    /// Adds a key that verifies, and signs nothing but replays of what it signed before.
    ///
    /// # Errors
    /// [`KeyError::DuplicateKid`] where a key of the set has this `kid`, or has none either.
    pub fn verify_also(mut self, retiring: SigningKey) -> Result<Self, KeyError> {
        if self.keys().any(|key| key.kid() == retiring.kid()) {
            return Err(KeyError::DuplicateKid);
        }
        self.retiring.push(retiring);
        Ok(self)
    }

    /// Reads a JWK Set (RFC 7517 section 5). **The first key is the active one.**
    ///
    /// A key of a kind or algorithm that this library does not know makes the whole set an error, where RFC 7517
    /// would have it skipped: a key that silently went missing fails far from its cause.
    ///
    /// # Errors
    /// [`KeyError::Empty`] without a key; [`KeyError::DuplicateKid`]; whatever [`SigningKey::from_jwk`] says of a key.
    pub fn from_jwks(json: &str) -> Result<Self, KeyError> {
        jwk::read_set(json)
    }

    /// The key that signs.
    pub const fn active_fingerprint(&self) -> KeyFingerprint {
        self.active.fingerprint()
    }

    /// Every key, the active one first.
    pub fn fingerprints(&self) -> impl Iterator<Item = KeyFingerprint> + '_ {
        self.keys().map(SigningKey::fingerprint)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.active).chain(&self.retiring)
    }

    pub(super) const fn active(&self) -> &SigningKey {
        &self.active
    }

    pub(super) fn with_fingerprint(&self, fingerprint: KeyFingerprint) -> Option<&SigningKey> {
        self.keys().find(|key| key.fingerprint() == fingerprint)
    }

    /// The key that writes exactly this header: the way of every token that this library made.
    pub(super) fn that_writes(&self, header_segment: &str) -> Option<&SigningKey> {
        self.keys().find(|key| key.writes_header(header_segment))
    }

    /// The key whose header opens this token, and the token split at the lengths of that key: the way of every token
    /// that this library made. Whether there are more dots than two, nobody has looked yet.
    pub(super) fn split<'t>(&self, token: &'t str) -> Option<(&SigningKey, [&'t str; 3])> {
        self.keys().find_map(|key| Some((key, key.split(token)?)))
    }

    /// The key that this header names: the way of all other tokens. A header without `kid` names the key without.
    ///
    /// # Errors
    /// `UnknownKey` where there is none, `Algorithm` where the header's `alg` is not the key's.
    pub(super) fn that_is_named_by(&self, header: &Header<'_>) -> Result<&SigningKey, VerifyError> {
        let named = self.keys().find(|key| key.kid() == header.kid.as_deref());
        let key = named.ok_or(VerifyError::UnknownKey)?;
        if key.algorithm().name() == header.alg {
            Ok(key)
        } else {
            Err(VerifyError::Algorithm)
        }
    }
}
