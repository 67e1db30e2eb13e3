//! What the fuzz targets check: one function a target, each judging what the library says by rules that are
//! written here a second time, from the RFCs and the contract, with other libraries where there are any.
//!
//! A target panics when the two disagree. `cargo test` runs every checked-in input through its target.
#![forbid(unsafe_code)]

mod idempotency_key;
mod issue_body;
mod jwk;
pub mod keys;
mod members;
mod token;
mod user_fields;

pub use idempotency_key::idempotency_key;
pub use issue_body::issue_body;
pub use jwk::jwk;
pub use token::token;
pub use user_fields::user_fields;
