//! What a factory makes for a case.

use std::any::Any;

use issuer_store::Store;

/// A fresh, empty store, and whatever must outlive it, such as the guard of a temporary directory.
///
/// A factory that needs no guard returns the store itself.
pub struct Subject {
    // In this order: the store closes its files before the guard deletes them.
    store: Box<dyn Store>,
    _guard: Option<Box<dyn Any>>,
}

impl Subject {
    /// The store, and a guard that is dropped after it.
    pub fn guarded(store: impl Store + 'static, guard: impl Any) -> Self {
        Self {
            store: Box::new(store),
            _guard: Some(Box::new(guard)),
        }
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }
}

impl<S: Store + 'static> From<S> for Subject {
    fn from(store: S) -> Self {
        Self {
            store: Box::new(store),
            _guard: None,
        }
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}
