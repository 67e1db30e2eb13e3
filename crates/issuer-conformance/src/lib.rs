//! What every [`Store`] must pass.
//!
//! A backend runs all of it in a few lines of a test of its own:
//!
//! ```
//! # // A doctest compiles `#[test]` functions without running them; `tests/memory.rs` runs these.
//! mod conformance {
//!     use issuer_store::MemoryStore;
//!
//!     issuer_conformance::suite!(MemoryStore::new);
//! }
//! ```
//!
//! A store that lives in files hands its temporary directory over with [`Subject::guarded`], and runs
//! [`durable_suite!`] beside: what was applied is there when the store is opened again. [`shared_suite!`] is
//! for stores that several processes may open at a time.
//!
//! ```
//! mod conformance {
//!     use issuer_conformance::Subject;
//!     # use issuer_store::MemoryStore;
//!     # struct TempDir; // as in the crate `tempfile`
//!     # impl TempDir { fn new() -> Self { Self } }
//!     # fn open(_: &TempDir) -> std::sync::Arc<MemoryStore> { Default::default() }
//!
//!     fn fresh() -> Subject {
//!         let dir = TempDir::new();
//!         Subject::guarded(open(&dir), dir)
//!     }
//!
//!     fn place() -> impl Fn() -> std::sync::Arc<MemoryStore> {
//!         let dir = TempDir::new();
//!         move || open(&dir)
//!     }
//!
//!     issuer_conformance::suite!(fresh);
//!     issuer_conformance::durable_suite!(place);
//!     issuer_conformance::shared_suite!(place);
//! }
//! ```
//!
//! [`kill_suite!`] is for stores that outlive their process. It starts the test's own program as a child, which issues,
//! retries, revokes and purges through the real rules; kills it at a random moment, now and then a second one that
//! opens what the first one left; opens the store and compares every row with what was acknowledged. A file of its
//! own in `tests/` is all that it takes:
//!
//! ```
//! use std::path::Path;
//!
//! # use issuer_store::MemoryStore;
//! # struct MyStore;
//! # impl MyStore { fn open(_: impl AsRef<Path>) -> Result<MemoryStore, String> { Ok(MemoryStore::new()) } }
//! issuer_conformance::kill_suite!(|folder: &Path| MyStore::open(folder.join("users.db")));
//! ```
//!
//! It kills 40 times; `ISSUER_KILLS=10000` makes a long run of it, for which `TMPDIR` should name a folder in memory
//! (a killed process leaves its writes to the system, so that a disk would add nothing but time). It says its seed,
//! and `ISSUER_TEST_SEED` repeats it, as far as the machine's own chance allows. A server's process takes its memory
//! with it and the system keeps what was written: what a power cut takes is another question, and another test.
//!
//! # What is not checked
//! What it costs, that a read never waits for a write, and what a power cut or a failing disk leaves: those
//! need a clock, a profiler or a file system that lies, and belong to the backend's own tests. For the last two,
//! [`crash`] has what a test needs beside such a file system.
//!
//! # More
//! Whoever wants the cases as data finds them in [`CASES`]; each is a plain function over `&dyn Store`, in the
//! module of the clause of the contract that it belongs to, and its name is the promise. [`broken`] has stores
//! that the cases must reject, [`agreement`] random steps beside the reference, [`crash`] a load, and the account of
//! what a store owes after it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "to panic where a promise is broken is what this crate is for"
)]

pub mod agreement;
pub mod broken;
pub mod cases;
pub mod child;
pub mod crash;
pub mod fixture;
pub mod probe;
mod subject;
mod suite;

#[cfg(doc)]
use issuer_store::Store;

pub use subject::Subject;
pub use suite::{CASES, Case, DURABLE_CASES, Open, SHARED_CASES, run, run_durable};
