//! When the log is copied into the database, and that commits hardly wait for it.
//!
//! A copy takes two syncs and a write for each page, so that a thread makes it, beside the commits. But the log is written
//! again from its beginning only where all of it was copied, and while a copy is made more is added. What is left at last
//! is of a few commits; the next one copies that.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, hooks::Wal};

use crate::{connection::DatabaseFile, error::Result};

/// Pages of the log at which it is copied, 1 MiB. More at once would be less work, for a page that is in the log twice is
/// copied once; but the disk is busy with a copy for so long that commits beside it wait.
const COPY_AT_PAGES: i32 = 512;

/// Copies the log whenever it has grown to a certain length.
pub(crate) struct Checkpoints {
    file: DatabaseFile,
    log: Arc<Log>,
    copier: Mutex<Option<Copier>>,
}

#[derive(Default)]
struct Log {
    /// Its pages after the last commit.
    pages: AtomicI32,
    stage: Mutex<Stage>,
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
struct Copier {
    go: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Checkpoints {
    pub(crate) fn of(file: DatabaseFile) -> Self {
        Self {
            file,
            log: Arc::default(),
            copier: Mutex::new(None),
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
        let is_long = self.log.pages.load(Ordering::Relaxed) >= COPY_AT_PAGES;
        let mut stage = self.log.stage();
        *stage = match *stage {
            Stage::Copying => Stage::Copying,
            Stage::Growing if is_long && self.ask() => Stage::Copying,
            Stage::Growing | Stage::Copied => {
                // What is short after a copy was begun anew by this commit.
                if is_long {
                    copy_or_leave(writer);
                }
                Stage::Growing
            }
        };
    }

    /// Whether there is a thread that makes a copy now.
    fn ask(&self) -> bool {
        let mut copier = self.copier.lock().unwrap_or_else(PoisonError::into_inner);
        if copier.is_none() {
            *copier = self.start().ok();
        }
        copier
            .as_ref()
            .is_some_and(|copier| copier.go.try_send(()).is_ok())
    }

    fn start(&self) -> io::Result<Copier> {
        let (go, asked) = sync_channel(1);
        let (file, log) = (self.file.clone(), Arc::clone(&self.log));
        let thread = thread::Builder::new()
            .name("issuer-copier".to_owned())
            .spawn(move || copy_when_asked(&file, &log, &asked))?;
        Ok(Copier { go, thread })
    }
}

impl Drop for Checkpoints {
    /// Waits for the thread, which has a connection to the file.
    fn drop(&mut self) {
        let copier = self.copier.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Copier { go, thread }) = copier.take() {
            drop(go);
            let _ = thread.join();
        }
    }
}

impl Log {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn copy_when_asked(file: &DatabaseFile, log: &Log, asked: &Receiver<()>) {
    let mut connection = None;
    while asked.recv().is_ok() {
        connection = connection.or_else(|| file.connect_writer().ok());
        // All that is there, and then what came meanwhile, which is less.
        connection = connection.filter(|connection| copy(connection).and_then(|()| copy(connection)).is_ok());
        *log.stage() = Stage::Copied;
    }
}

/// Copies what the log holds now, on a connection of its own.
pub(crate) fn copy_now(file: &DatabaseFile) {
    if let Ok(connection) = file.connect_writer() {
        copy_or_leave(&connection);
    }
}

/// Nothing rests on a copy: what is not copied stays in the log.
fn copy_or_leave(connection: &Connection) {
    let _ = copy(connection);
}

/// Copies what the log holds into the database, as far as nobody is in the way, and waits for nobody.
fn copy(connection: &Connection) -> Result<()> {
    let mut checkpoint = connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?;
    Ok(checkpoint.query_row([], |_| Ok(()))?)
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

    fn store() -> (SqliteStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (SqliteStore::open(folder.path().join("users.db")).unwrap(), folder)
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

    fn wait_for_the_copier(store: &SqliteStore) {
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
    fn the_thread_copies_the_log_and_the_next_commits_write_it_again_from_its_beginning() {
        let (store, _folder) = store();
        let mut n = 0;
        while stage(&store) != Stage::Copying {
            one_commit(&store, n);
            n += 1;
            assert!(n < 2_000, "never asked for");
        }
        wait_for_the_copier(&store);
        assert_eq!(stage(&store), Stage::Copied);
        let (pages, copied) = log(&store);
        assert!(pages >= i64::from(COPY_AT_PAGES), "{pages}");
        assert_eq!(pages, copied);
        one_commit(&store, n);
        assert!(log(&store).0 < 100, "{:?}", log(&store));
        assert_eq!(stage(&store), Stage::Growing);
        assert!(snapshot(&store, "user000000").user.is_some());
    }

    #[test]
    fn what_was_added_during_a_copy_is_copied_by_the_next_commit() {
        let (store, _folder) = store();
        // A thread that copies, and gets nowhere.
        *store.writer.checkpoints.log.stage() = Stage::Copying;
        let mut n = 0;
        while log(&store).0 < i64::from(COPY_AT_PAGES) {
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
    fn a_commit_copies_the_log_where_there_is_no_thread_to_do_it() {
        let (store, _folder) = store();
        let checkpoints = Checkpoints::of(store.file.clone());
        // A thread that has ended.
        let (go, _) = sync_channel(1);
        let thread = thread::spawn(|| {});
        *checkpoints.copier.lock().unwrap() = Some(Copier { go, thread });
        let mut connection = store.file.connect_writer().unwrap();
        checkpoints.watch(&mut connection).unwrap();
        applied(&store, [creating("amy", 1)]);
        assert_ne!(log(&store).1, log(&store).0);
        checkpoints.log.pages.store(COPY_AT_PAGES, Ordering::Relaxed);
        checkpoints.after_commit(&connection);
        assert_eq!(log(&store).1, log(&store).0);
    }

    #[test]
    fn a_copy_that_cannot_be_made_is_tried_again_and_loses_nothing() {
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
            checkpoints.log.pages.store(COPY_AT_PAGES, Ordering::Relaxed);
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
