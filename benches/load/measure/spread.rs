//! What several rounds gave, as a median and its middle half.

use serde::{Deserialize, Serialize};

/// The quartiles of what the rounds gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Spread {
    /// `None` of no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            lower: *values.get(values.len() / 4)?,
            median: *values.get(values.len() / 2)?,
            upper: *values.get(values.len() * 3 / 4)?,
        })
    }

    /// What was measured once.
    pub(crate) const fn once(value: f64) -> Self {
        Self {
            lower: value,
            median: value,
            upper: value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_the_middle_half_whatever_the_order_of_the_rounds() {
        let spread = Spread::of([9.0, 1.0, 5.0, 3.0, 7.0, 2.0, 4.0, 8.0, 6.0]).unwrap();
        assert_eq!(
            spread,
            Spread {
                lower: 3.0,
                median: 5.0,
                upper: 7.0
            }
        );
    }

    #[test]
    fn one_round_has_no_spread_and_none_has_nothing() {
        assert_eq!(Spread::of([2.5]), Some(Spread::once(2.5)));
        assert_eq!(Spread::of([]), None);
    }
}
