//! Access tokens for the users of an application: how they are signed and verified, and by which rules they are
//! issued, checked and revoked. Pure: no clock, no randomness, no I/O, no threads.
//!
//! Most hosts want the crate `issuer-service`, which runs these rules over a store. This crate alone is for a host
//! that has a user table of its own:
//!
//! ```
//! use issuer::{Lifetime, Timestamp, TokenId};
//! use issuer::jose::{Claims, Expected, KeySet, SigningKey};
//!
//! let keys = KeySet::new(SigningKey::hs256(b"32 bytes or more from the system")?);
//! let now = Timestamp::parse_rfc3339("2025-06-23T12:00:00Z")?;
//!
//! let claims = Claims {
//!     issuer: None,
//!     subject: "user001",
//!     audience: None,
//!     issued_at: now,
//!     expires_at: now.checked_add(Lifetime::from_days(7)?).ok_or("past the year 9999")?,
//!     token_id: TokenId::from_parts(1_750_680_000_000, [0; 10]),
//! };
//! let token = keys.sign(&claims)?;
//!
//! let verified = keys.verify(token.as_str(), &Expected::new(), now)?;
//! assert_eq!(verified.subject(), "user001");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where things are
//! - [`jose`]: how a token is written and read (RFC 7515, 7517, 7518, 7519).
//! - [`user`]: how a user record is validated: parsed once, never checked again.
//! - [`state`]: what is known of a user, and what may be written: plain rows.
//! - [`decide`]: the rules, one file a call: snapshot and request in; commit, answer or refusal out.
//!
//! # What it does not do
//! It keeps nothing: a verified token may have been revoked, and only a store knows. It encrypts nothing: whoever
//! holds a token can read its claims. It fetches nothing: no header of a token leads to a key outside the set.

pub mod decide;
pub mod jose;
pub mod state;
pub mod user;

mod base64url;
mod digest;
mod field_error;
mod key_fingerprint;
mod lifetime;
mod timestamp;
mod token_id;

pub use digest::Digest;
pub use field_error::FieldError;
pub use key_fingerprint::KeyFingerprint;
pub use lifetime::{Lifetime, LifetimeError};
pub use timestamp::{Timestamp, TimestampError};
pub use token_id::TokenId;
