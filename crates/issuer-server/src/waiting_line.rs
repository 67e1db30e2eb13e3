//! Who keeps the server waiting: the connections that are in the middle of a request or between two.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

/// A line of so many places at most; one more, and whoever has stood there longest loses its place.
#[derive(Debug)]
pub(crate) struct WaitingLine {
    places: usize,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    /// In the order in which they came.
    tasks: BTreeMap<u64, Waker>,
}

/// A place in the line until it is dropped, or lost.
#[derive(Debug)]
pub(crate) struct Place {
    line: Arc<WaitingLine>,
    number: u64,
}

impl WaitingLine {
    pub(crate) fn of(places: usize) -> Arc<Self> {
        Arc::new(Self {
            places,
            standing: Mutex::default(),
        })
    }

    /// A place at the end; the task is woken when it is lost.
    pub(crate) fn join(self: &Arc<Self>, task: Waker) -> Place {
        let (number, lost) = {
            let mut standing = self.standing();
            let number = standing.next;
            standing.next += 1;
            let lost = (standing.tasks.len() >= self.places).then(|| standing.tasks.pop_first());
            standing.tasks.insert(number, task);
            (number, lost.flatten())
        };
        if let Some((_, task)) = lost {
            task.wake();
        }
        Place {
            line: Arc::clone(self),
            number,
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn is_lost(&self) -> bool {
        !self.line.standing().tasks.contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.standing().tasks.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_there_are_places_costs_the_first_its_own() {
        let line = WaitingLine::of(2);
        let first = line.join(Waker::noop().clone());
        let second = line.join(Waker::noop().clone());
        assert!(!first.is_lost());
        let third = line.join(Waker::noop().clone());
        assert!(first.is_lost() && !second.is_lost() && !third.is_lost());
    }

    #[test]
    fn who_leaves_makes_room() {
        let line = WaitingLine::of(1);
        drop(line.join(Waker::noop().clone()));
        let second = line.join(Waker::noop().clone());
        assert!(!second.is_lost());
    }
}
