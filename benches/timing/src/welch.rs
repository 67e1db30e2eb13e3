//! Welch's t-test over two streams of numbers.

/// Mean and variance of a stream, in one pass (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let away = value - self.mean;
        self.mean += away / self.count;
        self.squares += away * (value - self.mean);
    }

    /// Of the mean, from the unbiased variance.
    fn squared_error(&self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// One of the two classes that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    First,
    Last,
}

/// Whether two streams have the same mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Welch {
    first: Moments,
    last: Moments,
}

impl Welch {
    pub(crate) fn add(&mut self, class: Class, value: f64) {
        match class {
            Class::First => self.first.add(value),
            Class::Last => self.last.add(value),
        }
    }

    pub(crate) fn mean(&self, class: Class) -> f64 {
        match class {
            Class::First => self.first.mean,
            Class::Last => self.last.mean,
        }
    }

    /// Values of the class that has fewer.
    pub(crate) fn count(&self) -> f64 {
        self.first.count.min(self.last.count)
    }

    /// The difference of the means in units of its standard error; `None` where either class has fewer than two values, or
    /// neither has any spread.
    pub(crate) fn t(&self) -> Option<f64> {
        let error = (self.first.squared_error() + self.last.squared_error()).sqrt();
        let t = (self.first.mean - self.last.mean) / error;
        (self.count() >= 2.0 && t.is_finite()).then_some(t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(first: &[f64], last: &[f64]) -> Welch {
        let mut welch = Welch::default();
        for (class, values) in [(Class::First, first), (Class::Last, last)] {
            for value in values {
                welch.add(class, *value);
            }
        }
        welch
    }

    #[test]
    fn it_agrees_with_a_published_example() {
        // The first example of Wikipedia's article on Welch's t-test, where t is -2.46.
        let a1 = [
            27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4,
        ];
        let a2 = [
            27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4,
        ];
        let t = of(&a1, &a2).t().unwrap();
        assert!((t + 2.46).abs() < 0.005, "{t}");
    }

    #[test]
    fn it_agrees_with_arithmetic_by_hand() {
        // Means 2 and 5, variances 1 and 4: -3 over the root of 1/3 + 4/3.
        let t = of(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]).t().unwrap();
        assert!((t + 3.0 / (5.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{t}");
    }

    #[test]
    fn swapping_the_classes_turns_the_sign() {
        let (one, other) = ([1.0, 2.0, 4.0], [2.0, 3.0, 9.0]);
        let there = of(&one, &other).t().unwrap();
        let back = of(&other, &one).t().unwrap();
        assert!((there + back).abs() < 1e-12);
    }

    #[test]
    fn a_large_offset_loses_no_digits() {
        let far: Vec<f64> = [1.0, 2.0, 3.0].iter().map(|value| value + 1e9).collect();
        let away: Vec<f64> = [3.0, 5.0, 7.0].iter().map(|value| value + 1e9).collect();
        let near = of(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]).t().unwrap();
        let t = of(&far, &away).t().unwrap();
        assert!((t - near).abs() < 1e-6, "{t} {near}");
    }

    #[test]
    fn too_few_values_say_nothing() {
        assert_eq!(of(&[1.0], &[2.0, 3.0]).t(), None);
        assert_eq!(of(&[], &[]).t(), None);
        assert_eq!(of(&[1.0, 1.0], &[1.0, 1.0]).t(), None);
    }
}
