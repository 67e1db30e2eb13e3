//! The store: what reads, and what writes.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use issuer::{
    Timestamp,
    state::{Commit, Control, Expect, Snapshot, TokenState, Versioned},
};
use issuer_store::{Cursor, Export, Lookup, Outcome, Page, Store, StoreError, TokenRef, UserPage};

use crate::{
    apply, control,
    error::{Result, contained},
    export,
    format::FormatFile,
    load,
    open::SledOptions,
    purge,
    session::Slot,
    staged::Staged,
    view::View,
    writer::{Failure, Writer},
};

/// A [`Store`] in one folder of sled's.
///
/// It may be used from many threads; one process, and in it one store, has the folder at a time. What it promises is
/// said in [the crate's documentation](crate).
pub struct SledStore {
    // Dropped in this order: the thread of the writer closes sled, and then the folder is unlocked.
    pub(crate) slot: Arc<Slot>,
    pub(crate) writer: Writer,
    pub(crate) format: Arc<FormatFile>,
    pub(crate) folder: PathBuf,
}

impl SledStore {
    /// Opens the store in this folder, with the default [options](SledStore::options).
    ///
    /// Where there is no such folder it is made, for its owner alone; the folder that it is in must exist. An empty
    /// folder is taken for a new one.
    ///
    /// # Errors
    /// [`StoreError`], by its kind:
    /// - `Busy`: another process has it open, or another store of this one.
    /// - `Foreign`: not a folder, or one that holds something else; it is left as it is.
    /// - `Newer`: a newer version of this library has written it; it is left as it is.
    /// - `Damaged`: a file is missing, or sled cannot make sense of what it finds, or what it finds is not all that
    ///   was written.
    /// - `Permission`: this process may not read and write the folder and its files.
    /// - `Full`, `Io`: the machine could not do it; a missing folder around it is `Io`.
    /// - `Invalid`: the path names nothing.
    pub fn open(folder: impl AsRef<Path>) -> std::result::Result<Self, StoreError> {
        Self::options().open(folder)
    }

    /// The settings, to be changed before [`SledOptions::open`].
    pub fn options() -> SledOptions {
        SledOptions::default()
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn read<T>(&self, read: impl FnOnce(&View<'_>) -> Result<T>) -> std::result::Result<T, StoreError> {
        contained(|| {
            let session = self.slot.session()?;
            read(&session.chain.view(&session.database))
        })
        .map_err(|fault| fault.at(&self.folder))
    }

    fn write<T>(
        &self,
        work: impl FnOnce(&mut Staged<'_>) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        self.writer
            .write(&self.slot, &self.format, work)
            .map_err(|failure| match failure {
                Failure::Before(fault) => fault.at(&self.folder),
                Failure::InWrite(fault) => fault.at(&self.folder).maybe_applied(),
            })
    }
}

impl Store for SledStore {
    fn load(&self, lookups: &[Lookup<'_>]) -> std::result::Result<Vec<Snapshot>, StoreError> {
        self.read(|view| {
            lookups
                .iter()
                .map(|lookup| load::snapshot(view, lookup))
                .collect()
        })
    }

    fn find(&self, tokens: &[TokenRef<'_>]) -> std::result::Result<Vec<Option<TokenState>>, StoreError> {
        self.read(|view| tokens.iter().map(|token| load::find(view, token)).collect())
    }

    fn list(&self, page: &Page<'_>) -> std::result::Result<UserPage, StoreError> {
        self.read(|view| load::list(view, page))
    }

    fn export(&self, after: Option<&Cursor>, limit: usize) -> std::result::Result<Export, StoreError> {
        self.read(|view| export::export(view, after, limit))
    }

    fn apply(&self, commits: &[Commit]) -> std::result::Result<Vec<Outcome>, StoreError> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|staged| {
            commits
                .iter()
                .map(|commit| apply::apply(staged, commit))
                .collect()
        })
    }

    fn purge(&self, dead_before: Timestamp, limit: usize) -> std::result::Result<usize, StoreError> {
        self.write(|staged| purge::purge(staged, dead_before, limit))
    }

    fn control(&self) -> std::result::Result<Option<Versioned<Control>>, StoreError> {
        self.read(control::read)
    }

    fn set_control(
        &self,
        expect: Expect,
        next: &Versioned<Control>,
    ) -> std::result::Result<Outcome, StoreError> {
        self.write(|staged| control::replace(staged, expect, next))
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("path", &self.folder)
            .finish_non_exhaustive()
    }
}
