//! What the fuzz targets check: one function a target, each judging what the library says by rules that are
//! written here a second time, from the RFCs and the contract, with other libraries where there are any.
//!
//! A target panics when the two disagree. `cargo test` runs every checked-in input through its target.
#![forbid(unsafe_code)]

mod any_rows;
mod client_id;
mod date;
mod idempotency_key;
mod issue_body;
mod jwk;
pub mod keys;
mod keys_file;
mod members;
mod settings_file;
mod sled_rows;
mod sqlite_rows;
mod token;
mod token_paths;
mod user_fields;

// The binary has no library: what reads its files is built here a second time, from the very sources.
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/data_dir.rs"]
mod data_dir;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/duration.rs"]
mod duration;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/failure.rs"]
mod failure;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/file_permissions.rs"]
mod file_permissions;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/given.rs"]
mod given;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/request.rs"]
mod request;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/settings.rs"]
mod settings;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/signing_keys.rs"]
mod signing_keys;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/store_url.rs"]
mod store_url;
#[allow(dead_code, reason = "the server uses more of it")]
#[path = "../../crates/issuer-server/src/token_settings.rs"]
mod token_settings;

pub use client_id::client_id;
pub use date::date;
pub use idempotency_key::idempotency_key;
pub use issue_body::issue_body;
pub use jwk::jwk;
pub use keys_file::keys_file;
pub use settings_file::settings_file;
pub use sled_rows::sled_rows;
pub use sqlite_rows::sqlite_rows;
pub use token::token;
pub use token_paths::token_paths;
pub use user_fields::user_fields;
