//! The rules, one file a call: snapshot and request in, commit or answer or refusal out.
//!
//! Nothing here reads a clock, makes a random number or knows a key: `now` and the [`Fresh`] ids are
//! arguments, so that every rule is tested without a store and reads the same on each of them.

mod check;
mod decision;
mod idempotency;
mod issue;
mod policy;
mod profile;
mod refusal;
mod revoke;
mod rules;

pub use check::{Dead, check};
pub use decision::{Decision, Fresh};
pub use idempotency::{IDEMPOTENCY_SECONDS, IdempotencyKey};
pub use issue::{Issue, IssuedRecord, issue};
pub use policy::{MaxLiveTokens, Policy};
pub use profile::write_profile;
pub use refusal::{Refusal, RefusalClass};
pub use revoke::{Revoke, RevokeTarget, Revoked, revoke};
pub use rules::{Rules, RulesError};
