//! The store: which connection does what.

use std::{fmt, path::Path};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};
use rusqlite::Connection;

use crate::{
    apply,
    connection::{DatabaseFile, at_one_instant},
    control,
    error::Result,
    export,
    file_id::FileId,
    load,
    open::SqliteOptions,
    purge,
    readers::Readers,
    writer::Writer,
};

/// A [`Store`] in one SQLite file.
///
/// It may be used from many threads, and any number of them, in any number of processes of one machine, may
/// have the same file open. What it promises is said in [the crate's documentation](crate).
pub struct SqliteStore {
    // Dropped in this order: the last connection to a file copies the log into it and deletes the log, which
    // one that only reads cannot do. See `Writer::close`.
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    pub(crate) file: DatabaseFile,
    /// The file that was opened.
    pub(crate) id: FileId,
}

impl SqliteStore {
    /// Opens the store in this file, with the default [options](SqliteStore::options).
    ///
    /// Where there is no such file it is made, readable and writable for its owner alone; its folder must
    /// exist. An empty file is taken for a new one. The file of an older version is brought to this one.
    ///
    /// # Errors
    /// [`StoreError`], by its kind:
    /// - `Foreign`: not a file, no SQLite database, or that of another application; it is left as it is.
    /// - `Newer`: a newer version of this library has written it.
    /// - `Damaged`: SQLite finds it damaged, or its tables are not those of its version. Not all damage shows
    ///   so early: a damaged page is found when it is read.
    /// - `Replaced`: the write-ahead log beside it was written for another file, or the file is missing and its log is
    ///   there; both are left as they are.
    /// - `Permission`: this process may not write the file, or not write in its folder.
    /// - `Busy`: other processes held it for longer than the busy timeout.
    /// - `Full`, `Io`: the machine could not do it; a missing folder is `Io`.
    /// - `Invalid`: the path names no file (`:memory:`), or the file cannot be opened with the settings that
    ///   the promises rest on, such as a write-ahead log.
    pub fn open(path: impl AsRef<Path>) -> std::result::Result<Self, StoreError> {
        Self::options().open(path)
    }

    /// The settings, to be changed before [`SqliteOptions::open`].
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    /// The file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> std::result::Result<T, StoreError> {
        self.readable(|| self.readers.read(read))
    }

    fn readable<T>(&self, read: impl FnOnce() -> Result<T>) -> std::result::Result<T, StoreError> {
        self.id
            .is_still_the_file(&self.file.path)
            .and_then(|()| self.writer.settle())
            .and_then(|()| read())
            .map_err(|fault| fault.at(&self.file.path))
    }

    fn write<T>(&self, write: impl FnOnce(&Connection) -> Result<T>) -> std::result::Result<T, StoreError> {
        self.id
            .is_still_the_file(&self.file.path)
            .map_err(|fault| fault.at(&self.file.path))?;
        self.writer.write(write)
    }
}

impl Store for SqliteStore {
    fn load(&self, lookups: &[Lookup<'_>]) -> std::result::Result<Vec<Snapshot>, StoreError> {
        let load = |connection: &Connection| {
            at_one_instant(connection, |connection| load::load(connection, lookups))
        };
        self.readable(|| {
            self.writer
                .read_if_idle(load)
                .unwrap_or_else(|| self.readers.read(load))
        })
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> std::result::Result<Vec<Option<TokenState>>, StoreError> {
        self.read(|connection| match tokens {
            // A statement alone is of one instant.
            [_] => load::find(connection, tokens),
            _ => at_one_instant(connection, |connection| load::find(connection, tokens)),
        })
    }

    fn list(&self, page: &Page<'_>) -> std::result::Result<UserPage, StoreError> {
        self.read(|connection| at_one_instant(connection, |connection| load::list(connection, page)))
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> std::result::Result<Export, StoreError> {
        self.read(|connection| {
            at_one_instant(connection, |connection| export::export(connection, after, limit))
        })
    }

    fn apply(&self, commits: &[Commit]) -> std::result::Result<Vec<Outcome>, StoreError> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|connection| apply::apply(connection, commits))
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> std::result::Result<usize, StoreError> {
        let purged = self.write(|connection| purge::purge(connection, dead_before, limit))?;
        if purged < limit {
            self.writer.checkpoints.run_now();
        }
        Ok(purged)
    }

    fn control(&self) -> std::result::Result<Option<Versioned<Control>>, StoreError> {
        self.read(control::read)
    }

    fn set_control(
        &self,
        expect: Expect,
        next: &Versioned<Control>,
    ) -> std::result::Result<Outcome, StoreError> {
        self.write(|connection| control::replace(connection, expect, next))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.file.path)
            .finish_non_exhaustive()
    }
}
