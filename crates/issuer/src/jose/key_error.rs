//! Why a key, or a set of keys, is refused.

use std::fmt;

/// Why a key, or a set of keys, is refused. It never holds any of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is shorter than the hash (32, 48, 64 bytes) or longer than 1,024 bytes.
    Length,
    /// The secret consists of zeros: most likely a buffer that was never filled.
    Zeros,
    /// The secret is a key of another kind (PEM, DER, SSH, JWK), most likely a public one: everybody who knows it could sign
    /// tokens.
    KeyText,
    /// The `kid` is not 1 to 128 visible ASCII characters without `"` and `\`.
    Kid,
    /// Two keys of a set have the same `kid`, or two have none.
    DuplicateKid,
    /// The key is of another kind than `oct`, or the set mixes kinds.
    KeyType,
    /// `alg` is missing, or none of [`Algorithm`](super::Algorithm).
    Algorithm,
    /// `use` is not `sig`, or `key_ops` lacks `sign` or `verify`.
    Use,
    /// The JSON is no JWK or JWK Set: bad syntax, a member twice or missing or of the wrong type, `k` not
    /// canonical base64url.
    Malformed,
    /// The JWK Set holds no key.
    Empty,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => {
                "a secret must be 32 (HS256), 48 (HS384) or 64 (HS512) bytes or longer, and at most 1024"
            }
            Self::Zeros => "a secret must be random bytes, and this one is zeros alone",
            Self::KeyText => {
                "an HMAC secret must be random bytes, and this is a key of another kind (PEM, DER, SSH or JWK), which others may know"
            }
            Self::Kid => {
                "a kid must be 1 to 128 visible ASCII characters other than the double quote and the backslash"
            }
            Self::DuplicateKid => "two keys of a set must not share a kid, and at most one may lack it",
            Self::KeyType => "kty must be \"oct\"",
            Self::Algorithm => "alg must be HS256, HS384 or HS512",
            Self::Use => "use must be \"sig\", and key_ops must hold \"sign\" and \"verify\"",
            Self::Malformed => "not a JSON Web Key or JWK Set",
            Self::Empty => "a JWK Set must hold a key",
        })
    }
}

impl std::error::Error for KeyError {}
