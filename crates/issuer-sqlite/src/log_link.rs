//! The link between a database file and its write-ahead log: a log is used with the file that it was written for, and with no
//! other.
//!
//! SQLite replays whatever log lies beside a file, and a backup that is put in place beside the log of a killed process is
//! damaged by that. So each commit writes a name of its own, and the name of the commit before it, into `last_commit`. A log
//! belongs to a file if the file ends with the commit that the log's first one follows, or with one of the log's own, which is
//! so where a checkpoint has copied part of it. Either way file and log together are the state after the log's last commit.
//!
//! A backup that was made since the log was begun, or just before, ends with such a commit, too: with the log it would be as
//! new as the log, and no backup. It is known by its schema version: SQLite gives every copy that it makes another one, and a
//! store that is opened gets one of its own with its first commit.

use std::path::Path;

use issuer_store::StoreErrorKind;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, config::DbConfig};

use crate::{
    connection::{DatabaseFile, distrust},
    error::{Fault, Result},
    log_frames::{self, LastCommit, LogHeader},
};

/// Names the commit that is under way.
pub(crate) const ADVANCE: &str =
    "UPDATE last_commit SET previous = latest, latest = randomblob(16) WHERE only_row = 1";

/// Schema versions of our files: SQLite counts its own up from 1, so that no backup comes near one.
const SCHEMA_VERSIONS: std::ops::Range<i64> = 1 << 20..1 << 30;

/// The `previous` of a store's first commit.
const NO_COMMIT: [u8; 16] = [0; 16];

/// Names the commit that is under way, as the last thing before it is committed.
pub(crate) fn advance(transaction: &Connection) -> Result<()> {
    transaction.prepare_cached(ADVANCE)?.execute([])?;
    Ok(())
}

/// Gives a file that is new, or a backup, a schema version of its own.
pub(crate) fn mark(transaction: &Transaction<'_>) -> Result<()> {
    let recorded: i64 = transaction.query_row(
        "SELECT schema_version FROM last_commit WHERE only_row = 1",
        [],
        |row| row.get(0),
    )?;
    if schema_version(transaction)? == recorded {
        return Ok(());
    }
    let fresh: i64 = transaction.query_row(
        "SELECT ?1 + abs(random() % ?2)",
        [SCHEMA_VERSIONS.start, SCHEMA_VERSIONS.end - SCHEMA_VERSIONS.start],
        |row| row.get(0),
    )?;
    // The schema stays as it is; a new number only makes every connection read it again.
    transaction.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    let written = transaction.pragma_update(None, "schema_version", fresh);
    transaction.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    written?;
    transaction.execute("UPDATE last_commit SET schema_version = ?1", [fresh])?;
    advance(transaction)
}

/// The content of the database file without its log.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Main {
    /// No tables yet.
    New,
    /// A store that ends with this commit.
    Store {
        latest: [u8; 16],
        /// The schema version in `last_commit`, and that of the file.
        recorded: i64,
        schema_version: i64,
    },
    /// No store of this library, or no database.
    Foreign,
    /// A checkpoint that was cut short may leave it so: it takes the log to be read.
    Unreadable,
}

/// The state in which a file that belongs to its log was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen(Main);

/// Refuses a file whose log was written for another one. It uses nothing of the log, and writes to neither.
pub(crate) fn check(file: &DatabaseFile) -> Result<Seen> {
    check_since(file, None)
}

/// The same; a file that is as it was seen last is not compared again.
pub(crate) fn check_since(file: &DatabaseFile, seen: Option<&Seen>) -> Result<Seen> {
    let log = file.log();
    loop {
        let before = LogHeader::read(&log)?;
        let main = read_main(&file.path)?;
        if before.is_none() || seen.is_some_and(|Seen(seen)| *seen == main) {
            return Ok(Seen(main));
        }
        let commits = log_frames::commits(&log)?;
        // Another process has begun the log again in between: look again.
        if LogHeader::read(&log)? != before {
            continue;
        }
        return if belong(&main, &commits) {
            Ok(Seen(main))
        } else {
            Err(other_file(file))
        };
    }
}

/// The state of the file now.
pub(crate) fn see(file: &DatabaseFile) -> Result<Seen> {
    read_main(&file.path).map(Seen)
}

fn belong(main: &Main, log: &[LastCommit]) -> bool {
    // A log without a commit of ours changes nothing.
    let Some(first) = log.first() else {
        return true;
    };
    match main {
        Main::New => first.previous == NO_COMMIT,
        Main::Store {
            latest,
            recorded,
            schema_version,
        } => {
            let is_copy = schema_version != recorded;
            if first.previous == *latest {
                // A copy that was opened got a schema version with the first commit that followed.
                !is_copy || first.schema_version != *recorded
            } else {
                !is_copy && log.iter().any(|commit| commit.latest == *latest)
            }
        }
        Main::Foreign => false,
        Main::Unreadable => true,
    }
}

/// Reads the file as if it had no log (`uri.html`, `immutable`). By SQLite, since to close a file takes away all locks that
/// this process has on it.
fn read_main(path: &Path) -> Result<Main> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || -> Result<Main> {
        let connection = Connection::open_with_flags(immutable(path), flags)?;
        distrust(&connection)?;
        let objects: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if objects == 0 {
            return Ok(Main::New);
        }
        let sql = "SELECT latest, schema_version FROM last_commit WHERE only_row = 1";
        let (latest, recorded) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Main::Store {
            latest,
            recorded,
            schema_version: schema_version(&connection)?,
        })
    };
    match read() {
        Err(Fault::Sqlite(error)) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::Unknown) => Ok(Main::Foreign),
            // Or the table is there, and its row is not.
            Some(ErrorCode::DatabaseCorrupt) | None => Ok(Main::Unreadable),
            Some(_) => Err(error.into()),
        },
        other => other,
    }
}

fn schema_version(connection: &Connection) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "schema_version", |row| row.get(0))?)
}

/// The path as a URI (`uri.html`, section 3.1).
fn immutable(path: &Path) -> String {
    use std::fmt::Write as _;

    let mut uri = String::from("file:");
    if cfg!(windows) {
        uri.push('/');
    }
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b':' => {
                uri.push(byte.into());
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri + "?immutable=1"
}

fn other_file(file: &DatabaseFile) -> Fault {
    let (log, index) = (file.log(), file.log_index());
    Fault::refused(
        StoreErrorKind::Replaced,
        format!(
            "is not the file that the write-ahead log beside it was written for, and neither was changed. If it is a backup \
             that was restored, move {} and {} to another folder and start again: what was committed after the backup is in \
             that log alone. Otherwise put the file that belongs to the log back under this name",
            log.display(),
            index.display()
        ),
    )
}
