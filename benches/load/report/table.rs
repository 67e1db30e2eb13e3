//! The report as Markdown.

use std::fmt;

use super::{Budget, Quantity, Report, Section, Unit};
use crate::measure::Spread;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Machine: {}.", self.machine)?;
        writeln!(
            f,
            "Command: `load {}`, {} s.",
            self.arguments.join(" "),
            self.seconds
        )?;
        for section in &self.sections {
            write!(f, "\n{section}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "| work | measured | ratio | | budget | kept |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for line in &self.lines {
            let mut work = line.work.as_str();
            let mut measured = Ranged(line.measured, line.unit).to_string();
            if line.budget.is_some() || line.beside.is_empty() {
                let (budget, kept) = judged(line.budget, line.measured.median, line.unit);
                writeln!(f, "| {work} | {measured} | | | {budget} | {kept} |")?;
                work = "";
                measured.clear();
            }
            for beside in &line.beside {
                let (budget, kept) = judged(beside.budget, beside.ratio.median, Unit::Times);
                let ratio = Ranged(beside.ratio, Unit::Times);
                writeln!(
                    f,
                    "| {work} | {measured} | {} | {ratio} | {budget} | {kept} |",
                    beside.ratio_of
                )?;
                work = "";
                measured.clear();
            }
        }
        if !self.notes.is_empty() {
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "- {note}")?;
        }
        Ok(())
    }
}

fn judged(budget: Option<Budget>, value: f64, unit: Unit) -> (String, &'static str) {
    let Some(budget) = budget else {
        return (String::new(), "");
    };
    let text = match budget {
        Budget::AtMost(most) => format!("at most {}", Quantity(most, unit)),
        Budget::AtLeast(least) => format!("at least {}", Quantity(least, unit)),
    };
    (text, if budget.is_kept_by(value) { "yes" } else { "**no**" })
}

/// A median with its middle half, where it has one.
struct Ranged(Spread, Unit);

impl fmt::Display for Ranged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(spread, unit) = *self;
        let [lower, median, upper] =
            [spread.lower, spread.median, spread.upper].map(|value| Quantity(value, unit));
        write!(f, "{median}")?;
        if spread.lower < spread.upper {
            write!(f, " [{lower} to {upper}]")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(lower: f64, median: f64, upper: f64) -> Spread {
        Spread { lower, median, upper }
    }

    fn rows(section: &Section) -> Vec<String> {
        section.to_string().lines().skip(4).map(str::to_owned).collect()
    }

    #[test]
    fn a_line_shows_its_figure_once_and_each_ratio_with_its_budget() {
        let mut section = Section::new("Issue");
        let line = section
            .line("issue", Unit::PerSecond, Some(spread(900.0, 1_000.0, 1_100.0)))
            .unwrap();
        line.beside(
            "to mutex",
            Some(spread(7.0, 9.0, 10.0)),
            Some(Budget::AtLeast(8.0)),
        );
        line.beside("to floor", Some(spread(3.0, 3.0, 3.0)), Some(Budget::AtMost(2.0)));
        assert_eq!(
            rows(&section),
            [
                "| issue | 1,000/s [900/s to 1,100/s] | to mutex | 9.00 [7.00 to 10.0] | at least 8.00 | yes |",
                "|  |  | to floor | 3.00 | at most 2.00 | **no** |",
            ]
        );
    }

    #[test]
    fn a_figure_with_a_budget_of_its_own_has_a_row_of_its_own() {
        let mut section = Section::new("Start");
        let line = section
            .line("open", Unit::Seconds, Some(spread(0.2, 0.2, 0.2)))
            .unwrap();
        line.budget = Some(Budget::AtMost(0.1));
        assert_eq!(
            rows(&section),
            ["| open | 200 ms | | | at most 100 ms | **no** |"]
        );
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        let mut section = Section::new("Start");
        assert!(section.line("open", Unit::Seconds, None).is_none());
        let line = section
            .line("issue", Unit::Times, Some(spread(1.0, 1.0, 1.0)))
            .unwrap();
        line.beside("to nothing", None, None);
        assert_eq!(rows(&section).len(), 1);
    }

    #[test]
    fn a_budget_is_kept_up_to_its_very_figure() {
        assert!(Budget::AtMost(1.5).is_kept_by(1.5));
        assert!(!Budget::AtMost(1.5).is_kept_by(1.501));
        assert!(Budget::AtLeast(0.5).is_kept_by(0.5));
        assert!(!Budget::AtLeast(0.5).is_kept_by(0.499));
        assert!(!Budget::AtMost(1.5).is_kept_by(f64::NAN));
    }
}
