//! The threads of a service, and waiting for their end.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::{io, mem};

#[derive(Default)]
pub(crate) struct Threads {
    /// Held while somebody waits, so that whoever comes second waits as long.
    running: Mutex<Vec<JoinHandle<()>>>,
    all: Mutex<Vec<ThreadId>>,
}

impl Threads {
    pub(crate) fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        lock(&self.all).push(thread.thread().id());
        lock(&self.running).push(thread);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        lock(&self.all).len()
    }

    /// Waits until all of them have ended. One of them, which would wait for itself, does not, and gets `false`: an async
    /// runtime may go on with a task right where it is woken.
    pub(crate) fn join(&self) -> bool {
        if lock(&self.all).contains(&thread::current().id()) {
            return false;
        }
        let mut running = lock(&self.running);
        for thread in mem::take(&mut *running) {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
