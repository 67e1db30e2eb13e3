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
    pool: Mutex<Pool>,
    returned: Condvar,
}

struct Pool {
    /// Those that nobody uses; `None` stands for one that was given up and is opened again when needed.
    idle: Vec<Option<Connection>>,
    /// How many reads wait for one: to wake nobody costs a system call, too.
    waiting: usize,
}

impl Readers {
    pub(crate) fn connect(file: &DatabaseFile, count: NonZeroUsize) -> Result<Self> {
        let connections = (0..count.get()).map(|_| file.connect_reader().map(Some));
        Ok(Self {
            file: file.clone(),
            pool: Mutex::new(Pool {
                idle: connections.collect::<Result<_>>()?,
                waiting: 0,
            }),
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
        let mut pool = self.lock();
        loop {
            if let Some(place) = pool.idle.pop() {
                return place;
            }
            pool.waiting += 1;
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
            pool.waiting -= 1;
        }
    }

    // Nothing that is done under the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the pool that is in use, and free again whatever happens.
struct Place<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut pool = self.readers.lock();
        // The last one used is the first to be used again: its cache is the warmest.
        pool.idle.push(self.connection.take());
        if pool.waiting > 0 {
            self.readers.returned.notify_one();
        }
    }
}
