//! The connections that keep the server waiting: those that are silent, in the middle of a request or between two.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

/// A line of so many places at most. One more costs the connection that has waited longest its place: that of the address that has
/// more than half of all places, if there is one, or of all.
#[derive(Debug)]
pub(crate) struct WaitingLine {
    places: usize,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    /// In the order in which they came.
    tasks: BTreeMap<u64, (IpAddr, Waker)>,
    /// The same by address.
    of_address: BTreeSet<(IpAddr, u64)>,
    counts: HashMap<IpAddr, usize>,
    /// The address that has more than half of the places.
    majority: Option<IpAddr>,
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
    pub(crate) fn join(self: &Arc<Self>, address: IpAddr, task: Waker) -> Place {
        let address = network(address);
        let (number, lost) = {
            let mut standing = self.standing();
            let number = standing.next;
            standing.next += 1;
            let is_full = standing.tasks.len() >= self.places;
            let lost = is_full.then(|| standing.remove_longest()).flatten();
            standing.insert(number, address, task);
            (number, lost)
        };
        if let Some(task) = lost {
            task.wake();
        }
        Place {
            line: Arc::clone(self),
            number,
        }
    }

    /// Takes one place away; `false` where nobody waits.
    pub(crate) fn make_room(&self) -> bool {
        let lost = self.standing().remove_longest();
        let is_one = lost.is_some();
        if let Some(task) = lost {
            task.wake();
        }
        is_one
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of an address that stands for one client: whoever has an IPv6 network has all addresses of its 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address @ IpAddr::V4(_) => address,
    }
}

impl Standing {
    fn insert(&mut self, number: u64, address: IpAddr, task: Waker) {
        self.tasks.insert(number, (address, task));
        self.of_address.insert((address, number));
        *self.counts.entry(address).or_default() += 1;
        self.look_for_majority(address);
    }

    fn remove(&mut self, number: u64) -> Option<Waker> {
        let (address, task) = self.tasks.remove(&number)?;
        self.of_address.remove(&(address, number));
        if let Some(count) = self.counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&address);
            }
        }
        Some(task)
    }

    fn remove_longest(&mut self) -> Option<Waker> {
        let address = self.majority.filter(|address| self.has_majority(*address));
        let of_majority = address.and_then(|address| self.of_address.range((address, 0)..).next());
        let number = match of_majority {
            Some((_, number)) => *number,
            None => *self.tasks.first_key_value()?.0,
        };
        self.remove(number)
    }

    /// An address gains the majority when one of its own joins, or when one of another leaves. The latter is noticed when the next of
    /// its own joins.
    fn look_for_majority(&mut self, address: IpAddr) {
        if self.has_majority(address) {
            self.majority = Some(address);
        }
    }

    fn has_majority(&self, address: IpAddr) -> bool {
        self.counts.get(&address).copied().unwrap_or_default() * 2 > self.tasks.len()
    }
}

impl Place {
    pub(crate) fn is_lost(&self) -> bool {
        !self.line.standing().tasks.contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.standing().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(line: &Arc<WaitingLine>, address: &str) -> Place {
        line.join(address.parse().unwrap(), Waker::noop().clone())
    }

    #[test]
    fn one_more_than_there_are_places_costs_the_first_its_own() {
        let line = WaitingLine::of(2);
        let first = join(&line, "10.0.0.1");
        let second = join(&line, "10.0.0.1");
        assert!(!first.is_lost());
        let third = join(&line, "10.0.0.1");
        assert!(first.is_lost() && !second.is_lost() && !third.is_lost());
    }

    #[test]
    fn who_leaves_makes_room() {
        let line = WaitingLine::of(1);
        drop(join(&line, "10.0.0.1"));
        let second = join(&line, "10.0.0.1");
        assert!(!second.is_lost());
    }

    #[test]
    fn an_address_with_more_than_half_of_the_places_loses_its_own_and_not_those_of_others() {
        for many in ["10.0.0.9", "2001:db8::9"] {
            let line = WaitingLine::of(4);
            let first = join(&line, "10.0.0.1");
            let of_many: Vec<_> = (0..3).map(|_| join(&line, many)).collect();
            let second = join(&line, "2001:db8:1::1");
            assert!(!first.is_lost() && !second.is_lost());
            let lost: Vec<_> = of_many.iter().map(Place::is_lost).collect();
            assert_eq!(lost, [true, false, false]);
            // Two of four are no more than half.
            let _third = join(&line, "10.0.0.2");
            assert!(first.is_lost());
        }
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let line = WaitingLine::of(3);
        let first = join(&line, "10.0.0.1");
        let second = join(&line, "2001:db8::1");
        let _third = join(&line, "2001:db8::2");
        let _fourth = join(&line, "10.0.0.1");
        assert!(second.is_lost() && !first.is_lost());
    }

    #[test]
    fn room_is_made_only_where_one_waits() {
        let line = WaitingLine::of(9);
        assert!(!line.make_room());
        let place = join(&line, "10.0.0.1");
        assert!(line.make_room() && place.is_lost());
        assert!(!line.make_room());
    }
}
