//! Whether what compares secrets takes the same time wherever they differ: dudect's test, over the public calls.
//!
//! `cargo run --release -p issuer-timing -- 10000000` measures so many samples of each subject, a million by default. It fails
//! where the control, a comparison that stops early, is not found; and, from five million samples on, where anything else is.

mod cropped;
mod subjects;
mod welch;

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use cropped::Cropped;
use rand::RngExt as _;
use subjects::{Expects, Subject};
use welch::Class;

/// Samples between two looks at the statistics.
const BATCH: usize = 100_000;

const DEFAULT_SAMPLES: usize = 1_000_000;

/// From here on a difference is no accident of a busy machine.
const ENOUGH_SAMPLES: usize = 5_000_000;

/// Beyond this, two classes differ (dudect's own is 4.5 for a doubt, 10 for certainty).
const DIFFERS: f64 = 5.0;

/// The control must be beyond any doubt.
const LEAKS: f64 = 10.0;

fn main() -> ExitCode {
    let samples = std::env::args()
        .nth(1)
        .map_or(Some(DEFAULT_SAMPLES), |samples| samples.parse().ok());
    let Some(samples) = samples else {
        eprintln!("usage: issuer-timing [SAMPLES]");
        return ExitCode::from(2);
    };
    let mut is_well = true;
    for subject in subjects::all() {
        let start = Instant::now();
        let measured = measure(&subject, samples);
        let t = measured.t();
        let verdict = verdict(subject.expects, t, samples);
        is_well &= verdict != Verdict::Wrong;
        println!(
            "{}: {} samples, t = {t:.2}, {:+.2} ns, {verdict:?} ({:.0} s; {})",
            subject.name,
            samples,
            measured.difference(),
            start.elapsed().as_secs_f64(),
            subject.classes
        );
    }
    if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    AsExpected,
    /// Too few samples to tell.
    Doubtful,
    Wrong,
}

fn verdict(expects: Expects, t: f64, samples: usize) -> Verdict {
    let is_expected = match expects {
        Expects::Leak => t.abs() > LEAKS,
        Expects::Constant => t.abs() < DIFFERS,
    };
    match expects {
        _ if is_expected => Verdict::AsExpected,
        Expects::Constant if samples < ENOUGH_SAMPLES => Verdict::Doubtful,
        _ => Verdict::Wrong,
    }
}

/// So many samples, the class of each drawn by lot.
fn measure(subject: &Subject, samples: usize) -> Cropped {
    let mut input = String::with_capacity(1_024);
    let mut batch = batch(subject, &mut input);
    let times: Vec<f64> = batch.drain(..).map(|(_, time)| time).collect();
    let mut cropped = Cropped::new(&times);
    for _ in 0..samples.div_ceil(BATCH) {
        for (class, time) in self::batch(subject, &mut input) {
            cropped.add(class, time);
        }
    }
    cropped
}

fn batch(subject: &Subject, input: &mut String) -> Vec<(Class, f64)> {
    let mut random = rand::rng();
    // Laid out one behind the other before anything is measured, so that neither class has a better place in memory.
    let mut texts = String::new();
    let drawn: Vec<(Class, usize)> = (0..BATCH)
        .map(|_| {
            let (class, inputs) = if random.random() {
                (Class::First, &subject.first)
            } else {
                (Class::Last, &subject.last)
            };
            texts.push_str(&inputs[random.random_range(0..inputs.len())]);
            (class, texts.len())
        })
        .collect();
    let mut start = 0;
    let times = drawn.into_iter().map(|(class, end)| {
        // Always at the same place.
        input.clear();
        input.push_str(&texts[start..end]);
        start = end;
        (class, nanoseconds(time(subject, input)))
    });
    times.collect()
}

fn time(subject: &Subject, input: &str) -> Duration {
    let start = Instant::now();
    let is_good = (subject.is_good)(black_box(input));
    let time = start.elapsed();
    assert!(!black_box(is_good), "{} took a wrong secret", subject.name);
    time
}

fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_input_is_good_and_the_classes_differ() {
        for subject in subjects::all() {
            for text in subject.first.iter().chain(&subject.last) {
                assert!(!(subject.is_good)(text), "{}: {text}", subject.name);
            }
            let lengths = |texts: &[String]| texts.iter().map(String::len).collect::<Vec<_>>();
            assert_eq!(
                lengths(&subject.first),
                lengths(&subject.last),
                "{}",
                subject.name
            );
        }
    }

    #[test]
    fn a_control_that_is_not_found_and_a_difference_that_is_are_both_wrong() {
        assert_eq!(verdict(Expects::Leak, 9.0, 10_000_000), Verdict::Wrong);
        assert_eq!(verdict(Expects::Leak, -11.0, 100), Verdict::AsExpected);
        assert_eq!(verdict(Expects::Constant, -4.9, 10_000_000), Verdict::AsExpected);
        assert_eq!(verdict(Expects::Constant, 5.1, 10_000_000), Verdict::Wrong);
        assert_eq!(verdict(Expects::Constant, 5.1, 100), Verdict::Doubtful);
    }
}
