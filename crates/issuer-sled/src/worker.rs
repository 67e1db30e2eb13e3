//! The thread on which sled is opened, writes, and is closed.
//!
//! sled may wait for ever: for a thread of its own that panicked, or for word of an error that it does not pass on.
//! So nobody waits for sled itself, but for this thread, and gives up after a while.
//!
//! After a failure the thread closes sled and opens the folder again, as often as it takes, with a pause that doubles
//! from each time to the next. The folder stays locked meanwhile.

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
    session::{Opening, Session, Slot},
};

/// How long a write may take. A disk that needs longer for one sync does not serve anybody.
const WRITE_WAIT: Duration = Duration::from_mins(1);

/// How long closing may take.
const CLOSE_WAIT: Duration = Duration::from_secs(20);

/// How often sled is asked whether it has given up.
pub(crate) const WAKE_EVERY: Duration = Duration::from_millis(250);

/// How long after a failure the folder is opened again for the first time, and at most after a further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How often it is looked whether the last reader has gone.
const LOOK_EVERY: Duration = Duration::from_millis(1);

enum Order {
    Work(Box<dyn FnOnce(&Database) + Send>),
    OpenAgain,
}

pub(crate) struct Worker {
    /// `None` once there is nothing more to do.
    orders: Option<mpsc::Sender<Order>>,
    /// Disconnected once sled has closed its files.
    closed: Mutex<mpsc::Receiver<()>>,
}

impl Worker {
    /// Starts the thread, which opens the folder, and closes it in the end.
    pub(crate) fn start(opening: Opening) -> Result<(Self, Arc<Slot>)> {
        let (orders, inbox) = mpsc::channel();
        let (closing, closed) = mpsc::channel();
        let (answer, opened) = mpsc::channel();
        thread::Builder::new()
            .name("issuer-sled".to_owned())
            .spawn(move || {
                let session = match contained(|| opening.begin()) {
                    Ok(session) => Arc::new(session),
                    Err(fault) => {
                        // Whoever tries again at once must find it unlocked.
                        let _ = wait_for_lock(&opening.folder.join("db"), LOCK_WAIT);
                        drop(opening);
                        let _ = answer.send(Err(fault));
                        return;
                    }
                };
                let slot = Arc::new(Slot::new(Arc::clone(&session)));
                drop(answer.send(Ok(Arc::clone(&slot))));
                drop(answer);
                Keeper { opening, slot, inbox }.keep(session);
                drop(closing);
            })?;
        let slot = opened.recv().unwrap_or_else(|_| Err(ended()))?;
        let worker = Self {
            orders: Some(orders),
            closed: Mutex::new(closed),
        };
        Ok((worker, slot))
    }

    /// Does the work on the thread.
    pub(crate) fn run(
        &self,
        database: &Database,
        work: impl FnOnce(&Database) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let (answer, done) = mpsc::channel();
        let work = Order::Work(Box::new(move |database| {
            // Nobody listens any more where it took too long.
            let _ = answer.send(contained(|| work(database)));
        }));
        if self
            .orders
            .as_ref()
            .is_none_or(|orders| orders.send(work).is_err())
        {
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
                        format!("did not finish a write in {waited} seconds; check its disk"),
                    ));
                }
            }
        }
    }

    /// Has the folder opened again, once whoever reads is done. The slot must be closed.
    pub(crate) fn open_again(&self) {
        if let Some(orders) = &self.orders {
            // Where the thread has ended the slot stays closed.
            let _ = orders.send(Order::OpenAgain);
        }
    }
}

fn ended() -> Fault {
    Fault::System(io::Error::other("the thread of the store has ended"))
}

impl Drop for Worker {
    // Whoever opens the folder next must find it unlocked.
    fn drop(&mut self) {
        self.orders = None;
        let closed = self.closed.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = closed.recv_timeout(CLOSE_WAIT);
    }
}

/// What the thread has.
struct Keeper {
    opening: Opening,
    slot: Arc<Slot>,
    inbox: mpsc::Receiver<Order>,
}

impl Keeper {
    fn keep(self, mut session: Arc<Session>) {
        loop {
            let mut failed = false;
            while let Ok(order) = self.inbox.recv() {
                match order {
                    Order::Work(work) => work(&session.database),
                    Order::OpenAgain => {
                        failed = true;
                        break;
                    }
                }
            }
            self.slot.close();
            if failed {
                self.opening.format.suspect();
            }
            let closed = self.close(session);
            if !failed {
                if closed.is_ok() {
                    self.opening.format.mark_closed();
                }
                return;
            }
            let Some(opened) = self.open_again() else { return };
            session = Arc::new(opened);
            self.slot.open(Arc::clone(&session));
        }
    }

    /// Closes sled, once nobody reads any more, and makes what it wrote in closing durable.
    fn close(&self, mut session: Arc<Session>) -> Result<()> {
        let session = loop {
            match Arc::try_unwrap(session) {
                Ok(session) => break session,
                Err(shared) => session = shared,
            }
            thread::sleep(LOOK_EVERY);
        };
        contained(|| {
            let file = session.database.handle()?;
            drop(session);
            wait_for_lock(&self.opening.folder.join("db"), LOCK_WAIT)?;
            Ok(file.sync_all()?)
        })
    }

    /// Opens the folder again; nothing once the store is dropped.
    fn open_again(&self) -> Option<Session> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.inbox.recv_timeout(pause) {
                Err(RecvTimeoutError::Disconnected) => return None,
                // Nobody may write now; the answer is dropped, which says so.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    match contained(|| self.opening.begin()) {
                        Ok(session) => return Some(session),
                        Err(fault) => self.slot.still_closed(&fault),
                    }
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
    }
}
