//! Limit of failed API keys per address (GCRA). A good key is never refused for the failures of others, which may come through the
//! same proxy: it is checked first, and only the answer to a failed one is limited.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The time for which one failure counts: 10 a second.
const INTERVAL: Duration = Duration::from_millis(100);

/// Failures that may come at once.
const BURST: u32 = 50;

/// Addresses that are remembered. Further ones share a limit until some of these are forgotten.
const MAX_ADDRESSES: usize = 4_096;

/// The pause between two searches for addresses to forget, each of which looks at all.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// The limit of one router. Clones share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailedKeys(Arc<Mutex<Failures>>);

#[derive(Debug, Default)]
struct Failures {
    /// When all failures of an address have been counted off.
    until: HashMap<IpAddr, Instant>,
    /// Of clients whose address is not known, or not remembered.
    others: Option<Instant>,
    forgot_at: Option<Instant>,
}

impl FailedKeys {
    /// Counts a failure; past the limit, returns the seconds to wait.
    pub(crate) fn count(&self, address: Option<IpAddr>, now: Instant) -> Option<u16> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = failures.of(address.map(network), now);
        let next = (*until).max(now) + INTERVAL;
        let wait = next.saturating_duration_since(now + INTERVAL * BURST);
        if wait.is_zero() {
            *until = next;
            return None;
        }
        Some(wait.as_millis().div_ceil(1_000).try_into().unwrap_or(1))
    }
}

impl Failures {
    /// When the failures of this address have been counted off.
    fn of(&mut self, address: Option<IpAddr>, now: Instant) -> &mut Instant {
        if self.until.len() >= MAX_ADDRESSES && self.forgot_at.is_none_or(|last| now >= last + FORGET_EVERY) {
            self.until.retain(|_, until| *until > now);
            self.forgot_at = Some(now);
        }
        let has_room = self.until.len() < MAX_ADDRESSES;
        match address.filter(|address| has_room || self.until.contains_key(address)) {
            Some(address) => self.until.entry(address).or_insert(now),
            None => self.others.get_or_insert(now),
        }
    }
}

/// The addresses of one client: IPv6 gives each a network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[allow(clippy::unnecessary_wraps, reason = "as it is counted")]
    fn v4(n: u32) -> Option<IpAddr> {
        Some(Ipv4Addr::from(n).into())
    }

    #[test]
    fn fifty_failures_come_at_once_and_then_ten_a_second() {
        let (keys, now) = (FailedKeys::default(), Instant::now());
        let passed = |now| (0..200).filter(|_| keys.count(v4(1), now).is_none()).count();
        assert_eq!(passed(now), 50);
        assert_eq!(keys.count(v4(1), now), Some(1));
        assert_eq!(passed(now + Duration::from_secs(1)), 10);
        assert_eq!(passed(now + Duration::from_mins(1)), 50);
        assert_eq!(keys.count(v4(2), now), None, "of another address");
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory_and_the_unremembered_share_a_limit() {
        let (keys, now) = (FailedKeys::default(), Instant::now());
        let passed = (0..100_000).filter(|n| keys.count(v4(*n), now).is_none()).count();
        assert_eq!(passed, MAX_ADDRESSES + 50);
        assert_eq!(keys.0.lock().unwrap().until.len(), MAX_ADDRESSES);
        // Later they are forgotten.
        assert_eq!(keys.count(v4(200_000), now + Duration::from_mins(1)), None);
        assert_eq!(keys.0.lock().unwrap().until.len(), 1);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_share_a_limit_and_a_mapped_one_is_ipv4() {
        let network_of = |text: &str| network(text.parse().unwrap());
        assert_eq!(network_of("2001:db8::1"), network_of("2001:db8::ffff:1:2:3"));
        assert_ne!(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"));
        assert_eq!(network_of("::ffff:192.0.2.1"), network_of("192.0.2.1"));
    }
}
