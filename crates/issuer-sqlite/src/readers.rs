//! The connections that read.

use std::{
    num::NonZeroUsize,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use rusqlite::Connection;

use crate::{connection::DatabaseFile, error::Result};

/// A fixed number of read-only connections. A read waits for other reads at most, never for a write: in WAL
/// mode readers and the writer do not block each other (`wal.html`, section 2.2).
pub(crate) struct Readers {
    file: DatabaseFile,
    /// Those that nobody uses; `None` stands for one that was given up and is opened again when needed.
    idle: Mutex<Vec<Option<Connection>>>,
    returned: Condvar,
}

impl Readers {
    pub(crate) fn connect(file: &DatabaseFile, count: NonZeroUsize) -> Result<Self> {
        let connections = (0..count.get()).map(|_| file.connect_reader().map(Some));
        Ok(Self {
            file: file.clone(),
            idle: Mutex::new(connections.collect::<Result<_>>()?),
            returned: Condvar::new(),
        })
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut place = Place {
            readers: self,
            connection: self.take(),
        };
        let connection = match place.connection.take() {
            Some(connection) => connection,
            None => self.file.connect_reader()?,
        };
        // Only a connection that did its work goes back; after an error or a panic another one takes its place.
        let found = read(&connection)?;
        place.connection = Some(connection);
        Ok(found)
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        loop {
            match idle.pop() {
                Some(place) => return place,
                None => {
                    idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    // Nothing that is done under the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Vec<Option<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool that is in use, and free again whatever happens.
struct Place<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut idle = self.readers.lock();
        // The last one used is the first to be used again: its cache is the warmest.
        idle.push(self.connection.take());
        self.readers.returned.notify_one();
    }
}
