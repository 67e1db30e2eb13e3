//! What becomes of that which was not synced when the power failed.

/// Bytes that a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// Which of what was not synced is there afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Nothing of it.
    Nothing,
    /// All of it.
    Everything,
    /// The names alone: files that were not synced are empty.
    Names,
    /// What is in files alone: names are as they were when their folder was synced.
    Contents,
    /// What came first, the last of it torn between two sectors.
    First,
    /// What came last, and not what came before it.
    Last,
    /// Some writes, names and lengths, each whole or not at all.
    Some,
    /// Some sectors, names and lengths.
    Sectors,
    /// The same; and where a file is longer than what was written, there is noise instead of zeros.
    Noise,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Everything,
        Self::Names,
        Self::Contents,
        Self::First,
        Self::Last,
        Self::Some,
        Self::Sectors,
        Self::Noise,
    ];
}

/// What becomes of each step: a kind, and what chance has it that leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    kind: Kind,
    salt: u64,
    /// The step at which what is there ends or begins.
    turn: usize,
}

impl Fate {
    /// For these steps, which were not synced; in the order in which they began.
    pub fn new(kind: Kind, salt: u64, pending: &[usize]) -> Self {
        let fate = Self { kind, salt, turn: 0 };
        let among = u64::try_from(pending.len()).unwrap_or(u64::MAX).max(1);
        let index = usize::try_from(fate.chance(0, 0) % among).unwrap_or_default();
        Self {
            turn: pending.get(index).copied().unwrap_or_default(),
            ..fate
        }
    }

    /// Whether this sector of what a step wrote is there; the step wrote `sectors` of them, from `first` on.
    pub fn keeps(&self, step: usize, sector: usize, first: usize, sectors: usize) -> bool {
        match self.kind {
            Kind::Nothing | Kind::Names => false,
            Kind::Everything | Kind::Contents => true,
            Kind::First if step == self.turn => sector < first + self.below(step, sectors + 1),
            Kind::First => step < self.turn,
            Kind::Last => step >= self.turn,
            Kind::Some => self.coin(step, 0),
            Kind::Sectors | Kind::Noise => self.coin(step, sector + 1),
        }
    }

    /// Whether the change of a name is there.
    pub fn keeps_name(&self, step: usize) -> bool {
        match self.kind {
            Kind::Nothing | Kind::Contents => false,
            Kind::Everything | Kind::Names => true,
            Kind::First => step < self.turn || step == self.turn && self.coin(step, 0),
            Kind::Last => step >= self.turn,
            Kind::Some | Kind::Sectors | Kind::Noise => self.coin(step, 0),
        }
    }

    /// Which of the lengths that a file had is there: the synced one, or the one after one of these steps.
    pub fn length(&self, file: usize, synced: usize, after: &[(usize, usize)]) -> usize {
        let last = after.last().map_or(synced, |(_, bytes)| *bytes);
        match self.kind {
            Kind::Nothing | Kind::Names => synced,
            Kind::Everything | Kind::Contents | Kind::Last => last,
            Kind::First => after
                .iter()
                .take_while(|(step, _)| *step < self.turn || *step == self.turn && self.coin(*step, 0))
                .last()
                .map_or(synced, |(_, bytes)| *bytes),
            // Half of the time as long as it was last, or what was written in front of the end would seldom be seen.
            Kind::Some | Kind::Sectors | Kind::Noise if self.coin(file, usize::MAX) => last,
            Kind::Some | Kind::Sectors | Kind::Noise => {
                let index = self.below(file, after.len() + 1);
                after.get(index).map_or(synced, |(_, bytes)| *bytes)
            }
        }
    }

    /// What a byte is that nothing was written to.
    pub fn unwritten(&self, at: usize) -> u8 {
        if self.kind == Kind::Noise {
            self.noise(at)
        } else {
            0
        }
    }

    /// A byte of which nothing is known.
    pub fn noise(&self, at: usize) -> u8 {
        let [byte, ..] = self.chance(at, usize::MAX).to_le_bytes();
        byte
    }

    fn coin(&self, step: usize, which: usize) -> bool {
        self.chance(step, which).is_multiple_of(2)
    }

    fn below(&self, step: usize, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.chance(step, usize::MAX - 1) % bound).unwrap_or_default()
    }

    /// The same number for the same question, so that an image is the same however it is made.
    fn chance(&self, step: usize, which: usize) -> u64 {
        let mix = |number: u64| {
            let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            number ^ (number >> 31)
        };
        // SplitMix64, with a step for each part of the question.
        [step as u64, which as u64]
            .into_iter()
            .fold(mix(self.salt), |sum, part| {
                mix(sum.wrapping_add(0x9e37_79b9_7f4a_7c15) ^ part)
            })
    }
}
