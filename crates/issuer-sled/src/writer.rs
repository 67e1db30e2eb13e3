//! Whoever writes.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use issuer_store::StoreErrorKind;

use crate::{
    database::{Batch, Database},
    error::{Fault, Result, contained},
    format::FormatFile,
    staged::Staged,
    view::Chain,
    worker::Worker,
};

/// What failed, and whether something may have been written all the same.
pub(crate) enum Failure {
    Before(Fault),
    InWrite(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Before(fault)
    }
}

/// One write at a time, and none after one that failed.
pub(crate) struct Writer {
    turn: Mutex<()>,
    worker: Worker,
    closed: AtomicBool,
}

impl Writer {
    pub(crate) fn new(worker: Worker) -> Self {
        Self {
            turn: Mutex::new(()),
            worker,
            closed: AtomicBool::new(false),
        }
    }

    /// Refuses once a write has failed: sled has it in memory, half of it may be on the disk, and what the next one
    /// builds on is not known before the folder is opened again.
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Fault::refused(
                StoreErrorKind::Closed,
                "is closed, for a write failed; open it again",
            ));
        }
        Ok(())
    }

    /// Writes what a new folder begins with, before anybody reads.
    pub(crate) fn write_first(&self, database: &Database, batch: Batch) -> Result<()> {
        self.worker.run(database, move |database| {
            database.write(&batch)?;
            database.sync()
        })
    }

    /// Writes all that `work` stages, synced before this returns and shown to nobody earlier, or nothing of it.
    pub(crate) fn write<T>(
        &self,
        database: &Database,
        chain: &Chain,
        format: &FormatFile,
        work: impl FnOnce(&mut Staged<'_>) -> Result<T>,
    ) -> std::result::Result<T, Failure> {
        // Nothing is left half-way by a panic: what is staged is gone with it.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_open()?;
        let (done, staged) = contained(|| {
            let mut staged = Staged::new(database);
            let done = work(&mut staged)?;
            Ok((done, staged.finish()?))
        })?;
        let Some((batch, slice)) = staged else {
            return Ok(done);
        };
        let link = chain.announce(&batch);
        let written = self.worker.run(database, move |database| {
            database.write(&batch)?;
            database.sync()
        });
        if let Err(fault) = written {
            self.closed.store(true, Ordering::SeqCst);
            return Err(Failure::InWrite(fault));
        }
        format.witness(slice);
        chain.show(link);
        Ok(done)
    }
}
