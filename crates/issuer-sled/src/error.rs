//! What goes wrong below, as the contract names it.

use std::{
    any::Any,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use issuer_store::{StoreError, StoreErrorKind};

/// The remedy for a damaged folder. Files of the damaged folder among those of the backup would damage that.
const RESTORE_A_BACKUP: &str =
    "stop this program, move the whole folder to another place, and put a backup of the folder in its place";

/// A failure before it is known which folder it is about.
#[derive(Debug)]
pub(crate) enum Fault {
    /// sled says no.
    Sled(sled::Error),
    /// sled panicked, as it does where its files are not what it wrote.
    Panicked(String),
    /// The system says no, before sled is asked.
    System(io::Error),
    /// Something is not as this library makes it; the words say what, and go on after the folder's name.
    Refused(StoreErrorKind, String),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Does what sled may panic in. What sled was at is left as it is: the caller decides whether to go on.
pub(crate) fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|reason| Err(Fault::Panicked(words(&*reason))))
}

fn words(reason: &(dyn Any + Send)) -> String {
    reason
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

impl Fault {
    pub(crate) fn refused(kind: StoreErrorKind, why: impl Into<String>) -> Self {
        Self::Refused(kind, why.into())
    }

    pub(crate) fn damaged(why: impl fmt::Display) -> Self {
        Self::refused(
            StoreErrorKind::Damaged,
            format!("is damaged: {why}; {RESTORE_A_BACKUP}"),
        )
    }

    /// A row that no version of this library can have written.
    pub(crate) fn row(table: &str) -> Self {
        Self::damaged(format_args!(
            "it holds a row in {table} that this library cannot have written"
        ))
    }

    pub(crate) fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Sled(error) => sled_kind(error),
            Self::Panicked(_) => StoreErrorKind::Damaged,
            Self::System(error) => system_kind(error),
            Self::Refused(kind, _) => *kind,
        }
    }

    /// The error as the caller sees it: a sentence that names the folder and says what to do.
    pub(crate) fn at(self, folder: &Path) -> StoreError {
        let kind = self.kind();
        let name = folder.display();
        let advised = || StoreError::new(kind, format!("{name} {}", advice(kind)));
        match self {
            Self::Refused(_, why) => StoreError::new(kind, format!("{name} {why}")),
            Self::Sled(error) => advised().caused_by(error),
            Self::Panicked(reason) => advised().caused_by(reason),
            Self::System(error) => advised().caused_by(error),
        }
    }
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
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
            Self::Sled(error) => error.fmt(f),
            Self::Panicked(reason) => f.write_str(reason),
            Self::System(error) => error.fmt(f),
            Self::Refused(_, why) => f.write_str(why),
        }
    }
}

/// The errors of sled, as what they mean to a caller.
fn sled_kind(error: &sled::Error) -> StoreErrorKind {
    match error {
        // A page, a blob or a part of either is not where sled put it.
        sled::Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound | io::ErrorKind::InvalidData
            ) =>
        {
            StoreErrorKind::Damaged
        }
        sled::Error::Io(error) => system_kind(error),
        // What is left says that the files are not those that this version of sled writes with our settings,
        // or that it cannot make sense of what it finds in them.
        _ => StoreErrorKind::Damaged,
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
        StoreErrorKind::Full => "has no space left to grow; free some on its disk",
        StoreErrorKind::Permission => {
            "cannot be read and written; give this process both rights, on the folder and on its files"
        }
        StoreErrorKind::Damaged => return format!("is damaged; {RESTORE_A_BACKUP}"),
        StoreErrorKind::Invalid => "cannot be asked this",
        _ => "could not be read or written; check that it is there and its disk is well",
    };
    advice.to_owned()
}
