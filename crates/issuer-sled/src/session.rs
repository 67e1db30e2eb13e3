//! What a store has open, until something fails and it opens its folder again.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, mpsc},
    thread,
};

use issuer_store::StoreErrorKind;

use crate::{
    database::{Batch, Database, RowChange},
    error::{Fault, Result, contained},
    format::FormatFile,
    open::Check,
    state::State,
    table::{STATE, Table},
    unfinished,
    view::Chain,
    worker::WAKE_EVERY,
};

/// sled's database, and which of its writes are durable.
pub(crate) struct Session {
    pub(crate) database: Database,
    pub(crate) chain: Chain,
}

/// How a session is begun.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) folder: PathBuf,
    pub(crate) cache_bytes: u64,
    pub(crate) check: Check,
    pub(crate) format: Arc<FormatFile>,
}

impl Opening {
    /// Opens the database, and shows nothing of it before it is synced and found to be whole.
    pub(crate) fn begin(&self) -> Result<Session> {
        self.format.still_in(&self.folder)?;
        let is_unfinished = self.format.is_unfinished();
        if is_unfinished {
            unfinished::remove_store(&self.folder)?;
        } else if !self.folder.join("db").try_exists()? {
            return Err(Fault::damaged("its database file is gone"));
        }
        if self.format.was_left_open() {
            rewrite_all(&self.folder)?;
        }
        let database = Database::open(&self.folder, self.cache_bytes)?;
        contained(|| {
            watched(&database, || {
                database.sync_everything()?;
                unfinished::forget_kept_snapshots(&self.folder)?;
                if is_unfinished {
                    initialize(&database)?;
                    self.format.finish()
                } else {
                    self.check(&database)
                }
            })
        })?;
        Ok(Session {
            database,
            chain: Chain::default(),
        })
    }

    /// Whether all that was acknowledged is there. sled itself takes a damaged log for one that ends earlier.
    fn check(&self, database: &Database) -> Result<()> {
        let witnessed = self.format.witnessed();
        let Some(state) = database.state()? else {
            return Err(Fault::damaged("it does not say how much it should hold"));
        };
        if state.slice < witnessed {
            let missing = witnessed - state.slice;
            return Err(Fault::damaged(format_args!(
                "the last {missing} writes are not there any more"
            )));
        }
        if self.check == Check::EveryRow {
            let found = database.add_up()?;
            let expected = State { slice: 0, ..state };
            if found != expected {
                return Err(Fault::damaged(format_args!(
                    "it should hold {} rows, and holds {} or others",
                    expected.rows, found.rows
                )));
            }
        }
        Ok(())
    }
}

/// A new folder has a state before it has anything else.
fn initialize(database: &Database) -> Result<()> {
    let state = RowChange {
        before: None,
        after: Some(State::default().encode().into()),
    };
    database.write(&Batch::from([((Table::Own, STATE.into()), state)]))?;
    database.sync()
}

/// Writes every file of sled's anew, as it reads, and syncs it.
///
/// Where a sync fails the system takes what it was about to write for written: it goes on showing it, no later sync
/// writes it, and a power cut takes it away. Whoever was killed before a sync may leave the same behind. Written again
/// it is synced again, so that what is read from now on is what the disk has.
fn rewrite_all(folder: &Path) -> Result<()> {
    for folder in [folder.to_owned(), folder.join("blobs")] {
        if !folder.try_exists()? {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.file_name() != crate::format::NAME {
                crate::database::rewrite(&entry.path())?;
            }
        }
    }
    Ok(())
}

/// Does what may wait for sled in vain while another thread wakes it.
fn watched<T>(database: &Database, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (done, until_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while until_done.recv_timeout(WAKE_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                database.wake();
            }
        });
        let result = contained(work);
        drop(done);
        result
    })
}

/// The session, and why there is none.
#[derive(Debug)]
pub(crate) struct Slot(RwLock<std::result::Result<Arc<Session>, Closed>>);

/// Why nothing can be read or written for now.
#[derive(Clone, Debug)]
struct Closed {
    kind: StoreErrorKind,
    why: String,
}

impl Slot {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self(RwLock::new(Ok(session)))
    }

    /// The session; refused while there is none.
    pub(crate) fn session(&self) -> Result<Arc<Session>> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(session) => Ok(Arc::clone(session)),
            Err(closed) => Err(Fault::refused(closed.kind, closed.why.clone())),
        }
    }

    /// Refuses from now on: sled has in memory what it could not write, half of it may be on the disk, and what the
    /// next write would build on is not known before the folder is opened again.
    pub(crate) fn close(&self) {
        self.set(Err(Closed {
            kind: StoreErrorKind::Closed,
            why: "is closed, for a write failed, and is being opened again; try again in a moment".to_owned(),
        }));
    }

    /// Says that it could not be opened again so far.
    pub(crate) fn still_closed(&self, fault: &Fault) {
        let damaged = fault.kind() == StoreErrorKind::Damaged;
        self.set(Err(Closed {
            kind: if damaged {
                StoreErrorKind::Damaged
            } else {
                StoreErrorKind::Closed
            },
            why: format!("is closed, for a write failed, and could not be opened again so far: {fault}"),
        }));
    }

    pub(crate) fn open(&self, session: Arc<Session>) {
        self.set(Ok(session));
    }

    fn set(&self, to: std::result::Result<Arc<Session>, Closed>) {
        let before = {
            let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *slot, to)
        };
        drop(before);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
