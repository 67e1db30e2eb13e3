//! Which rule a token breaks.

use std::fmt;

/// Which rule a token breaks: the first one, in the order below. It never holds any of the token.
///
/// To whoever presented the token, all of these are the same answer; the difference is for logs and for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VerifyError {
    /// Longer than [`MAX_TOKEN_BYTES`](super::MAX_TOKEN_BYTES).
    Oversized,
    /// Not three segments of canonical unpadded base64url whose first is a JOSE header (RFC 7515 section 7.1).
    Malformed,
    /// The header has `crit` (RFC 7515 section 4.1.11) or `b64` (RFC 7797).
    Extension,
    /// No key of the set has the token's `kid`, or the token has none and neither has any key.
    UnknownKey,
    /// `alg` is not the algorithm of the key.
    Algorithm,
    /// The MAC is not the key's for this token.
    Signature,
    /// `typ` is there and neither `JWT` nor `application/jwt` (RFC 7519 section 5.1, RFC 8725 section 3.11).
    Type,
    /// The payload is no claims set: no JSON object, a member twice, `sub` or `exp` missing, or a registered claim
    /// of the wrong type or out of range (RFC 7519 section 4.1).
    Claims,
    /// `iss` is not what is expected.
    Issuer,
    /// `aud` is not, and does not hold, what is expected.
    Audience,
    /// `nbf` is still to come.
    NotYetValid,
    /// `exp` has passed. The signature is good, and so are all other claims.
    Expired,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oversized => "the token is longer than 8192 bytes",
            Self::Malformed => "the token is not a JWS in compact serialization",
            Self::Extension => "the token asks for an extension",
            Self::UnknownKey => "the token names a key that is not in use",
            Self::Algorithm => "the token's algorithm is not its key's",
            Self::Signature => "the signature is wrong",
            Self::Type => "the token's type is not JWT",
            Self::Claims => "the claims are not valid",
            Self::Issuer => "the token is from another issuer",
            Self::Audience => "the token is for another audience",
            Self::NotYetValid => "the token is not valid yet",
            Self::Expired => "the token has expired",
        })
    }
}

impl std::error::Error for VerifyError {}
