//! The locks of the queue and the replies, in one place: `issuer-model` builds both files again with locks
//! that let it choose who goes on.

pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicI64};
