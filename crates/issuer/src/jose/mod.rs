//! How a token is written and read: JWTs (RFC 7519) in compact JWS (RFC 7515), signed with HMAC (RFC 7518 section 3.2).
//!
//! ```
//! use issuer::jose::{Claims, Expected, KeySet, SigningKey};
//! use issuer::{Lifetime, Timestamp, TokenId};
//!
//! let keys = KeySet::new(SigningKey::hs256([7; 32])?); // a secret from a secure random source
//! let now = Timestamp::from_unix(1_750_000_000).ok_or("out of range")?;
//!
//! let token = keys.sign(&Claims {
//!     issuer: None,
//!     subject: "user001",
//!     audience: None,
//!     issued_at: now,
//!     expires_at: now.checked_add(Lifetime::from_days(7)?).ok_or("past the year 9999")?,
//!     token_id: TokenId::from_parts(1_750_000_000_000, [1; 10]), // likewise
//! })?;
//!
//! let verified = keys.verify(token.as_str(), &Expected::new(), now)?;
//! assert_eq!(verified.subject(), "user001");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rules are those of RFC 8725, and stricter where RFC 7515 and 7519 leave a choice:
//! - A key has one algorithm. `alg` is compared with it, never obeyed; there is no `none`.
//! - The MAC comes first: nothing of a payload is decoded before it is good.
//! - Base64url has one form, JSON objects have no member twice, `crit` and `b64` are refused.
//! - `exp`, `nbf` and `iat` are integers of the years 0000 to 9999; `sub` and `exp` must be there.
//! - Tokens have at most [`MAX_TOKEN_BYTES`], and JSON objects at most 128 members that nobody here knows.
//!
//! What it does not do: encryption (JWE), JSON serialization, detached payloads, keys fetched from anywhere, reading
//! claims without verifying them, telling whether a token was revoked (the store knows).

mod absorbed;
mod algorithm;
mod as_written;
mod buffer;
mod claims;
mod claims_set;
pub mod dangerous;
mod expected;
mod header;
mod json_string;
mod jwk;
mod jws;
mod jwt;
mod key_error;
mod key_set;
mod members;
mod other_key;
mod sign_error;
mod signing_key;
mod token;
mod verified;
mod verify_error;

pub use algorithm::Algorithm;
pub use claims::Claims;
pub use expected::{Expected, LeewayError};
pub use jws::{UnverifiedToken, VerifiedPayload};
pub use key_error::KeyError;
pub use key_set::KeySet;
pub use sign_error::SignError;
pub use signing_key::SigningKey;
pub use token::Token;
pub use verified::Verified;
pub use verify_error::VerifyError;

/// The longest token that is signed or looked at, in bytes: 8 KiB, what HTTP servers commonly take as one header.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
