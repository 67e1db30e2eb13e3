//! Which signing key a token was signed with, as records hold it.

use std::fmt;

/// 128 bits that name one signing key: its secret, its algorithm and its `kid` together.
///
/// A `kid` alone does not tell: a key without one may be replaced by another without one. Records hold the
/// fingerprint, so that a token whose key is gone is known to be dead without its text. It is a MAC made
/// with the key, so that it says nothing of the secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint([u8; 16]);

impl KeyFingerprint {
    /// The fingerprint that these bytes are.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyFingerprint(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}
