//! The store while the service runs: its threads own it, and a shutdown waits until it is closed.

use std::{
    ops::Deref,
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
};

use issuer_store::Store;

use crate::{Error, error::ErrorKind};

/// A store that is open. The threads of the service hold it, and calls on a host's thread for as long as they read: once the
/// last of them lets go of it, it is dropped, and thereby closed.
pub(crate) struct OpenStore {
    // Dropped in this order: the store is closed before anybody is told so.
    store: Box<dyn Store>,
    _closing: Closing,
}

impl Deref for OpenStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Tells those who wait that the store is closed.
struct Closing(Arc<Closed>);

impl Drop for Closing {
    fn drop(&mut self) {
        *self.0.is_closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}

#[derive(Default)]
struct Closed {
    is_closed: Mutex<bool>,
    changed: Condvar,
}

/// The store for whoever does not keep it open.
pub(crate) struct StoreHandle {
    store: Weak<OpenStore>,
    closed: Arc<Closed>,
}

/// Opens a store to the threads of a service: it is closed when the last of them ends.
pub(crate) fn open(store: Box<dyn Store>) -> (Arc<OpenStore>, StoreHandle) {
    let closed = Arc::new(Closed::default());
    let open = Arc::new(OpenStore {
        store,
        _closing: Closing(Arc::clone(&closed)),
    });
    let handle = StoreHandle {
        store: Arc::downgrade(&open),
        closed,
    };
    (open, handle)
}

impl StoreHandle {
    /// The store, which stays open for as long as the caller holds this.
    pub(crate) fn get(&self) -> Result<Arc<OpenStore>, Error> {
        self.store
            .upgrade()
            .ok_or_else(|| Error::new(ErrorKind::ShuttingDown))
    }

    /// Waits until nobody holds the store any more, and it is closed.
    pub(crate) fn wait_until_closed(&self) {
        let closed = self
            .closed
            .is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _closed = self
            .closed
            .changed
            .wait_while(closed, |closed| !*closed)
            .unwrap_or_else(PoisonError::into_inner);
    }
}
