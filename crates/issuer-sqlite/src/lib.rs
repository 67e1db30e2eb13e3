//! A [`Store`](issuer_store::Store) in one SQLite file: the default where a host needs no database server.
//!
//! ```
//! use issuer::user::UserId;
//! use issuer_sqlite::SqliteStore;
//! use issuer_store::{Lookup, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("users.db");
//! let store = SqliteStore::open(&path)?;
//! let amy = UserId::parse("user001")?;
//! let snapshots = store.load(&[Lookup::user(&amy)])?;
//! assert_eq!(snapshots.first().map(|amy| amy.user.is_none()), Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What `Applied` promises
//! When [`apply`](issuer_store::Store::apply) returns [`Applied`](issuer_store::Outcome::Applied), the rows
//! are in the write-ahead log and the log is synced: they outlive the process, the system and a power cut.
//! The database runs in WAL mode with `synchronous=FULL`, of which SQLite says that it syncs the log after
//! each transaction (`pragma.html#pragma_synchronous`: "consistent and durable"), and on Apple's systems
//! with `fullfsync`. The sync comes before the commit is entered in the index of the log, by which other
//! connections find it (`walformat.html`, section 2), so that no read shows what is not durable. What a
//! process left unsynced in the log when it was killed is written again and synced by the next
//! [`open`](SqliteStore::open) before anything is shown. A slice of commits is one transaction and one sync.
//!
//! Where a sync fails the error says [`Unknown`](issuer_store::Effect::Unknown). The connection is then
//! opened anew, the log written again as it reads and synced (the system takes for written what a failed sync
//! could not write), and the failed commit overwritten before the store reads or writes anything else; as long
//! as that cannot be done, it refuses both.
//!
//! A file that was moved, deleted or replaced while it is open is neither read nor written any more: what is
//! acknowledged must be where the next start looks for it.
//!
//! # What it does not promise
//! - A disk that says "synced" and is not, or a network file system that locks nothing, breaks all of it
//!   (`howtocorrupt.html`). The file belongs on a local disk.
//! - Two files belong to the database while it is open, and after a crash: `-wal` and `-shm` beside it. A
//!   copy of the main file alone is no backup then: `sqlite3 users.db ".backup copy.db"` makes one. Once every
//!   process has dropped its store the main file is all there is, and may be copied.
//! - Damage is found when a damaged page is read, and reported, not repaired.
//! - Deleted rows are not scrubbed from the disk; no token text was ever in them.
//!
//! # Restoring a backup
//! SQLite replays whatever log lies beside a file, and a backup that is put beside the log of a killed process is
//! damaged by that. So every commit names the one before it (table `last_commit`), and a store whose log was written
//! for another file is refused with [`Replaced`](issuer_store::StoreErrorKind::Replaced) before anything of the log is
//! used: so is a log whose file is missing. Neither file is written to. A file that is overwritten while it is open is
//! found before the next checkpoint, and from then on neither read nor written. Until then reads may show what the
//! backup holds: restore while no process uses the file.
//!
//! # Many processes
//! Any number of processes of one machine may open one file, also while it is first made. They take turns
//! in writing, each waiting for [at most so long](SqliteOptions::busy_timeout); reads wait for nobody.
//!
//! # Upkeep
//! Commits go to the log. Once that has 1 MiB a thread copies it into the database, beside the commits; the one
//! that comes next copies what was added meanwhile, and the log is written again from its beginning.
//! [`purge`](issuer_store::Store::purge) copies it, too, once nothing is left to purge. A log that grew beside a long
//! read is cut to 4 MiB after it.
//!
//! # Looking inside
//! `sqlite3 -readonly users.db "SELECT * FROM tokens WHERE user = 'user001'"`. Every table is `STRICT`, a
//! column a field, times are seconds since 1970; the view `tokens` shows ids and times as people write them.

mod apply;
mod checkpoints;
mod connection;
mod control;
#[cfg(test)]
mod documented;
mod error;
mod export;
mod file_id;
mod load;
mod log_frames;
mod log_link;
mod open;
#[cfg(test)]
mod plans;
mod purge;
mod readers;
mod row;
mod schema;
mod statements;
mod store;
mod writer;

pub use open::SqliteOptions;
pub use store::SqliteStore;
