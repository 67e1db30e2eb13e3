//! The two stores that are measured.

use std::{fmt, fs, io, path::Path, sync::Arc};

use clap::ValueEnum;
use issuer_sled::SledStore;
use issuer_sqlite::SqliteStore;
use issuer_store::Store;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Sqlite,
    Sled,
}

/// The database of a store on SQLite in its folder.
pub(crate) const SQLITE_FILE: &str = "issuer.db";

pub(crate) const BACKENDS: [Backend; 2] = [Backend::Sqlite, Backend::Sled];

impl Backend {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Sled => "sled",
        }
    }

    /// Opens the store in this folder, which is made where it does not exist.
    pub(crate) fn open(self, folder: &Path) -> Result<Arc<dyn Store>> {
        fs::create_dir_all(folder)?;
        Ok(match self {
            Self::Sqlite => Arc::new(SqliteStore::open(folder.join(SQLITE_FILE))?),
            Self::Sled => Arc::new(SledStore::open(folder.join("issuer.sled"))?),
        })
    }

    /// The store in this folder, as the server's `--store` has it.
    pub(crate) fn url(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join(SQLITE_FILE).display()),
            Self::Sled => format!("sled:{}", folder.join("issuer.sled").display()),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often the log of a store on SQLite was begun anew, each time after a checkpoint
/// (`fileformat2.html`, section 4.1: the sequence number in the header of the log).
pub(crate) fn checkpoints(folder: &Path) -> io::Result<u32> {
    use std::{fs::File, os::unix::fs::FileExt as _};

    let mut number = [0; 4];
    File::open(folder.join("issuer.db-wal"))?.read_exact_at(&mut number, 12)?;
    Ok(u32::from_be_bytes(number))
}
