//! How a store is opened, and its few settings.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use issuer_store::{StoreError, StoreErrorKind};

use crate::{
    database::{Batch, Database, RowChange, sync_folder},
    error::{Fault, Result, contained},
    format::FormatFile,
    state::State,
    store::SledStore,
    table::{STATE, Table},
    unfinished,
    view::Chain,
    worker::Worker,
    writer::Writer,
};

/// The settings of a store; the defaults suit a server.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("users.sled");
/// let store = issuer_sled::SledStore::options()
///     .cache_bytes(16 << 20)
///     .open(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SledOptions {
    cache_bytes: u64,
    check: Check,
}

/// What is looked at before a folder is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Every row: whether all that was acknowledged is there. Takes about two seconds for a million rows.
    EveryRow,
    /// Only that the last slice of commits is there. What else is missing is then never noticed, for sled does not
    /// miss it.
    LastSlice,
}

impl SledOptions {
    /// How much sled keeps in memory of what is on the disk: 64 MiB by default, and at
    /// least 1 MiB.
    pub const fn cache_bytes(self, bytes: u64) -> Self {
        Self {
            cache_bytes: bytes,
            ..self
        }
    }

    /// What is looked at before the folder is used: [`Check::EveryRow`] by default.
    pub const fn check(self, check: Check) -> Self {
        Self { check, ..self }
    }

    /// Opens the store in this folder, as [`SledStore::open`] does.
    ///
    /// # Errors
    /// As [`SledStore::open`].
    pub fn open(self, folder: impl AsRef<Path>) -> std::result::Result<SledStore, StoreError> {
        let given = folder.as_ref();
        let folder = absolute(given).map_err(|fault| fault.at(given))?;
        open(&folder, &self).map_err(|fault| fault.at(&folder))
    }
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            check: Check::EveryRow,
        }
    }
}

fn absolute(folder: &Path) -> Result<PathBuf> {
    if folder.as_os_str().is_empty() {
        return Err(Fault::refused(
            StoreErrorKind::Invalid,
            "names no folder; a store that is in no folder is MemoryStore",
        ));
    }
    Ok(std::path::absolute(folder)?)
}

fn open(folder: &Path, options: &SledOptions) -> Result<SledStore> {
    create_if_absent(folder)?;
    let format = FormatFile::lock(folder)?;
    if format.unfinished {
        unfinished::remove_store(folder)?;
    } else if !folder.join("db").try_exists()? {
        return Err(Fault::damaged("its database file is gone"));
    }
    let (worker, database) = Worker::start({
        let (folder, cache_bytes) = (folder.to_owned(), options.cache_bytes);
        move || Database::open(&folder, cache_bytes)
    })?;
    let store = SledStore {
        database,
        writer: Writer::new(worker),
        chain: Chain::default(),
        format,
        folder: folder.to_owned(),
    };
    if store.format.unfinished {
        contained(|| initialize(&store))?;
        store.format.finish()?;
    } else {
        contained(|| check(&store, options.check))?;
    }
    Ok(store)
}

/// Makes a folder that only its owner may use.
fn create_if_absent(folder: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if fs::metadata(folder)?.is_dir() {
                return Ok(());
            }
            Err(Fault::refused(
                StoreErrorKind::Foreign,
                "is not a folder; name a folder",
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fault::refused(
            StoreErrorKind::Io,
            "cannot be created, for the folder that it is to be in does not exist; create that",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Whether all that was acknowledged is there. sled itself takes a damaged log for one that ends earlier.
fn check(store: &SledStore, check: Check) -> Result<()> {
    let database = &store.database;
    let witnessed = store.format.witnessed;
    let Some(state) = database.state()? else {
        return Err(Fault::damaged("it does not say how much it should hold"));
    };
    if state.slice < witnessed {
        let missing = witnessed - state.slice;
        return Err(Fault::damaged(format_args!(
            "the last {missing} writes are not there any more"
        )));
    }
    if check == Check::EveryRow {
        let found = database.add_up()?;
        let expected = State { slice: 0, ..state };
        if found != expected {
            return Err(Fault::damaged(format_args!(
                "it should hold {} rows, and holds {} or others",
                expected.rows, found.rows
            )));
        }
    }
    Ok(())
}

/// A new folder has a state before it has anything else.
fn initialize(store: &SledStore) -> Result<()> {
    let state = RowChange {
        before: None,
        after: Some(State::default().encode().into()),
    };
    let batch = Batch::from([((Table::Own, STATE.into()), state)]);
    store.writer.write_first(&store.database, batch)
}
