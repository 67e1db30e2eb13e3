//! Whether a file that is open is still the one under its name.

use std::{io, path::Path};

use issuer_store::StoreErrorKind;

use crate::error::{Fault, Result};

/// What tells a file from all others that exist at the same time.
///
/// SQLite looks for itself before it writes a rollback journal, and not in WAL mode: there it goes on writing
/// into files that were deleted, and says that all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId(#[cfg(unix)] (u64, u64));

impl FileId {
    /// The file that has this name now.
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;

        let found = std::fs::metadata(path)?;
        Ok(Self((found.dev(), found.ino())))
    }

    /// Where an open file can be neither moved nor deleted there is nothing to find out.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> io::Result<Self> {
        Ok(Self())
    }

    /// Refuses where another file, or none, has this name by now.
    pub(crate) fn still_at(self, path: &Path) -> Result<()> {
        match Self::of(path) {
            Ok(found) if found == self => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Err(Fault::refused(
                StoreErrorKind::Io,
                "was moved, deleted or replaced while it was open; put it back with the files beside it, or start this \
                 program again",
            )),
        }
    }
}
