//! What goes wrong below, as the contract names it.

use std::{fmt, io, path::Path};

use issuer_store::{StoreError, StoreErrorKind};
use rusqlite::{ErrorCode, ffi};

/// The remedy for a damaged file. A log of the damaged file would be written over the backup.
pub(crate) const RESTORE_A_BACKUP: &str = "stop this program, move the file and the -wal and -shm files beside it to another folder, and put a backup in its place";

/// A failure before it is known which file it is about.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite says no.
    Sqlite(rusqlite::Error),
    /// The system says no, before SQLite is asked.
    System(io::Error),
    /// Something is not as this library makes it; the words say what, and go on after the file's name.
    Refused(StoreErrorKind, String),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    pub(crate) fn refused(kind: StoreErrorKind, why: impl Into<String>) -> Self {
        Self::Refused(kind, why.into())
    }

    /// A row that no version of this library can have written.
    pub(crate) fn row(table: &str) -> Self {
        Self::refused(
            StoreErrorKind::Damaged,
            format!("holds a row in {table} that this library cannot have written; {RESTORE_A_BACKUP}"),
        )
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Sqlite(error) => sqlite_kind(error),
            Self::System(error) => system_kind(error),
            Self::Refused(kind, _) => *kind,
        }
    }

    /// The error as the caller sees it: a sentence that names the file and says what to do.
    pub(crate) fn at(self, path: &Path) -> StoreError {
        let kind = self.kind();
        let file = path.display();
        match self {
            Self::Refused(_, why) => StoreError::new(kind, format!("{file} {why}")),
            // By its text: the library's error says it again in the error below it.
            Self::Sqlite(error) => {
                StoreError::new(kind, format!("{file} {}", advice(kind))).caused_by(error.to_string())
            }
            Self::System(error) => StoreError::new(kind, format!("{file} {}", advice(kind))).caused_by(error),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
            Self::Refused(_, why) => f.write_str(why),
        }
    }
}

/// The result codes of SQLite (`rescode.html`), as what they mean to a caller.
fn sqlite_kind(error: &rusqlite::Error) -> StoreErrorKind {
    let Some(failure) = error.sqlite_error() else {
        // What is left speaks of a column: its type, its range, its UTF-8.
        return match error {
            rusqlite::Error::InvalidPath(_) | rusqlite::Error::NulError(_) => StoreErrorKind::Invalid,
            _ => StoreErrorKind::Damaged,
        };
    };
    match failure.extended_code {
        // The file was moved or deleted under us: what is written would be lost.
        ffi::SQLITE_READONLY_DBMOVED => return StoreErrorKind::Io,
        ffi::SQLITE_IOERR_CORRUPTFS | ffi::SQLITE_IOERR_DATA => return StoreErrorKind::Damaged,
        _ => {}
    }
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            StoreErrorKind::Busy
        }
        ErrorCode::DiskFull => StoreErrorKind::Full,
        ErrorCode::PermissionDenied
        | ErrorCode::ReadOnly
        | ErrorCode::AuthorizationForStatementDenied
        | ErrorCode::CannotOpen => StoreErrorKind::Permission,
        ErrorCode::NotADatabase => StoreErrorKind::Foreign,
        // `Unknown` is SQLITE_ERROR: the statements are ours, so that the tables must have been changed.
        ErrorCode::DatabaseCorrupt
        | ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::SchemaChanged
        | ErrorCode::Unknown => StoreErrorKind::Damaged,
        ErrorCode::TooBig => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Io,
    }
}

fn system_kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => StoreErrorKind::Invalid,
        _ => StoreErrorKind::Io,
    }
}

fn advice(kind: StoreErrorKind) -> String {
    let advice = match kind {
        StoreErrorKind::Busy => "is held by another process; try again",
        StoreErrorKind::Full => "has no space left to grow; free some on its disk",
        StoreErrorKind::Permission => {
            "cannot be read and written; give this process both rights, on the file and on its folder"
        }
        StoreErrorKind::Foreign => "is no SQLite database, or its first page is destroyed; name another file",
        StoreErrorKind::Damaged => return format!("is damaged; {RESTORE_A_BACKUP}"),
        StoreErrorKind::Invalid => "cannot be asked this",
        _ => "could not be read or written; check that its folder is there and its disk is well",
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: i32) -> StoreErrorKind {
        Fault::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).kind()
    }

    #[test]
    fn every_code_that_an_operator_can_act_on_has_its_kind() {
        assert_eq!(kind(ffi::SQLITE_BUSY), StoreErrorKind::Busy);
        assert_eq!(kind(ffi::SQLITE_BUSY_RECOVERY), StoreErrorKind::Busy);
        assert_eq!(kind(ffi::SQLITE_PROTOCOL), StoreErrorKind::Busy);
        assert_eq!(kind(ffi::SQLITE_FULL), StoreErrorKind::Full);
        assert_eq!(kind(ffi::SQLITE_READONLY), StoreErrorKind::Permission);
        assert_eq!(kind(ffi::SQLITE_READONLY_DBMOVED), StoreErrorKind::Io);
        assert_eq!(kind(ffi::SQLITE_IOERR_FSYNC), StoreErrorKind::Io);
        assert_eq!(kind(ffi::SQLITE_IOERR_CORRUPTFS), StoreErrorKind::Damaged);
        assert_eq!(kind(ffi::SQLITE_CORRUPT), StoreErrorKind::Damaged);
        assert_eq!(kind(ffi::SQLITE_NOTADB), StoreErrorKind::Foreign);
    }
}
