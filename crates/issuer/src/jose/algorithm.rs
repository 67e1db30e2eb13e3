//! Which MAC a key makes (RFC 7518 section 3.1).

use std::fmt;

use ring::hmac;

/// The algorithm of a [`SigningKey`](super::SigningKey): one key has one, chosen by whoever made the key.
///
/// There is no `none` (RFC 8725 section 3.2), and what a token's `alg` says is compared with this, never obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 section 3.2): secrets of 32 bytes and more.
    Hs256,
    /// HMAC with SHA-384: secrets of 48 bytes and more.
    Hs384,
    /// HMAC with SHA-512: secrets of 64 bytes and more.
    Hs512,
}

impl Algorithm {
    /// Its name in the `alg` header parameter: `HS256`, `HS384`, `HS512`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Bytes of a tag, and the fewest bytes of a secret (RFC 7518 section 3.2: "a key of the same size as the
    /// hash output or larger MUST be used").
    pub(super) const fn tag_len(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    /// The algorithm of this exact name. `alg` is case-sensitive (RFC 7515 section 4.1.1).
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Hs256, Self::Hs384, Self::Hs512]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Hs256 => hmac::HMAC_SHA256,
            Self::Hs384 => hmac::HMAC_SHA384,
            Self::Hs512 => hmac::HMAC_SHA512,
        }
    }
}

/// The name, as in `alg`.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
