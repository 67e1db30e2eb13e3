//! What goes over one connection, and how it is sent: the same for the same number.

use std::ops::Range;

use super::{
    draft::Draft,
    faults,
    noise::{mutant, noise},
    smuggling::{Smuggled, smuggle},
};
use crate::program::Random;

/// The connection of one hostile client.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The kind, for the report.
    pub(crate) shape: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Requests that are in it, as they are meant.
    pub(crate) requests: usize,
    pub(crate) conduct: Conduct,
    pub(crate) expects: Expects,
}

#[derive(Clone, Debug)]
pub(crate) enum Conduct {
    AtOnce,
    /// In two pieces, with a moment in between.
    Pause(usize),
    /// A few bytes here, one at a time.
    Drip(Range<usize>),
    /// Says at the end that nothing more comes, and waits for the answers.
    HalfClose,
    /// Goes away after so many bytes.
    Leave(usize),
    /// The same with a reset.
    Reset(usize),
}

/// What must come back, beside answers that are each good in themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    /// One answer to each, and 200 to the last.
    Each,
    /// Whatever the server makes of it.
    Any,
    /// The same, and nothing hidden is carried out.
    NothingHidden,
}

impl Session {
    /// The one of this number. The token is one that was issued once.
    pub(crate) fn new(seed: u64, number: u64, token: &str) -> Self {
        let mut random = Random(Random(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)).next());
        let session = match random.below(100) {
            0..=39 => well_framed(&mut random, token),
            40..=64 => mutants(&mut random, token),
            65..=92 => smuggled(&mut random),
            _ => Self::of("noise", noise(&mut random), 1, Expects::Any),
        };
        session.conducted(&mut random)
    }

    fn of(shape: &'static str, bytes: Vec<u8>, requests: usize, expects: Expects) -> Self {
        Self {
            shape,
            bytes,
            requests,
            conduct: Conduct::AtOnce,
            expects,
        }
    }

    fn conducted(mut self, random: &mut Random) -> Self {
        if matches!(self.conduct, Conduct::Pause(_)) {
            return self;
        }
        let place = random.index(self.bytes.len() + 1);
        self.conduct = match random.below(60) {
            0 => Conduct::Drip(place..(place + random.index(40)).min(self.bytes.len())),
            1 | 2 => Conduct::Pause(place),
            3 | 4 => Conduct::HalfClose,
            5 | 6 => Conduct::Leave(place),
            7 | 8 => Conduct::Reset(place),
            _ => Conduct::AtOnce,
        };
        self
    }
}

/// A pipeline of good requests and of such with one fault each, up to one that may end it.
fn well_framed(random: &mut Random, token: &str) -> Session {
    let (mut bytes, mut requests, mut expects) = (Vec::new(), 0, Expects::Each);
    for _ in 0..=random.below(14) {
        let mut draft = Draft::good(random, token);
        if !random.once_in(3) {
            draft = faults::add(random, draft);
        }
        bytes.extend(draft.bytes());
        requests += 1;
        if !draft.keeps {
            expects = Expects::Any;
            break;
        }
    }
    bytes.extend(Draft::farewell().bytes());
    Session::of("well framed", bytes, requests + 1, expects)
}

/// Good requests, then one whose bytes were changed, then a good one.
fn mutants(random: &mut Random, token: &str) -> Session {
    let (mut bytes, count) = (Vec::new(), random.below(6));
    for _ in 0..count {
        bytes.extend(Draft::good(random, token).bytes());
    }
    let draft = Draft::good(random, token);
    bytes.extend(mutant(random, &draft));
    bytes.extend(Draft::farewell().bytes());
    let requests = usize::try_from(count).unwrap() + 2;
    Session::of("mutant", bytes, requests, Expects::Any)
}

fn smuggled(random: &mut Random) -> Session {
    let before = if random.once_in(4) {
        Draft::new("GET", "/healthz").bytes()
    } else {
        Vec::new()
    };
    let Smuggled { shape, bytes, pause } = smuggle(random);
    let pause = pause.map(|at| before.len() + at);
    let requests = 2 + usize::from(!before.is_empty());
    let bytes = [before, bytes, Draft::farewell().bytes()].concat();
    let mut session = Session::of(shape, bytes, requests, Expects::NothingHidden);
    if let Some(at) = pause {
        session.conduct = Conduct::Pause(at);
    }
    session
}
