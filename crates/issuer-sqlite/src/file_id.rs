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

        #[cfg(target_os = "linux")]
        if let Ok(found) = Self::asked_alone(path) {
            return Ok(found);
        }
        let found = std::fs::metadata(path)?;
        Ok(Self((found.dev(), found.ino())))
    }

    /// The same, asking for nothing else: once Linux has told anybody when a file was changed, it gives the next write a
    /// later time than that, to be written to the disk with the next sync. A log that is looked at before each commit
    /// would be synced in two writes instead of one.
    #[cfg(target_os = "linux")]
    fn asked_alone(path: &Path) -> rustix::io::Result<Self> {
        use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};

        let found = statx(CWD, path, AtFlags::empty(), StatxFlags::INO)?;
        Ok(Self((
            makedev(found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
        )))
    }

    /// Where an open file can be neither moved nor deleted there is nothing to find out.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Path) -> io::Result<Self> {
        Ok(Self())
    }

    /// Refuses where another database file, or none, has this name by now.
    pub(crate) fn is_still_the_file(self, path: &Path) -> Result<()> {
        self.is_still_at(
            path,
            "was moved, deleted or replaced while it was open, and is neither read nor written any more. If it was moved, put it \
             back under this name; if a backup was put in its place, stop this program and start it again",
        )
    }

    /// Refuses where another log, or none, has this name by now.
    pub(crate) fn is_still_the_log(self, path: &Path) -> Result<()> {
        self.is_still_at(
            path,
            "is no longer written, for its write-ahead log was moved, deleted or replaced while it was open. Put the log back, or \
             stop this program, which copies the log into the file, and start it again",
        )
    }

    fn is_still_at(self, path: &Path, otherwise: &str) -> Result<()> {
        match Self::of(path) {
            Ok(found) if found == self => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Err(Fault::refused(StoreErrorKind::Replaced, otherwise)),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_has_the_numbers_that_the_system_gives_it_in_full() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = file.as_file().metadata().unwrap();
        let id = FileId((found.dev(), found.ino()));
        assert_eq!(FileId::asked_alone(file.path()), Ok(id));
        assert_eq!(FileId::of(file.path()).unwrap(), id);
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = FileId::of(&folder.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
