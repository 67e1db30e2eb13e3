//! Many random sequences of steps, and of one that shows a difference the shortest.

use std::{
    env, fmt,
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    time::Instant,
};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use super::{difference, step::steps};
use crate::{Subject, crash::Random};

/// The most steps of a sequence.
const STEPS: usize = 40;

/// Random sequences of steps, each on a fresh store and on the reference.
///
/// [`sequence_suite!`](crate::sequence_suite!) makes a test of it.
#[derive(Clone, Debug)]
pub struct Sequences {
    count: u32,
    seed: u64,
}

/// A sequence on which a store and the reference differ.
#[derive(Debug)]
pub struct Difference {
    seed: u64,
    /// The shortest that was found.
    steps: Vec<super::Step>,
    what: String,
}

impl Sequences {
    /// 20 sequences, or as many as `ISSUER_SEQUENCES` says, of a seed that is another every time, or that of
    /// `ISSUER_TEST_SEED`.
    pub fn of_environment() -> Self {
        Self {
            count: number_of("ISSUER_SEQUENCES").unwrap_or(20),
            seed: number_of("ISSUER_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(())),
        }
    }

    /// Those of this seed, whatever the environment says.
    pub const fn of_seed(seed: u64, count: u32) -> Self {
        Self { count, seed }
    }

    /// Carries all of them out. Where a store and the reference differ, steps are left out and made simpler as long as
    /// they still do.
    ///
    /// # Errors
    /// The shortest sequence on which they differ.
    pub fn run<S: Into<Subject>>(&self, fresh: impl Fn() -> S) -> Result<(), Difference> {
        let config = Config {
            cases: self.count,
            failure_persistence: None,
            ..Config::default()
        };
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &Random::new(self.seed).bytes::<32>());
        let ran = TestRunner::new_with_rng(config, random).run(&steps(STEPS), |steps| {
            let subject: Subject = fresh().into();
            difference(subject.store(), &steps).map_or(Ok(()), |what| Err(TestCaseError::fail(what)))
        });
        ran.map_err(|error| {
            let (what, steps) = match error {
                TestError::Fail(what, steps) => (what.to_string(), steps),
                TestError::Abort(what) => (what.to_string(), Vec::new()),
            };
            Difference {
                seed: self.seed,
                steps,
                what,
            }
        })
    }
}

impl Difference {
    /// The shortest sequence that was found.
    pub fn steps(&self) -> &[super::Step] {
        &self.steps
    }
}

/// What [`sequence_suite!`](crate::sequence_suite!) makes a test of.
///
/// # Panics
/// Where a store and the reference differ.
pub fn sequences_agree<S: Into<Subject>>(fresh: impl Fn() -> S) {
    let sequences = Sequences::of_environment();
    let started = Instant::now();
    if let Err(difference) = sequences.run(fresh) {
        panic!("{difference}");
    }
    // Said in any case: the harness hides what a test that passes prints.
    let _ = writeln!(
        io::stderr(),
        "sequences: {} of up to {STEPS} steps, seed {}, {:.1?}",
        sequences.count,
        sequences.seed,
        started.elapsed()
    );
}

/// Makes a test of random sequences: `sequence_suite!(factory)`, with the factory of [`suite!`](crate::suite!), called
/// once a sequence.
#[macro_export]
macro_rules! sequence_suite {
    ($fresh:expr $(,)?) => {
        #[test]
        fn random_sequences_leave_what_they_leave_in_the_reference() {
            $crate::agreement::sequences_agree($fresh);
        }
    };
}

fn number_of<N: std::str::FromStr>(variable: &str) -> Option<N> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} must be a number, and is {text:?}")))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {}\nthe shortest sequence that shows it: {:#?}",
            self.seed, self.what, self.steps
        )
    }
}

impl std::error::Error for Difference {}
