//! Access tokens for the users of an application.

pub mod decide;
pub mod jose;
pub mod state;
pub mod user;

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
