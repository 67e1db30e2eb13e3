//! What each round gave for each of the things that were measured side by side.

use std::collections::HashMap;

use super::Spread;

/// Values by name, one a round: a ratio is taken within a round, so that both its sides were measured at about the same
/// time.
#[derive(Default)]
pub(crate) struct Rounds(HashMap<String, Vec<f64>>);

impl Rounds {
    /// Notes what this round gave.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64) {
        self.0.entry(name.into()).or_default().push(value);
    }

    pub(crate) fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.0.get(name)?.iter().copied())
    }

    /// `of` divided by `to`, round by round. `None` where one of them is missing from a round.
    pub(crate) fn ratio(&self, of: &str, to: &str) -> Option<Spread> {
        let (of, to) = (self.0.get(of)?, self.0.get(to)?);
        if of.len() != to.len() {
            return None;
        }
        Spread::of(of.iter().zip(to).map(|(of, to)| of / to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_a_round() {
        let mut rounds = Rounds::default();
        // The machine slows down tenfold; the ratio does not.
        for (ours, floor) in [(10.0, 5.0), (1.0, 0.5), (100.0, 50.0)] {
            rounds.note("ours", ours);
            rounds.note("floor", floor);
        }
        assert_eq!(rounds.ratio("ours", "floor"), Some(Spread::once(2.0)));
    }

    #[test]
    fn there_is_no_ratio_to_what_was_not_measured_in_every_round() {
        let mut rounds = Rounds::default();
        rounds.note("ours", 1.0);
        rounds.note("ours", 1.0);
        rounds.note("floor", 1.0);
        assert_eq!(rounds.ratio("ours", "floor"), None);
        assert_eq!(rounds.ratio("ours", "peer"), None);
    }
}
