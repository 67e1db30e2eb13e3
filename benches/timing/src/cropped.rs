//! The statistic of dudect (Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", 2017): the largest of many
//! t-tests, over all times and over those below each of a hundred thresholds, because what disturbs a measurement makes it
//! longer, and hides a small difference.

use crate::welch::{Class, Welch};

/// Thresholds, from the median's neighbourhood on into the tail.
const CROPS: i32 = 100;

/// A test over fewer values than this says nothing yet, as in dudect.
const ENOUGH: f64 = 10_000.0;

/// Tests that grow with each batch.
#[derive(Debug)]
pub(crate) struct Cropped {
    /// In rising order, each with its test.
    below: Vec<(f64, Welch)>,
    all: Welch,
    /// Over the squared distances from the mean: a difference of spread.
    spread: Welch,
}

impl Cropped {
    /// The thresholds come from these times, which are not counted: they warm everything up.
    pub(crate) fn new(times: &[f64]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        let below = (1..=CROPS).map(|crop| {
            let share = 1.0 - 0.5_f64.powf(10.0 * f64::from(crop) / f64::from(CROPS));
            (percentile(&sorted, share), Welch::default())
        });
        Self {
            below: below.collect(),
            all: Welch::default(),
            spread: Welch::default(),
        }
    }

    pub(crate) fn add(&mut self, class: Class, time: f64) {
        self.all.add(class, time);
        // From the longest down, until one is too short.
        for (threshold, welch) in self.below.iter_mut().rev() {
            if time >= *threshold {
                break;
            }
            welch.add(class, time);
        }
        if self.all.count() > ENOUGH {
            let away = time - self.all.mean(class);
            self.spread.add(class, away * away);
        }
    }

    /// The t that is furthest from zero; 0 while there are too few values.
    pub(crate) fn t(&self) -> f64 {
        let tests = self.below.iter().map(|(_, welch)| welch);
        tests
            .chain([&self.all, &self.spread])
            .filter(|welch| welch.count() > ENOUGH)
            .filter_map(Welch::t)
            .fold(
                0.0,
                |furthest: f64, t| if t.abs() > furthest.abs() { t } else { furthest },
            )
    }

    /// The difference of the means of all times below the middle threshold, which is what an attacker would look for.
    pub(crate) fn difference(&self) -> f64 {
        let (_, welch) = self.below[self.below.len() / 2];
        welch.mean(Class::Last) - welch.mean(Class::First)
    }
}

/// The value below which this share lies.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in the list"
    )]
    let place = (share * sorted.len() as f64) as usize;
    sorted[place.min(sorted.len() - 1)]
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    /// Times with a long tail, the second class longer by this.
    fn of(samples: u32, longer: f64, wider: f64) -> Cropped {
        let mut random = StdRng::seed_from_u64(7);
        let mut time = |class| {
            let noise: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
            let tail = if random.random_range(0..50) == 0 {
                random.random::<f64>() * 1e5
            } else {
                0.0
            };
            match class {
                Class::First => 1_000.0 + 20.0 * noise + tail,
                Class::Last => 1_000.0 + longer + (20.0 + wider) * noise + tail,
            }
        };
        let warm: Vec<f64> = (0..10_000).map(|_| time(Class::First)).collect();
        let mut cropped = Cropped::new(&warm);
        for n in 0..samples {
            let class = if n % 2 == 0 { Class::First } else { Class::Last };
            cropped.add(class, time(class));
        }
        cropped
    }

    #[test]
    fn the_same_distribution_twice_stays_below_five() {
        let t = of(400_000, 0.0, 0.0).t();
        assert!(t.abs() < 5.0, "{t}");
    }

    #[test]
    fn a_difference_that_the_tail_would_hide_is_found() {
        let cropped = of(400_000, 1.0, 0.0);
        assert!(
            cropped.all.t().unwrap().abs() < 5.0,
            "hidden: {:?}",
            cropped.all.t()
        );
        assert!(cropped.t() < -10.0, "{}", cropped.t());
        assert!(
            (cropped.difference() - 1.0).abs() < 0.5,
            "{}",
            cropped.difference()
        );
    }

    #[test]
    fn a_difference_of_spread_alone_is_found() {
        let t = of(400_000, 0.0, 3.0).t();
        assert!(t.abs() > 10.0, "{t}");
    }

    #[test]
    fn few_values_say_nothing() {
        assert!(of(20_000, 500.0, 0.0).t().abs() < f64::EPSILON);
    }

    #[test]
    fn a_percentile_is_a_place_in_the_list() {
        let sorted = [1.0, 2.0, 3.0, 4.0];
        assert!((percentile(&sorted, 0.5) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&sorted, 1.0) - 4.0).abs() < f64::EPSILON);
    }
}
