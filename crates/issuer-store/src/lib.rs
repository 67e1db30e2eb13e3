//! The contract between the rules of [`issuer`] and whatever keeps the records.
//!
//! [`Store`] has eight methods, and its documentation is the contract: a backend can be written from it
//! alone, and `issuer-conformance` tells whether it keeps it. [`MemoryStore`] is the reference: it keeps
//! every promise but durability. [`copy()`] moves what one store holds into another one.
//!
//! ```
//! use issuer::user::UserId;
//! use issuer_store::{Lookup, MemoryStore, Store};
//!
//! let store = MemoryStore::new();
//! let amy = UserId::parse("user001")?;
//! let snapshots = store.load(&[Lookup::user(&amy)])?;
//! assert_eq!(snapshots.first().map(|amy| amy.user.is_none()), Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is not here: rules (they are in [`issuer::decide`]), clocks, signing keys, token texts.

mod copy;
#[cfg(test)]
mod documented;
mod error;
mod lookup;
mod memory;
mod page;
mod store;

pub use copy::{Copied, CopyError, Counts, Phase, Progress, copy};
pub use error::{Effect, StoreError, StoreErrorKind};
pub use lookup::{Lookup, TokenRef};
pub use memory::MemoryStore;
pub use page::{Cursor, Export, ExportRow, Page, UserEntry, UserPage};
pub use store::{Outcome, Store};
