//! How a store is opened, and its few settings.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use issuer_store::{StoreError, StoreErrorKind};

use crate::{
    database::sync_folder,
    error::{Fault, Result},
    format::FormatFile,
    session::Opening,
    store::SledStore,
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

/// The cache of sled, where nothing is set.
pub(crate) const CACHE_BYTES: u64 = 64 << 20;

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: CACHE_BYTES,
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
    let format = Arc::new(FormatFile::lock(folder)?);
    let (worker, slot) = Worker::start(Opening {
        folder: folder.to_owned(),
        cache_bytes: options.cache_bytes,
        check: options.check,
        format: Arc::clone(&format),
    })?;
    Ok(SledStore {
        slot,
        writer: Writer::new(worker),
        format,
        folder: folder.to_owned(),
    })
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
