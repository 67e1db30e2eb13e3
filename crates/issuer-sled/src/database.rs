//! What sled has, and how it is made to last.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use issuer_store::StoreErrorKind;
use sled::{
    IVec, Tree,
    transaction::{ConflictableTransactionError, TransactionError, Transactional},
};

use crate::{
    error::{Fault, Result, contained},
    state::State,
    table::{STATE, Table},
    unfinished,
};

/// Bytes of a segment of sled's log. sled's own half a megabyte makes a file of its own of every page of more
/// than an eighth of that; with this, sixteen users of a hundred tokens each still fit into the log.
const SEGMENT_BYTES: usize = 2 << 20;

/// What sled can do with.
pub(crate) const LEAST_CACHE_BYTES: u64 = 1 << 20;

/// How much of a file is rewritten at a time.
const REWRITTEN_BYTES: usize = 1 << 20;

/// How long sled may take to give its file up.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How often sled cleans its log: it moves pages for at most half of this, and then syncs.
const CLEAN_EVERY_MILLIS: u64 = 200;

/// sled's database, its trees, and a handle of our own on its file.
pub(crate) struct Database {
    // Dropped in this order: the last tree has sled write what is left.
    trees: [Tree; Table::ALL.len()],
    db: sled::Db,
    file: File,
    folder: PathBuf,
    blobs: Mutex<Blobs>,
    /// What a test does in the place of a slow or failing disk.
    #[cfg(test)]
    pub(crate) before_sync: Mutex<Option<Disk>>,
}

/// Pages that did not fit into the log, each a file of its own.
#[derive(Default)]
struct Blobs {
    synced: HashSet<OsString>,
    /// When their folder was last changed, if that was long enough ago when it was last read for a later change to
    /// show in it: file systems count in milliseconds, some in whole seconds.
    unchanged_since: Option<SystemTime>,
}

/// How coarsely a file system may count.
const COARSEST_TIME: Duration = Duration::from_secs(3);

/// A disk that takes its time, or fails.
#[cfg(test)]
type Disk = Box<dyn FnMut() -> Result<()> + Send>;

/// A row to put or to delete, with what is there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowChange {
    pub(crate) before: Option<IVec>,
    pub(crate) after: Option<IVec>,
}

/// Rows to write as one.
pub(crate) type Batch = std::collections::BTreeMap<(Table, IVec), RowChange>;

impl Database {
    /// Has sled open the folder. Whatever sled does not survive in it, is an error.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self> {
        wait_for_lock(&folder.join("db"), LOCK_WAIT)?;
        unfinished::remove_snapshot(folder)?;
        unfinished::keep_snapshot(folder)?;
        let db = contained(|| {
            let config = sled::Config::new()
                .path(folder)
                .cache_capacity(cache_bytes.max(LEAST_CACHE_BYTES))
                .segment_size(SEGMENT_BYTES)
                .flush_every_ms(Some(CLEAN_EVERY_MILLIS));
            Ok(config.open()?)
        })?;
        contained(|| {
            refuse_other_trees(&db)?;
            let mut trees = Vec::with_capacity(Table::ALL.len());
            for table in Table::ALL {
                trees.push(db.open_tree(table.name())?);
            }
            let Ok(trees) = trees.try_into() else {
                return Err(Fault::damaged("sled does not find its trees"));
            };
            Ok(Self {
                trees,
                db,
                file: File::open(folder.join("db"))?,
                folder: folder.to_owned(),
                blobs: Mutex::default(),
                #[cfg(test)]
                before_sync: Mutex::default(),
            })
        })
    }

    pub(crate) fn tree(&self, table: Table) -> &Tree {
        let [own, users, revoked, replays, assigned, tombstones, deaths] = &self.trees;
        match table {
            Table::Own => own,
            Table::Users => users,
            Table::Revoked => revoked,
            Table::Replays => replays,
            Table::Assigned => assigned,
            Table::Tombstones => tombstones,
            Table::Deaths => deaths,
        }
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<IVec>> {
        Ok(self.tree(table).get(key)?)
    }

    /// Writes all of it into sled, or nothing of it, also across a crash.
    ///
    /// `Transactional` takes the one lock that every other call of sled takes for reading, and wraps what it writes
    /// in a batch (`TransactionalTrees::commit`): `pin_log` reserves the place of a manifest in the log, in front of
    /// the rows of all trees, and `seal_batch` writes into it where the batch ends. Recovery that meets a manifest
    /// whose end is not in the log stops in front of it (`LogIter::next`, "cutting recovery short due to torn
    /// batch"). None of it is on the disk before [`sync`](Self::sync).
    pub(crate) fn write(&self, batch: &Batch) -> Result<()> {
        let state = batch.get(&(Table::Own, IVec::from(STATE)));
        let expected = state.and_then(|change| change.before.as_ref());
        let written = self.trees.transaction(|trees| {
            let [own, users, revoked, replays, assigned, tombstones, deaths] = trees.as_slice() else {
                return Err(ConflictableTransactionError::Abort(()));
            };
            // Every batch writes the state, so that this says that nothing was written since the batch was made.
            if own.get(STATE)?.as_ref() != expected {
                return Err(ConflictableTransactionError::Abort(()));
            }
            for ((table, key), change) in batch {
                let tree = match table {
                    Table::Own => own,
                    Table::Users => users,
                    Table::Revoked => revoked,
                    Table::Replays => replays,
                    Table::Assigned => assigned,
                    Table::Tombstones => tombstones,
                    Table::Deaths => deaths,
                };
                match &change.after {
                    Some(value) => tree.insert(key, value)?,
                    None => tree.remove(key)?,
                };
            }
            Ok(())
        });
        match written {
            Ok(()) => Ok(()),
            Err(TransactionError::Storage(error)) => Err(error.into()),
            Err(TransactionError::Abort(())) => Err(Fault::damaged(
                "somebody else has written to it while it was open",
            )),
        }
    }

    /// Makes everything that was written durable.
    ///
    /// sled's `flush` hands what it has to the system and waits for `sync_file_range`, which reaches neither the
    /// file's length nor a disk that keeps writes to itself. Pages too large for the log are files of their own, which
    /// it does not sync at all.
    pub(crate) fn sync(&self) -> Result<()> {
        #[cfg(test)]
        if let Some(disk) = &mut *self.before_sync.lock().unwrap_or_else(PoisonError::into_inner) {
            disk()?;
        }
        // Before the log speaks of them, wherever sled has not written it yet by itself.
        self.sync_new_blobs()?;
        self.db.flush()?;
        self.sync_new_blobs()?;
        self.file.sync_data()?;
        Ok(())
    }

    /// A handle on the database file that outlives this, and knows of every failure that there was since it was opened.
    pub(crate) fn handle(&self) -> Result<File> {
        Ok(self.file.try_clone()?)
    }

    /// Wakes who waits for sled in vain: sled does not always tell them that it gave up.
    pub(crate) fn wake(&self) {
        if self.db.context.global_error().is_err() {
            // Returns at once, for sled looks at that error before it waits, and tells the others.
            let _ = self.db.flush();
        }
    }

    pub(crate) fn state(&self) -> Result<Option<State>> {
        self.get(Table::Own, STATE)?
            .map(|value| State::decode(&value))
            .transpose()
    }

    /// What is there, counted and added up row by row.
    pub(crate) fn add_up(&self) -> Result<State> {
        let mut found = State::default();
        for table in Table::ALL {
            for row in self.tree(table) {
                let (key, value) = row?;
                if (table, &*key) != (Table::Own, STATE) {
                    found.add(table, &key, &value);
                }
            }
        }
        Ok(found)
    }

    /// All that the opening wrote, and all that a process left unsynced when it was killed.
    pub(crate) fn sync_everything(&self) -> Result<()> {
        self.db.flush()?;
        self.file.sync_all()?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                sync_if_there(&entry.path())?;
            }
        }
        self.sync_new_blobs()?;
        sync_folder(&self.folder.join("blobs"))?;
        sync_folder(&self.folder)
    }

    fn sync_new_blobs(&self) -> Result<()> {
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.join("blobs");
        let changed = fs::metadata(&folder)?.modified()?;
        if blobs.unchanged_since == Some(changed) {
            return Ok(());
        }
        let now = SystemTime::now();
        let mut found = HashSet::new();
        let mut new = false;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !blobs.synced.contains(&name) {
                sync_if_there(&folder.join(&name))?;
                new = true;
            }
            found.insert(name);
        }
        if new {
            sync_folder(&folder)?;
        }
        let is_past = now.duration_since(changed).is_ok_and(|age| age > COARSEST_TIME);
        *blobs = Blobs {
            synced: found,
            unchanged_since: is_past.then_some(changed),
        };
        Ok(())
    }
}

/// Refuses trees that are not ours, by name.
fn refuse_other_trees(db: &sled::Db) -> Result<()> {
    for name in db.tree_names() {
        if !Table::ALL.iter().any(|table| table.name().as_bytes() == &*name) {
            return Err(Fault::damaged(format!(
                "it holds the tree \"{}\", which this library did not make",
                String::from_utf8_lossy(&name).escape_debug()
            )));
        }
    }
    Ok(())
}

/// Waits for sled to give its file up, or says who else has it.
///
/// sled unlocks it only when the last of its threads lets go of it, some time after it was closed. Our own lock is held
/// meanwhile, so that whoever has it longer does not know of that: another program, or a store of this process that
/// could not be closed.
pub(crate) fn wait_for_lock(file: &Path, wait: Duration) -> Result<()> {
    let started = Instant::now();
    loop {
        let file = match File::open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => return Err(error.into()),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < wait => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Fault::refused(
                    StoreErrorKind::Busy,
                    "has a database that is open elsewhere, in a program that is not this one or was not closed",
                ));
            }
        }
    }
}

/// Writes a file again, byte for byte as it reads, and syncs it.
pub(crate) fn rewrite(path: &Path) -> Result<()> {
    let mut file = fs::OpenOptions::new().read(true).write(true).open(path)?;
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

/// sled deletes its files when it no longer needs them.
fn sync_if_there(path: &Path) -> Result<()> {
    match File::open(path).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => Ok(done?),
    }
}

/// Makes the names in a folder as durable as what they name.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
