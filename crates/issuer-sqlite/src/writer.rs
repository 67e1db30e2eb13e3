//! The connection that writes.

use std::sync::{
    Mutex, MutexGuard, PoisonError, TryLockError,
    atomic::{AtomicBool, Ordering},
};

use issuer_store::{StoreError, StoreErrorKind};
use rusqlite::{Connection, TransactionBehavior};

use crate::{
    checkpoints::Checkpoints,
    connection::{DatabaseFile, checkpoint_on_close, empty_log, use_write_ahead_log},
    error::{Fault, Result},
    file_id::FileId,
    log_link, schema,
};

/// The one connection that writes, and what it takes to trust it again after a failure.
pub(crate) struct Writer {
    pub(crate) checkpoints: Checkpoints,
    file: DatabaseFile,
    /// The file that was opened.
    id: FileId,
    /// `None` after a failure that makes the connection itself suspect.
    connection: Mutex<Option<Connection>>,
    /// The log that this connection writes.
    log: Mutex<FileId>,
    /// A commit failed, and might come back: see [`Writer::settle`].
    unsettled: AtomicBool,
}

impl Writer {
    /// With a connection that has read by now, so that its log exists.
    pub(crate) fn new(mut connection: Connection, file: DatabaseFile, id: FileId) -> Result<Self> {
        let checkpoints = Checkpoints::of(file.clone());
        checkpoints.watch(&mut connection)?;
        Ok(Self {
            checkpoints,
            log: Mutex::new(FileId::of(&file.log())?),
            file,
            id,
            connection: Mutex::new(Some(connection)),
            unsettled: AtomicBool::new(false),
        })
    }

    /// Does all of `work` in one transaction, synced before this returns, or nothing of it.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> std::result::Result<T, StoreError> {
        let mut slot = self.lock();
        let connection = self.ready(&mut slot).map_err(|fault| fault.at(&self.file.path))?;
        let failure = match transact(connection, work) {
            Ok(done) => {
                self.checkpoints.after_commit(connection);
                return Ok(done);
            }
            Err(failure) => failure,
        };
        let clean = connection.is_autocommit();
        let (fault, in_commit) = match failure {
            Failure::Before(fault) => (fault, false),
            Failure::InCommit(fault) => (fault, true),
        };
        if !clean || is_suspect(fault.kind()) {
            *slot = None;
        }
        let error = fault.at(&self.file.path);
        if !in_commit {
            return Err(error);
        }
        // A write that found no space did not get as far as the mark of the commit, which is written last.
        if error.kind() != StoreErrorKind::Full {
            self.unsettled.store(true, Ordering::SeqCst);
            // If this fails too, the next call tries again before it does anything else.
            let _ = self.ready(&mut slot);
        }
        Err(error.maybe_applied())
    }

    /// Reads on this connection if nobody writes at the moment; else `None`.
    ///
    /// Whoever loads is about to write, and the pages that both need are in memory here: a reader would fetch them from
    /// the file again, as it must after every commit.
    pub(crate) fn read_if_idle<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Option<Result<T>> {
        let slot = match self.connection.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(slot)) => slot.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        // One with a transaction left open might show what was not committed.
        let connection = slot.as_ref().filter(|connection| connection.is_autocommit())?;
        Some(read(connection))
    }

    /// Refuses as long as a commit that failed may yet turn out to be there, and once the file was overwritten.
    pub(crate) fn settle(&self) -> Result<()> {
        self.checkpoints.refuse_overwritten()?;
        if self.unsettled.load(Ordering::SeqCst) {
            self.ready(&mut self.lock())?;
        }
        Ok(())
    }

    /// The connection, opened again if need be, outside any transaction.
    ///
    /// A commit whose sync failed is seen by nobody, yet it may lie complete in the log, and the recovery
    /// after a crash would take it for good, after reads have shown the opposite. So another commit is
    /// written over it first; where that cannot be done, nothing is.
    fn ready<'a>(&self, slot: &'a mut Option<Connection>) -> Result<&'a mut Connection> {
        self.log_id().is_still_the_log(&self.file.log())?;
        self.checkpoints.refuse_overwritten()?;
        // A panic leaves no transaction behind, for its guard rolls back; a roll-back that failed may.
        let usable = slot.take().filter(Connection::is_autocommit);
        let mut connection = match usable {
            Some(connection) => connection,
            None => self.reopen()?,
        };
        if self.unsettled.load(Ordering::SeqCst) {
            schema::overwrite_failed_commit(&mut connection)?;
            self.unsettled.store(false, Ordering::SeqCst);
        }
        Ok(slot.insert(connection))
    }

    fn reopen(&self) -> Result<Connection> {
        let mut connection = self.file.connect_writer()?;
        schema::identify(&connection)?;
        use_write_ahead_log(&connection, self.file.busy_timeout)?;
        // Where no other connection was left, this one has made a log, or taken what it found in one for committed.
        self.file.secure_log(&mut connection)?;
        self.checkpoints.watch(&mut connection)?;
        *self.log_id() = FileId::of(&self.file.log())?;
        Ok(connection)
    }

    /// Closes the connection so that the file alone is left, unless another file is in the place of it or of its log by now:
    /// neither is written to.
    fn close(&mut self) -> Result<()> {
        self.checkpoints.stop();
        let mut slot = self.lock().take().filter(Connection::is_autocommit);
        if slot.is_none() {
            self.ready(&mut slot)?;
        }
        let Some(connection) = slot else {
            return Ok(());
        };
        if FileId::of(&self.file.log()).is_ok_and(|log| log != *self.log_id()) {
            return Ok(());
        }
        if self.id.is_still_the_file(&self.file.path).is_err() {
            // SQLite would leave the log of a file that was moved; what is in its place by now must not get it.
            return empty_log(&connection);
        }
        log_link::check(&self.file)?;
        checkpoint_on_close(&connection, true)
    }

    fn log_id(&self) -> MutexGuard<'_, FileId> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Acknowledged commits are in the log, and stay there if this fails.
        let _ = self.close();
    }
}

enum Failure {
    /// Nothing was written.
    Before(Fault),
    /// The commit itself failed.
    InCommit(Fault),
}

impl<E: Into<Fault>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Before(error.into())
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T>,
) -> std::result::Result<T, Failure> {
    // Immediate: a transaction that began by reading could not write any more once somebody else had.
    // Dropped on the way, even by a panic, it rolls back.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    schema::still_ours(&transaction)?;
    let rows_before = transaction.total_changes();
    let done = work(&transaction)?;
    // A transaction that changes nothing is not written to the log.
    if transaction.total_changes() != rows_before {
        log_link::advance(&transaction)?;
    }
    transaction
        .commit()
        .map_err(|error| Failure::InCommit(error.into()))?;
    Ok(done)
}

/// Whether the connection may be the reason of its failure.
fn is_suspect(kind: StoreErrorKind) -> bool {
    !matches!(
        kind,
        StoreErrorKind::Busy | StoreErrorKind::Full | StoreErrorKind::Invalid | StoreErrorKind::Newer
    )
}

#[cfg(test)]
mod tests {
    use issuer_conformance::{
        fixture::{creating, issued},
        probe::{applied, snapshot},
    };
    use issuer_store::{Effect, Store};

    use super::*;
    use crate::SqliteStore;

    fn store() -> (SqliteStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (SqliteStore::open(folder.path().join("users.db")).unwrap(), folder)
    }

    /// Counts commits as another process sees them.
    fn watch(store: &SqliteStore) -> impl Fn() -> i64 {
        let watcher = store.file.connect_reader().unwrap();
        move || {
            watcher
                .pragma_query_value(None, "data_version", |row| row.get(0))
                .unwrap()
        }
    }

    /// Makes the next commit fail as such, with all its rows written: a reference to nowhere, checked last.
    fn fail_in_commit(connection: &Connection) -> Result<()> {
        connection.pragma_update(None, "defer_foreign_keys", 1)?;
        connection.execute(
            "INSERT INTO replays VALUES (99, zeroblob(32), zeroblob(32), zeroblob(16), 0)",
            [],
        )?;
        Ok(())
    }

    #[test]
    fn a_commit_that_failed_is_overwritten_before_anything_is_read() {
        let (store, _folder) = store();
        let changes = watch(&store);
        let before = changes();
        let error = store.writer.write(fail_in_commit).unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown);
        assert_ne!(changes(), before, "something else was committed in its place");
        assert!(!store.writer.unsettled.load(Ordering::SeqCst));
        applied(&store, [creating("amy", 1)]);
    }

    #[test]
    fn as_long_as_a_failed_commit_cannot_be_overwritten_nothing_is_read_or_written() {
        let (store, folder) = store();
        applied(&store, [creating("amy", 1)]);
        store.writer.unsettled.store(true, Ordering::SeqCst);
        *store.writer.lock() = None;
        let (here, away) = (folder.path().join("users.db"), folder.path().join("away.db"));
        std::fs::rename(&here, &away).unwrap();
        assert!(store.control().is_err());
        assert!(store.apply(&[creating("bob", 2).into()]).is_err());
        std::fs::rename(&away, &here).unwrap();
        assert!(snapshot(&store, "amy").user.is_some());
        applied(&store, [creating("bob", 2)]);
    }

    #[test]
    fn a_full_disk_leaves_nothing_and_hinders_no_read() {
        let (store, _folder) = store();
        applied(&store, [creating("amy", 1)]);
        let limit = |pages: i64| {
            let writer = store.writer.lock();
            writer
                .as_ref()
                .unwrap()
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .unwrap();
        };
        limit(1);
        let bob = (0..1_000).fold(creating("bob", 2), |draft, n| {
            draft.token(issued(&format!("{n}")))
        });
        let error = store
            .apply(&[creating("cyd", 3).into(), bob.clone().into()])
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.effect()),
            (StoreErrorKind::Full, Effect::None)
        );
        assert!(error.to_string().contains("no space left"), "{error}");
        assert!(snapshot(&store, "amy").user.is_some());
        assert!(snapshot(&store, "cyd").user.is_none());
        limit(1_000_000);
        applied(&store, [creating("cyd", 3), bob]);
    }

    #[test]
    fn a_panic_in_a_write_leaves_nothing_and_hinders_nobody() {
        let (store, _folder) = store();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            store.writer.write(|connection| -> Result<()> {
                connection.execute("INSERT INTO users (id) VALUES ('half')", [])?;
                panic!("half-way");
            })
        }));
        assert!(panicked.is_err());
        applied(&store, [creating("half", 1)]);
    }

    #[test]
    fn a_transaction_that_was_left_open_is_given_up() {
        let (store, _folder) = store();
        store
            .writer
            .lock()
            .as_ref()
            .unwrap()
            .execute_batch("BEGIN IMMEDIATE")
            .unwrap();
        applied(&store, [creating("amy", 1)]);
    }
}
