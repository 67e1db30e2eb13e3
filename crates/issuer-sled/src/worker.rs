//! The thread on which sled writes.
//!
//! sled may wait for ever: for a thread of its own that panicked, or for word of an error that it does not pass on.
//! So nobody waits for sled itself, but for this thread, and gives up after a while.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use issuer_store::StoreErrorKind;

use crate::{
    database::{Database, LOCK_WAIT, wait_for_lock},
    error::{Fault, Result, contained},
};

/// How long a write may take. A disk that needs longer for one sync does not serve anybody.
const WRITE_WAIT: Duration = Duration::from_mins(1);

/// How long closing may take.
const CLOSE_WAIT: Duration = Duration::from_secs(20);

/// How often sled is asked whether it has given up.
const WAKE_EVERY: Duration = Duration::from_millis(250);

type Job = Box<dyn FnOnce(&Database) + Send>;

pub(crate) struct Worker {
    /// `None` once there is nothing more to do.
    jobs: Option<mpsc::Sender<Job>>,
    /// Disconnected once sled has closed its files.
    closed: Mutex<mpsc::Receiver<()>>,
}

impl Worker {
    /// Starts the thread, which opens the database and closes it in the end.
    pub(crate) fn start(
        open: impl FnOnce() -> Result<Database> + Send + 'static,
    ) -> Result<(Self, Arc<Database>)> {
        let (jobs, inbox) = mpsc::channel();
        let (closing, closed) = mpsc::channel();
        let (answer, opened) = mpsc::channel();
        thread::Builder::new()
            .name("issuer-sled".to_owned())
            .spawn(move || {
                let database = match contained(open) {
                    Ok(database) => Arc::new(database),
                    Err(fault) => {
                        let _ = answer.send(Err(fault));
                        return;
                    }
                };
                let shared = Arc::clone(&database);
                drop(answer.send(Ok(shared)));
                drop(answer);
                run(database, &inbox);
                drop(closing);
            })?;
        let database = opened.recv().unwrap_or_else(|_| Err(ended()))?;
        let worker = Self {
            jobs: Some(jobs),
            closed: Mutex::new(closed),
        };
        Ok((worker, database))
    }

    /// Does the work on the thread.
    pub(crate) fn run(
        &self,
        database: &Database,
        work: impl FnOnce(&Database) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (answer, done) = mpsc::channel();
        let job: Job = Box::new(move |database| {
            // Nobody listens any more where it took too long.
            let _ = answer.send(contained(|| work(database)));
        });
        if self.jobs.as_ref().is_none_or(|jobs| jobs.send(job).is_err()) {
            return Err(ended());
        }
        let started = Instant::now();
        loop {
            match done.recv_timeout(WAKE_EVERY) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
                Err(RecvTimeoutError::Timeout) if started.elapsed() < WRITE_WAIT => database.wake(),
                Err(RecvTimeoutError::Timeout) => {
                    let waited = WRITE_WAIT.as_secs();
                    return Err(Fault::refused(
                        StoreErrorKind::Io,
                        format!(
                            "did not finish a write in {waited} seconds; check its disk, and open it again"
                        ),
                    ));
                }
            }
        }
    }
}

fn ended() -> Fault {
    Fault::System(io::Error::other("the thread of the store has ended"))
}

impl Drop for Worker {
    // Whoever opens the folder next must find it unlocked.
    fn drop(&mut self) {
        self.jobs = None;
        let closed = self.closed.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = closed.recv_timeout(CLOSE_WAIT);
    }
}

fn run(database: Arc<Database>, inbox: &mpsc::Receiver<Job>) {
    for job in inbox {
        job(&database);
    }
    let _ = contained(|| {
        let file = database.path();
        drop(database);
        wait_for_lock(&file, LOCK_WAIT)
    });
}
