//! Whether the explorer came across what it must not miss.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How often what must not be missed was come across.
#[derive(Debug, Default)]
pub struct Witnesses {
    pub replays: AtomicUsize,
    pub lost_races: AtomicUsize,
    pub crashes_after_apply: AtomicUsize,
    pub refusals: AtomicUsize,
    pub revocations: AtomicUsize,
    pub tokens_under_an_expired_key: AtomicUsize,
}

impl Witnesses {
    pub fn all(&self) -> [usize; 6] {
        [
            &self.replays,
            &self.lost_races,
            &self.crashes_after_apply,
            &self.refusals,
            &self.revocations,
            &self.tokens_under_an_expired_key,
        ]
        .map(|count| count.load(Ordering::Relaxed))
    }
}

pub fn count(witness: &AtomicUsize) {
    witness.fetch_add(1, Ordering::Relaxed);
}
