//! The locks of shuttle in the place of those of `std`, and a condition that can be planted with a defect.

use std::cell::Cell;
use std::sync::LockResult;

pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic::AtomicI64};
pub(crate) use std::sync::PoisonError;

/// A defect of whoever wakes others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// There is none.
    #[default]
    None,
    /// `notify_one` is not called.
    ArrivalIsSilent,
    /// `notify_all` is not called.
    CloseIsSilent,
}

thread_local! {
    // Shuttle runs all threads of a schedule on the one that began it.
    static PLANT: Cell<Plant> = const { Cell::new(Plant::None) };
}

pub(crate) fn plant(plant: Plant) {
    PLANT.set(plant);
}

pub(crate) struct Condvar(shuttle::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(shuttle::sync::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn notify_one(&self) {
        if PLANT.get() != Plant::ArrivalIsSilent {
            self.0.notify_one();
        }
    }

    pub(crate) fn notify_all(&self) {
        if PLANT.get() != Plant::CloseIsSilent {
            self.0.notify_all();
        }
    }
}
