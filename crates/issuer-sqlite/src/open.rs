//! How a store is opened, and its few settings.

use std::{
    fs,
    num::NonZeroUsize,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use issuer_store::{StoreError, StoreErrorKind};

use crate::{
    connection::{DatabaseFile, absolute, sync_folder_of, use_write_ahead_log},
    error::{Fault, Result},
    file_id::FileId,
    log_frames, log_link,
    readers::Readers,
    schema,
    store::SqliteStore,
    writer::Writer,
};

/// The settings of a store; the defaults suit a server.
///
/// ```
/// use std::time::Duration;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("users.db");
/// let store = issuer_sqlite::SqliteStore::options()
///     .busy_timeout(Duration::from_secs(1))
///     .open(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteOptions {
    busy_timeout: Duration,
    readers: NonZeroUsize,
}

impl SqliteOptions {
    /// How long a write waits for another process before it is
    /// [`Busy`](StoreErrorKind::Busy): 5 seconds by default. Counted in milliseconds.
    pub const fn busy_timeout(self, wait: Duration) -> Self {
        Self {
            busy_timeout: wait,
            ..self
        }
    }

    /// How many reads run at the same time; one more waits for one of them. By default as many as the
    /// machine has processors, but 2 to 16. Each has three file handles and up to 8 MiB of cache.
    pub const fn readers(self, readers: NonZeroUsize) -> Self {
        Self { readers, ..self }
    }

    /// Opens the store in this file, as [`SqliteStore::open`] does.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open(self, path: impl AsRef<Path>) -> std::result::Result<SqliteStore, StoreError> {
        let given = path.as_ref();
        let path = absolute(given).map_err(|fault| fault.at(given))?;
        let file = DatabaseFile {
            path,
            busy_timeout: self.busy_timeout,
        };
        open(&file, self.readers).map_err(|fault| fault.at(&file.path))
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            busy_timeout: Duration::from_secs(5),
            readers: NonZeroUsize::new(processors.clamp(2, 16)).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

/// Bytes of the smallest page, and so of the smallest database (`fileformat2.html`, section 1.3.2).
const SMALLEST_PAGE_BYTES: u64 = 512;

fn open(file: &DatabaseFile, readers: NonZeroUsize) -> Result<SqliteStore> {
    // A file that is not there is no link either.
    refuse_lost(&file.resolved().unwrap_or_else(|_| file.clone()))?;
    create_if_absent(&file.path)?;
    check_file(&file.path)?;
    let file = &file.resolved()?;
    log_link::check(file)?;
    let id = FileId::of(&file.path)?;
    let mut connection = file.connect_writer()?;
    // First of all: the file of another application stays as it is.
    schema::identify(&connection)?;
    use_write_ahead_log(&connection, file.busy_timeout)?;
    schema::migrate(&mut connection)?;
    file.secure_log(&mut connection)?;
    Ok(SqliteStore {
        readers: Readers::connect(file, readers)?,
        writer: Writer::new(connection, file.clone(), id)?,
        id,
        file: file.clone(),
    })
}

/// Refuses a file that is not there, or empty, while its log is: SQLite would take it for a new one, and delete the log.
fn refuse_lost(file: &DatabaseFile) -> Result<()> {
    let log = file.log();
    // The log first: another process may be making both.
    if log_frames::commits(&log)?.is_empty() {
        return Ok(());
    }
    let lost = match fs::metadata(&file.path) {
        Ok(found) if found.len() > 0 => return Ok(()),
        Ok(_) => "is empty",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there",
        Err(error) => return Err(error.into()),
    };
    Err(Fault::refused(
        StoreErrorKind::Replaced,
        format!(
            "{lost}, but its write-ahead log {} is. Put the file that the log belongs to back under this name; to begin with an \
             empty store or to restore a backup, move the log to another folder first",
            log.display()
        ),
    ))
}

/// Makes an empty file that only its owner may read and write; SQLite gives its other files the same mode.
fn create_if_absent(path: &Path) -> Result<()> {
    // Whoever closes a file loses all locks that the process has on it (POSIX `fcntl`). So only a file that
    // was not there before is ever opened here, and nobody else in this process may open it meanwhile.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(created) => {
            created.sync_all()?;
            sync_folder_of(path)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Fault::refused(
            StoreErrorKind::Io,
            "cannot be created, for its folder does not exist; create it",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Refuses what SQLite would not: it takes a file that is shorter than any page for an empty one, and would
/// write over it.
fn check_file(path: &Path) -> Result<()> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(Fault::refused(
            StoreErrorKind::Foreign,
            "is not a file; name a file",
        ));
    }
    if (1..SMALLEST_PAGE_BYTES).contains(&found.len()) {
        return Err(Fault::refused(
            StoreErrorKind::Foreign,
            "is no SQLite database; name another file",
        ));
    }
    Ok(())
}
