//! Checkpoints: when the write-ahead log is copied into the database file, so that commits hardly wait for it.
//!
//! A checkpoint takes two syncs and a write for each page, so that a thread makes it, beside the commits. But the log is
//! written again from its beginning only where all of it was copied, and while a checkpoint runs more is added. What is left
//! at last is of a few commits; the next one copies that.
//!
//! Before each of them the file is looked at: one that was overwritten while it was open is not written to.

use std::{
    fs, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use issuer_store::StoreErrorKind;
use rusqlite::{Connection, hooks::Wal};

use crate::{
    connection::{DatabaseFile, LOG_BYTES_KEPT, empty_log},
    error::Result,
    log_link::{self, Seen},
};

/// Pages of the log at which a checkpoint begins, 1 MiB. More at once would be less work, for a page that is in the log twice
/// is copied once; but the disk is busy with a checkpoint for so long that commits beside it wait.
pub(crate) const CHECKPOINT_AT_PAGES: i32 = 512;

/// Commits after which the first checkpoint is made, however short the log is: a copy that was made of the file before this
/// process opened it is the file that the log was written for, until the log is begun again. A process of one command is over
/// by then. Where a long read is in the way, it is tried again after twice as many.
const FIRST_CHECKPOINT_AT_COMMITS: u32 = 2;

/// Makes a checkpoint whenever the log has grown to a certain length.
pub(crate) struct Checkpoints {
    log: Arc<Log>,
    /// Commits of this process and pages of the log, as long as that was not begun again.
    first_commits: Mutex<Option<(u32, i32)>>,
    thread: Mutex<Option<CheckpointThread>>,
}

/// The log, as the thread and the writer see it.
struct Log {
    file: DatabaseFile,
    /// Its pages after the last commit.
    pages: AtomicI32,
    stage: Mutex<Stage>,
    /// The state of the file after the last checkpoint. Locked during a checkpoint.
    seen: Mutex<Option<Seen>>,
    /// The file was overwritten while it was open: nothing is read or written any more.
    is_overwritten: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The log is not long enough.
    #[default]
    Growing,
    /// The thread copies it.
    Copying,
    /// All is copied but for what was added meanwhile.
    Copied,
}

/// The thread, from when it is first needed: a process of one command never does.
struct CheckpointThread {
    go: SyncSender<()>,
    handle: JoinHandle<()>,
}

impl Checkpoints {
    pub(crate) fn of(file: DatabaseFile) -> Self {
        let log = Log {
            file,
            pages: AtomicI32::new(0),
            stage: Mutex::default(),
            seen: Mutex::default(),
            is_overwritten: AtomicBool::new(false),
        };
        Self {
            log: Arc::new(log),
            first_commits: Mutex::new(Some((0, 0))),
            thread: Mutex::new(None),
        }
    }

    /// Learns from this connection how long the log is. SQLite itself copies nothing after its commits any more.
    pub(crate) fn watch(&self, writer: &mut Connection) -> Result<()> {
        let log = Arc::clone(&self.log);
        let note = move |_: &mut Wal, pages| {
            log.pages.store(pages, Ordering::Relaxed);
            Ok(())
        };
        Ok(writer.wal_hook(Some(note))?)
    }

    /// To be called after each commit, with the connection that made it.
    pub(crate) fn after_commit(&self, writer: &Connection) {
        if self.is_first_due() {
            // Nothing rests on a checkpoint: what is not copied stays in the log.
            let _ = self.log.checkpoint(writer);
        }
        let is_long = self.log.pages.load(Ordering::Relaxed) >= CHECKPOINT_AT_PAGES;
        let mut stage = self.log.stage();
        *stage = match *stage {
            Stage::Copying => Stage::Copying,
            Stage::Growing if is_long && self.ask() => Stage::Copying,
            Stage::Growing | Stage::Copied => {
                // A log that is short after a checkpoint was begun again by this commit.
                if is_long {
                    // As above.
                    let _ = self.log.checkpoint(writer);
                }
                Stage::Growing
            }
        };
    }

    /// True when it is time for the first checkpoint, or for another one since the log was not begun again.
    fn is_first_due(&self) -> bool {
        let mut first = self.first_commits.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((commits, pages_before)) = *first else {
            return false;
        };
        let pages = self.log.pages.load(Ordering::Relaxed);
        let is_begun_again = pages < pages_before;
        let commits = commits + 1;
        *first = (!is_begun_again).then_some((commits, pages));
        !is_begun_again && commits >= FIRST_CHECKPOINT_AT_COMMITS && commits.is_power_of_two()
    }

    /// Copies what the log holds now, on a connection of its own, and makes a log small again that has grown beside a long
    /// read.
    pub(crate) fn run_now(&self) {
        if let Ok(connection) = self.log.file.connect_writer() {
            // As above.
            let _ = self
                .log
                .checkpoint(&connection)
                .and_then(|()| self.log.shorten(&connection));
        }
    }

    /// Refuses once the file was overwritten while it was open.
    pub(crate) fn refuse_overwritten(&self) -> Result<()> {
        if self.log.is_overwritten.load(Ordering::Relaxed) {
            log_link::check(&self.log.file)?;
        }
        Ok(())
    }

    /// Ends the thread, which has a connection to the file.
    pub(crate) fn stop(&mut self) {
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(CheckpointThread { go, handle }) = thread.take() {
            drop(go);
            let _ = handle.join();
        }
    }

    /// True if there is a thread, which makes a checkpoint now.
    fn ask(&self) -> bool {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = self.start().ok();
        }
        thread
            .as_ref()
            .is_some_and(|thread| thread.go.try_send(()).is_ok())
    }

    fn start(&self) -> io::Result<CheckpointThread> {
        let (go, asked) = sync_channel(1);
        let log = Arc::clone(&self.log);
        let handle = thread::Builder::new()
            .name("issuer-checkpoint".to_owned())
            .spawn(move || log.checkpoint_when_asked(&asked))?;
        Ok(CheckpointThread { go, handle })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Log {
    fn checkpoint_when_asked(&self, asked: &Receiver<()>) {
        let mut connection = None;
        while asked.recv().is_ok() {
            connection = connection.or_else(|| self.file.connect_writer().ok());
            // All that is there, and then what came meanwhile, which is less.
            connection = connection.filter(|connection| {
                let twice = self
                    .checkpoint(connection)
                    .and_then(|()| self.checkpoint(connection));
                twice.is_ok()
            });
            *self.stage() = Stage::Copied;
        }
    }

    /// Copies what the log holds into the database, as far as nobody is in the way, and waits for nobody.
    fn checkpoint(&self, connection: &Connection) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(fault) = log_link::check_since(&self.file, seen.as_ref()) {
            if fault.kind() == StoreErrorKind::Replaced {
                self.is_overwritten.store(true, Ordering::Relaxed);
            }
            return Err(fault);
        }
        *seen = None;
        let mut checkpoint = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
        checkpoint.query_row([], |_| Ok(()))?;
        *seen = Some(log_link::see(&self.file)?);
        Ok(())
    }

    /// Cuts a log that was copied and is longer than it need be. Where others use it, the next commit does.
    fn shorten(&self, connection: &Connection) -> Result<()> {
        let is_long = fs::metadata(self.file.log()).is_ok_and(|log| log.len() > LOG_BYTES_KEPT.into());
        if is_long {
            empty_log(connection)?;
        }
        Ok(())
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use issuer_conformance::{
        fixture::creating,
        probe::{applied, snapshot},
    };
    use issuer_store::Store as _;

    use super::*;
    use crate::SqliteStore;

    /// A store that has made its first checkpoint.
    fn store() -> (SqliteStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("users.db")).unwrap();
        for n in 0..=FIRST_CHECKPOINT_AT_COMMITS {
            one_commit(&store, 1_000_000 + u64::from(n));
        }
        (store, folder)
    }

    /// Pages in the log, and how many of them are copied.
    fn log(store: &SqliteStore) -> (i64, i64) {
        let connection = store.file.connect_reader().unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                Ok((row.get(1)?, row.get(2)?))
            })
            .unwrap()
    }

    fn stage(store: &SqliteStore) -> Stage {
        *store.writer.checkpoints.log.stage()
    }

    fn wait_for_the_thread(store: &SqliteStore) {
        let begun = Instant::now();
        while stage(store) == Stage::Copying {
            assert!(begun.elapsed() < Duration::from_mins(1), "it never came back");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn one_commit(store: &SqliteStore, n: u64) {
        applied(store, [creating(&format!("user{n:06}"), n)]);
    }

    #[test]
    fn the_thread_makes_a_checkpoint_and_the_next_commits_write_it_again_from_its_beginning() {
        let (store, _folder) = store();
        let mut n = 0;
        while stage(&store) != Stage::Copying {
            one_commit(&store, n);
            n += 1;
            assert!(n < 2_000, "never asked for");
        }
        wait_for_the_thread(&store);
        assert_eq!(stage(&store), Stage::Copied);
        let (pages, copied) = log(&store);
        assert!(pages >= i64::from(CHECKPOINT_AT_PAGES), "{pages}");
        assert_eq!(pages, copied);
        one_commit(&store, n);
        assert!(log(&store).0 < 100, "{:?}", log(&store));
        assert_eq!(stage(&store), Stage::Growing);
        assert!(snapshot(&store, "user000000").user.is_some());
    }

    #[test]
    fn what_was_added_during_a_checkpoint_is_copied_by_the_next_commit() {
        let (store, _folder) = store();
        // A thread that copies, and gets nowhere.
        *store.writer.checkpoints.log.stage() = Stage::Copying;
        let mut n = 0;
        while log(&store).0 < i64::from(CHECKPOINT_AT_PAGES) {
            one_commit(&store, n);
            n += 1;
        }
        assert_eq!(log(&store).1, 0);
        *store.writer.checkpoints.log.stage() = Stage::Copied;
        one_commit(&store, n);
        let (pages, copied) = log(&store);
        assert_eq!(pages, copied);
        one_commit(&store, n + 1);
        assert!(log(&store).0 < 100, "{:?}", log(&store));
    }

    #[test]
    fn a_commit_makes_the_checkpoint_where_there_is_no_thread_to_do_it() {
        let (store, _folder) = store();
        let checkpoints = Checkpoints::of(store.file.clone());
        // A thread that has ended.
        let (go, _) = sync_channel(1);
        let handle = thread::spawn(|| {});
        *checkpoints.thread.lock().unwrap() = Some(CheckpointThread { go, handle });
        *checkpoints.first_commits.lock().unwrap() = None;
        let mut connection = store.file.connect_writer().unwrap();
        checkpoints.watch(&mut connection).unwrap();
        applied(&store, [creating("amy", 1)]);
        assert_ne!(log(&store).1, log(&store).0);
        checkpoints
            .log
            .pages
            .store(CHECKPOINT_AT_PAGES, Ordering::Relaxed);
        checkpoints.after_commit(&connection);
        assert_eq!(log(&store).1, log(&store).0);
    }

    #[test]
    fn a_checkpoint_that_cannot_be_made_is_tried_again_and_loses_nothing() {
        let (store, folder) = store();
        let nowhere = DatabaseFile {
            path: folder.path().join("no/such.db"),
            ..store.file.clone()
        };
        let checkpoints = Checkpoints::of(nowhere);
        let mut connection = store.file.connect_writer().unwrap();
        checkpoints.watch(&mut connection).unwrap();
        for _ in 0..2 {
            *checkpoints.log.stage() = Stage::Growing;
            checkpoints
                .log
                .pages
                .store(CHECKPOINT_AT_PAGES, Ordering::Relaxed);
            checkpoints.after_commit(&connection);
            while *checkpoints.log.stage() == Stage::Copying {
                thread::yield_now();
            }
            assert_eq!(*checkpoints.log.stage(), Stage::Copied);
        }
        applied(&store, [creating("amy", 1)]);
        assert!(store.control().is_ok());
    }
}
