//! The two stores, and what each of them may be asked.

use std::path::{Path, PathBuf};

use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::{Store, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Sqlite,
    Sled,
}

impl StoreKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Sled => "sled",
        }
    }

    /// Where a store is, in its folder.
    pub(crate) fn path(self, root: &Path) -> PathBuf {
        root.join(match self {
            Self::Sqlite => "users.db",
            Self::Sled => "users.sled",
        })
    }

    /// The call by which a slice of commits is synced.
    pub(crate) const fn syncs(self) -> &'static str {
        match self {
            Self::Sqlite => "fsync",
            Self::Sled => "fdatasync",
        }
    }

    /// How many steps it is put through, to cut the power so often. sled begins to use its log again after some thousand.
    pub(crate) fn steps(self, cuts: usize) -> u64 {
        let cuts = u64::try_from(cuts).unwrap();
        match self {
            Self::Sled if cuts > 1_000 => 2 * cuts.max(2_500),
            _ => (cuts / 3).max(60),
        }
    }

    pub(crate) fn open(self, root: &Path) -> Result<Box<dyn Store>, StoreError> {
        let path = self.path(root);
        Ok(match self {
            Self::Sqlite => Box::new(SqliteStore::open(path)?),
            Self::Sled => Box::new(SledStore::open(path)?),
        })
    }

    /// What is wrong with the files of a closed store, as far as a foreign eye can tell.
    pub(crate) fn look_over(self, root: &Path) -> Result<(), String> {
        if self == Self::Sled {
            // Every row is read and added up at every opening.
            return Ok(());
        }
        let database = rusqlite::Connection::open(self.path(root)).map_err(|error| error.to_string())?;
        let found: String = database
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        if found == "ok" { Ok(()) } else { Err(found) }
    }
}
