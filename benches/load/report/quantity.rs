//! Figures as people read them.

use std::fmt;

use super::Unit;

/// A figure with its unit, to three digits.
#[derive(Clone, Copy)]
pub(crate) struct Quantity(pub(crate) f64, pub(crate) Unit);

impl Quantity {
    /// Without a point where nothing but zeros would follow it.
    pub(crate) fn plain(self) -> String {
        let text = self.to_string();
        let (number, unit) = text.split_at(text.find(' ').unwrap_or(text.len()));
        if !number.contains('.') {
            return text;
        }
        format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = *self;
        match unit {
            Unit::PerSecond => write!(f, "{}/s", Grouped(value)),
            Unit::Seconds => match value {
                value if value < 1e-6 => write!(f, "{} ns", Digits(value * 1e9)),
                value if value < 1e-3 => write!(f, "{} µs", Digits(value * 1e6)),
                value if value < 1.0 => write!(f, "{} ms", Digits(value * 1e3)),
                value => write!(f, "{} s", Digits(value)),
            },
            Unit::Bytes => write!(f, "{} MiB", Digits(value / f64::from(1 << 20))),
            Unit::Times if value >= 1_000.0 => Grouped(value).fmt(f),
            Unit::Times => Digits(value).fmt(f),
        }
    }
}

/// Three digits, or all that stand before the point.
struct Digits(f64);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after_point = match self.0.abs() {
            value if value >= 100.0 => 0,
            value if value >= 10.0 => 1,
            value if value >= 0.1 || value == 0.0 => 2,
            _ => 3,
        };
        write!(f, "{:.after_point$}", self.0)
    }
}

/// Whole, in groups of three.
struct Grouped(f64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 100.0 {
            return Digits(self.0).fmt(f);
        }
        let whole = format!("{:.0}", self.0);
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_that_fits_them() {
        let shown = |value, unit| Quantity(value, unit).to_string();
        assert_eq!(shown(0.000_001_234, Unit::Seconds), "1.23 µs");
        assert_eq!(shown(0.012_34, Unit::Seconds), "12.3 ms");
        assert_eq!(shown(2.0, Unit::Seconds), "2.00 s");
        assert_eq!(shown(1_234_567.8, Unit::PerSecond), "1,234,568/s");
        assert_eq!(shown(123.4, Unit::PerSecond), "123/s");
        assert_eq!(shown(12.34, Unit::PerSecond), "12.3/s");
        assert_eq!(shown(20_971_520.0, Unit::Bytes), "20.0 MiB");
        assert_eq!(shown(0.031, Unit::Times), "0.031");
        assert_eq!(shown(10_000_000.0, Unit::Times), "10,000,000");
    }

    #[test]
    fn a_plain_number_ends_with_its_last_digit() {
        let plain = |value| Quantity(value, Unit::Times).plain();
        assert_eq!([1.0, 64.0, 0.5, 600.0].map(plain), ["1", "64", "0.5", "600"]);
        assert_eq!(plain(1_000.0), "1,000");
        assert_eq!(Quantity(0.01, Unit::Seconds).plain(), "10 ms");
    }
}
