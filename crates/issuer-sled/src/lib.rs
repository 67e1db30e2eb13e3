//! A [`Store`](issuer_store::Store) in one folder of [sled]'s, an embedded database without a line of C.
//!
//! ```
//! use issuer::user::UserId;
//! use issuer_sled::SledStore;
//! use issuer_store::{Lookup, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("users.sled");
//! let store = SledStore::open(&path)?;
//! let amy = UserId::parse("user001")?;
//! let snapshots = store.load(&[Lookup::user(&amy)])?;
//! assert_eq!(snapshots.first().map(|amy| amy.user.is_none()), Some(true));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The default is SQLite (`issuer-sqlite`): it promises more, and any program can look into its file. Choose this one
//! where no C may be compiled, or where reads must take a microsecond or two, and only one process needs the users.
//!
//! # What `Applied` promises
//! When [`apply`](issuer_store::Store::apply) returns [`Applied`](issuer_store::Outcome::Applied), the rows are in
//! sled's log and the log is synced: they outlive the process (`tests/kills.rs` kills one over and over), the
//! system, and a power cut (`issuer-faults` plays some at moments all over a trace), but for the cases below. sled 0.34.7
//! itself never syncs for its `flush`: it calls `sync_file_range`, of which the manual says that it writes out neither
//! the file's length nor the disk's own cache.
//! So a slice of commits is one transaction of sled's over all trees, one `flush`, and one `fdatasync` of the database
//! file (`every_slice_is_synced_once` counts them). A transaction is recovered whole or not at all, for its log begins
//! with a manifest that says where it ends. Readers see the slice once it is synced and not before, although sled shows
//! it at once: they go by what was there before, without waiting (`what_is_not_synced_is_shown_by_no_read_and_no_read_waits_for_it`).
//!
//! Where a write or a sync fails, the error says [`Unknown`](issuer_store::Effect::Unknown), and the store refuses every
//! call with [`Closed`](issuer_store::StoreErrorKind::Closed), which may be tried again: it closes sled and opens the
//! folder anew by itself, with all that an opening looks at, first at once and then with pauses that double up to ten
//! seconds. The folder stays locked meanwhile. What it shows afterwards is settled. The same goes for a write that takes
//! longer than a minute: sled waits for ever for a thread of its own that died.
//!
//! A failed sync makes the system take for written what it could not write: it goes on showing it, and the next sync
//! says that all is well. So after a failure, and where the last process did not close the folder, every file is written
//! anew, as it reads, and synced, before anything of it is shown. That takes as long as the folder is large.
//!
//! # What is found when it is opened
//! Of a log that is damaged sled takes what comes before the damage, forgets the rest and writes over it. So the
//! number of the last synced slice is kept in a file of our own, and a sum over all rows among them; both are compared
//! at every opening, which reads every row ([`Check`]). Whatever is missing or altered, the opening says
//! [`Damaged`](issuer_store::StoreErrorKind::Damaged) and names the folder. `tests/opening.rs` turns bits, cuts ends and
//! writes noise in every file: what opens is what was there. sled panics at some of it, which is contained, and printed
//! by the program's panic hook.
//!
//! sled replaces its snapshot at every opening and does not sync the folder, so that a power cut may leave neither the old
//! one nor the new one; without any it finds nothing in a log that has begun again from the start. The old one is kept
//! under a name of ours until the folder is synced.
//!
//! # What it does not promise
//! - **A power cut while sled cleans its log.** Five times a second sled may move pages to the end of its log and use
//!   their old place again; it syncs only afterwards, and no setting of it makes that otherwise. Where the power fails
//!   between the two, acknowledged rows can be lost. sled does not use a place again before two more segments were
//!   written, so that it takes more than 4 MiB of moved pages within a tenth of a second in which no slice is
//!   synced. The next opening says `Damaged`. The power cuts that `issuer-faults` plays never met it.
//! - **Users whose tokens fill more than half a megabyte**, which takes a hundred tokens with a hundred different
//!   audiences of 5 KiB. sled keeps such a page in a file of its own. We sync it before we have sled write its log; but
//!   five times a second sled writes it by itself, and a power cut between the two can leave a transaction in the log and
//!   its file empty. The next opening says `Damaged` although nothing acknowledged is lost (shown by
//!   `a_page_that_is_a_file_of_its_own_is_there_or_the_store_is_refused_as_damaged` in `issuer-faults`).
//! - **What is damaged is not kept for inspection**: to find out, sled has to open the folder, and writes in it. Copy the
//!   folder first. What was refused stays refused (`what_was_refused_as_damaged_stays_refused`).
//! - **After a power cut the last slices may be missed less exactly**: the file of our own is written, not synced, with
//!   each slice. It is exact after anything but a power cut, and then at most as old as the system lets a written
//!   page be (30 seconds on Linux).
//! - A disk that says "synced" and is not, or a network file system that locks nothing, breaks all of it. The folder belongs
//!   on a local disk.
//! - A read waits for no disk, but for the moment in which sled takes a slice into memory, some microseconds a row:
//!   sled has one lock for that in the whole process. Stores of several folders in one process wait for each other's disks.
//! - A copy of the folder is a backup only if the store is closed meanwhile.
//! - Deleted rows are not scrubbed from the disk; no token text was ever in them.
//!
//! # One process
//! One process has the folder, and one [`SledStore`] in it: a second one is refused as
//! [`Busy`](issuer_store::StoreErrorKind::Busy), at once (`tests/opening.rs`, `tests/processes.rs`). Whoever is beside a
//! running server asks the server.
//!
//! # Upkeep
//! sled cleans its log by itself, on a thread of its own. What it keeps in memory is [bounded](SledOptions::cache_bytes);
//! a table of all pages is not, some 100 bytes for each dozen rows.

mod apply;
mod codec;
mod control;
mod database;
#[cfg(test)]
mod documented;
mod error;
mod export;
mod format;
mod load;
mod open;
mod purge;
mod row;
mod session;
mod staged;
mod state;
mod store;
mod table;
mod unfinished;
mod view;
mod worker;
mod writer;

pub use open::{Check, SledOptions};
pub use store::SledStore;
