//! Connections to the file, with every setting that durability and safety rest on set and read back.

use std::{
    fs,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use issuer_store::StoreErrorKind;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use crate::error::{Fault, RESTORE_A_BACKUP, Result};

/// Below, a checkpoint beside a writer may damage the file
/// (`wal.html`, section 11, "The WAL-reset bug").
const OLDEST_SAFE_SQLITE: i32 = 3_051_003;

/// Half of what SQLite takes by itself: a commit writes five pages, each of which few rows have changed.
pub(crate) const PAGE_BYTES: i64 = 2_048;

/// The length to which the log is cut once all of it was copied, after some long read had let it grow: more than it has without one, since
/// a commit that makes the file longer takes longer.
pub(crate) const LOG_BYTES_KEPT: u32 = 4 << 20;

/// KiB that a reader keeps in memory, until the next commit makes it read all of that again.
pub(crate) const READER_CACHE_KIB: i64 = 8 << 10;

/// KiB that the writer keeps in memory: the inner pages of the trees of some million users.
const WRITER_CACHE_KIB: i64 = 16 << 10;

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 64;

/// The file, and how to connect to it.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFile {
    /// Absolute, so that SQLite takes it for neither `:memory:` nor a URI, and no later `chdir` moves it.
    pub(crate) path: PathBuf,
    pub(crate) busy_timeout: Duration,
}

impl DatabaseFile {
    /// The one kind of connection that writes.
    pub(crate) fn connect_writer(&self) -> Result<Connection> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Where the file may not be written SQLite opens it for reading, and does not say so.
        if connection.is_readonly("main")? {
            return Err(Fault::refused(
                StoreErrorKind::Permission,
                "cannot be written; give this process the right to, on the file and on its folder",
            ));
        }
        harden(&connection, self.busy_timeout)?;
        // The last connection to close would copy the log and delete it, whatever file lies there by then: see `Writer`.
        checkpoint_on_close(&connection, false)?;
        // Of a new file alone; any size will do, and an older file keeps its own.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        // The log is copied when `checkpoints` says so.
        set(&connection, "wal_autocheckpoint", 0)?;
        set(&connection, "journal_size_limit", LOG_BYTES_KEPT.into())?;
        set(&connection, "cache_size", -WRITER_CACHE_KIB)?;
        // By now the first page was read; its "file format write version" says the same in another way
        // (`fileformat2.html`, section 1.3.3).
        if connection.is_readonly("main")? {
            return Err(Fault::refused(
                StoreErrorKind::Damaged,
                format!(
                    "says that it is of a kind that may only be read, which this library never makes; {RESTORE_A_BACKUP}"
                ),
            ));
        }
        Ok(connection)
    }

    pub(crate) fn connect_reader(&self) -> Result<Connection> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        harden(&connection, self.busy_timeout)?;
        set(&connection, "query_only", 1)?;
        set(&connection, "cache_size", -READER_CACHE_KIB)?;
        Ok(connection)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection> {
        check_library()?;
        // Each connection is used by one thread at a time, so that its own mutex is of no use.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Connection::open_with_flags(&self.path, flags)?)
    }

    /// The same file by its own name: SQLite keeps the log beside the file, not beside a link to it.
    pub(crate) fn resolved(&self) -> Result<Self> {
        let path = if cfg!(unix) {
            fs::canonicalize(&self.path)?
        } else {
            self.path.clone()
        };
        Ok(Self { path, ..self.clone() })
    }

    /// The path of the write-ahead log.
    pub(crate) fn log(&self) -> PathBuf {
        self.beside("-wal")
    }

    /// The path of the log's index, which SQLite makes from the log where it is not there.
    pub(crate) fn log_index(&self) -> PathBuf {
        self.beside("-shm")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    /// Makes what the log holds durable, and that it is there.
    ///
    /// A process that was killed between writing a commit and syncing it leaves it in the memory of the
    /// system, where the next one finds it and takes it for committed. So it must be on the disk before it
    /// is shown. Nor is it enough to sync it: where a sync fails the system takes what it was about to write
    /// for written, and no later sync writes that. So it is written again, byte for byte, while nobody else
    /// writes, and then synced. The folder is synced, too: SQLite does so when it makes a log, and does not
    /// say where that fails. (No lock is lost when this closes the log: SQLite locks the other two files.)
    pub(crate) fn secure_log(&self, connection: &mut Connection) -> Result<()> {
        let nobody_writes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match fs::OpenOptions::new().read(true).write(true).open(self.log()) {
            Ok(log) => rewrite(log)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        nobody_writes.rollback()?;
        sync_folder_of(&self.path)
    }
}

/// How much of a file is rewritten at a time.
const REWRITTEN_BYTES: usize = 1 << 20;

/// Writes a file again as it reads, and syncs it.
fn rewrite(mut file: fs::File) -> Result<()> {
    let mut part = vec![0; REWRITTEN_BYTES];
    let mut at = 0;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let read = file.read(&mut part)?;
        let Some(part) = part.get(..read).filter(|part| !part.is_empty()) else {
            return Ok(file.sync_all()?);
        };
        file.seek(SeekFrom::Start(at))?;
        file.write_all(part)?;
        at += read as u64;
    }
}

/// Makes the name of a file as durable as its content. Elsewhere than on Unix a folder cannot be synced.
pub(crate) fn sync_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => Ok(fs::File::open(folder)?.sync_all()?),
        _ => Ok(()),
    }
}

fn check_library() -> Result<()> {
    if rusqlite::version_number() < OLDEST_SAFE_SQLITE {
        return Err(Fault::refused(
            StoreErrorKind::Invalid,
            format!(
                "needs SQLite 3.51.3 or later, and this program was built with {}",
                rusqlite::version()
            ),
        ));
    }
    Ok(())
}

/// Sets whether the connection, closed as the last one, copies the log into the file and deletes it.
pub(crate) fn checkpoint_on_close(connection: &Connection, checkpoint: bool) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !checkpoint)?;
    Ok(())
}

/// Copies the log into the file, and empties it; not where others use it.
pub(crate) fn empty_log(connection: &Connection) -> Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
}

fn harden(connection: &Connection, busy_timeout: Duration) -> Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    if !connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)? {
        return Err(unset("SQLITE_DBCONFIG_DEFENSIVE"));
    }
    // The query planner stability guarantee: without it, some statements are planned anew for every use.
    if !connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)? {
        return Err(unset("SQLITE_DBCONFIG_ENABLE_QPSG"));
    }
    distrust(connection)?;
    set(connection, "foreign_keys", 1)?;
    set(connection, "synchronous", 2)?;
    // On Apple's systems alone `fsync` leaves the data in the drive.
    set(connection, "fullfsync", 1)?;
    set(connection, "checkpoint_fullfsync", 1)
}

/// `security.html`, "Untrusted SQLite database files".
pub(crate) fn distrust(connection: &Connection) -> Result<()> {
    set(connection, "trusted_schema", 0)?;
    set(connection, "cell_size_check", 1)
}

/// Sets a pragma and reads it back: SQLite ignores what it does not know.
fn set(connection: &Connection, pragma: &str, value: i64) -> Result<()> {
    // A few pragmas answer with the new value, which `execute` would take for an error.
    connection
        .pragma_update_and_check(None, pragma, value, |_| Ok(()))
        .or_else(no_answer)?;
    let now: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
    if now == value { Ok(()) } else { Err(unset(pragma)) }
}

fn no_answer(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    }
}

fn unset(setting: &str) -> Fault {
    Fault::refused(
        StoreErrorKind::Invalid,
        format!("cannot be opened with the setting {setting}"),
    )
}

/// Switches the database to the write-ahead log, and makes sure that it did.
pub(crate) fn use_write_ahead_log(connection: &Connection, patience: Duration) -> Result<()> {
    let mode: String = retry_while_busy(patience, || {
        Ok(connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?)
    })?;
    if mode == "wal" {
        return Ok(());
    }
    Err(Fault::refused(
        StoreErrorKind::Invalid,
        format!("stays in journal mode {mode}, not WAL; keep it on a local disk"),
    ))
}

/// The busy timeout for what does not obey it: a change of the journal mode, which gives up at once where
/// waiting might never end.
fn retry_while_busy<T>(patience: Duration, attempt: impl Fn() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(fault) if fault.kind() == StoreErrorKind::Busy && start.elapsed() < patience => {
                thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

/// Reads as of one instant: the snapshot that the first statement sees is what all of them see.
///
/// After an error or a panic the transaction is still open: the connection is of no further use.
pub(crate) fn at_one_instant<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let found = read(connection)?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(found)
}

/// The path as SQLite gets it.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    if path.as_os_str() == ":memory:" || path.as_os_str().is_empty() {
        return Err(Fault::refused(
            StoreErrorKind::Invalid,
            "names no file, and this store promises that rows outlive the process; use MemoryStore",
        ));
    }
    Ok(std::path::absolute(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_write_ahead_log_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        harden(&connection, Duration::ZERO).unwrap();
        let fault = use_write_ahead_log(&connection, Duration::ZERO).unwrap_err();
        assert!(fault.to_string().contains("journal mode memory"), "{fault}");
    }

    #[test]
    fn a_setting_that_does_not_hold_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        assert!(set(&connection, "no_such_setting", 1).is_err());
        assert!(set(&connection, "synchronous", 7).is_err());
    }

    #[test]
    fn every_connection_is_hardened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.db");
        fs::File::create(&path).unwrap();
        let file = DatabaseFile {
            path,
            busy_timeout: Duration::from_secs(3),
        };
        let writer = file.connect_writer().unwrap();
        use_write_ahead_log(&writer, Duration::ZERO).unwrap();
        let setting = |connection: &Connection, pragma: &str| -> i64 {
            connection
                .pragma_query_value(None, pragma, |row| row.get(0))
                .unwrap()
        };
        for connection in [&writer, &file.connect_reader().unwrap()] {
            assert_eq!(setting(connection, "synchronous"), 2);
            assert_eq!(setting(connection, "foreign_keys"), 1);
            assert_eq!(setting(connection, "trusted_schema"), 0);
            assert_eq!(setting(connection, "cell_size_check"), 1);
            assert_eq!(setting(connection, "busy_timeout"), 3_000);
            assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE).unwrap());
        }
    }
}
