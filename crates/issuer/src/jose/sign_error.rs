//! Why claims are not signed.

use std::fmt;

/// Why claims are not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The token would be longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES), so that nobody would accept it.
    Oversized,
    /// No key of the set has this fingerprint.
    UnknownKey,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oversized => "the token would be longer than 8192 bytes",
            Self::UnknownKey => "the key is not in use any more",
        })
    }
}

impl std::error::Error for SignError {}
