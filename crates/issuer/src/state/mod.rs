//! What is known of a user, and what may be written: plain rows, without a rule.
//!
//! A store returns a [`Snapshot`] and applies a [`Commit`]; what lies between them is in [`decide`](crate::decide).

mod commit;
mod control;
mod holder;
mod replay;
mod snapshot;
mod token_record;
mod user_record;
mod version;

pub use commit::{Change, Claim, Commit, Expect};
pub use control::{ApiKeyRecord, ApiKeyScope, Control, ControlError};
pub use holder::{Holder, Tombstone};
pub use replay::Replay;
pub use snapshot::{Snapshot, TokenState};
pub use token_record::{IssuedToken, TokenBody, TokenName, TokenRecord};
pub use user_record::{TokenMode, UserRecord};
pub use version::{Version, Versioned};
