//! One file of the modelled disk: what of it is certain, and what it may be.

use std::{collections::HashMap, ops::Range};

use crate::{
    fate::{Fate, SECTOR_BYTES},
    steps::{Action, Recording},
};

/// A file, as long as anything stands for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    synced: Vec<u8>,
    /// The steps that are not synced.
    pub(crate) pending: Vec<usize>,
    /// Something was written to it unseen.
    pub(crate) mapped: bool,
}

impl File {
    /// Makes certain what was done.
    pub(crate) fn sync(&mut self, recording: &Recording, done: impl Fn(&usize) -> bool) {
        // What lies under a later write that is certain cannot come back.
        let range = |step: usize| Change::of(recording, step).map_or(0..0, |change| change.range(usize::MAX));
        let is_under = |at: usize, step: usize| {
            let below = range(step);
            self.pending
                .iter()
                .skip(at + 1)
                .filter(|later| done(later))
                .any(|later| range(*later).start < below.end && below.start < range(*later).end)
        };
        let certain: Vec<bool> = self
            .pending
            .iter()
            .enumerate()
            .map(|(at, step)| done(step) || is_under(at, *step))
            .collect();
        let mut pending = Vec::new();
        for (step, certain) in std::mem::take(&mut self.pending).into_iter().zip(certain) {
            let Some(change) = Change::of(recording, step).filter(|_| certain) else {
                pending.push(step);
                continue;
            };
            self.synced.resize(change.length(self.synced.len()), 0);
            let all = 0..self.synced.len();
            change.apply(&mut self.synced, all);
        }
        self.pending = pending;
    }

    /// What is in it after a power cut now.
    pub(crate) fn content(&self, recording: &Recording, file: usize, fate: &Fate) -> Vec<u8> {
        if self.pending.is_empty() && !self.mapped {
            return self.synced.clone();
        }
        let changes: Vec<(usize, Change<'_>)> = self
            .pending
            .iter()
            .filter_map(|step| Some((*step, Change::of(recording, *step)?)))
            .collect();
        let mut lengths = Vec::with_capacity(changes.len());
        let (mut length, mut longest) = (self.synced.len(), self.synced.len());
        for (step, change) in &changes {
            length = change.length(length);
            longest = longest.max(length);
            lengths.push((*step, length));
        }
        // The last step of each sector that is there: what came before it lies under it.
        let mut kept: HashMap<usize, usize> = HashMap::new();
        for (step, change) in &changes {
            let sectors = change.sectors(longest);
            for sector in sectors.clone() {
                if fate.keeps(*step, sector, sectors.start, sectors.len()) {
                    kept.insert(sector, *step);
                }
            }
        }
        let mut content = self.synced.clone();
        content.extend((content.len()..longest).map(|at| fate.unwritten(at)));
        for (step, change) in &changes {
            for sector in change.sectors(longest) {
                if kept.get(&sector).is_some_and(|last| last >= step) {
                    change.apply(&mut content, sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES);
                }
            }
        }
        content.truncate(fate.length(file, self.synced.len(), &lengths));
        if self.mapped {
            content
                .iter_mut()
                .enumerate()
                .for_each(|(at, byte)| *byte = fate.noise(at));
        }
        content
    }
}

/// What a step does to a file.
enum Change<'a> {
    Write(usize, &'a [u8]),
    Resize(usize),
}

impl<'a> Change<'a> {
    fn of(recording: &'a Recording, step: usize) -> Option<Self> {
        match &recording.steps.get(step)?.action {
            Action::Write { at, data, .. } => Some(Self::Write(*at, data)),
            Action::Resize { bytes, .. } => Some(Self::Resize(*bytes)),
            _ => None,
        }
    }

    /// How long the file is afterwards.
    fn length(&self, before: usize) -> usize {
        match self {
            Self::Write(at, data) => before.max(at + data.len()),
            Self::Resize(bytes) => *bytes,
        }
    }

    /// The bytes that are others afterwards, in a file that had at most `bytes`.
    fn range(&self, bytes: usize) -> Range<usize> {
        match self {
            Self::Write(at, data) => *at..at + data.len(),
            Self::Resize(to) => *to..bytes.max(*to),
        }
    }

    /// The sectors of them.
    fn sectors(&self, bytes: usize) -> Range<usize> {
        let range = self.range(bytes);
        range.start / SECTOR_BYTES..range.end.div_ceil(SECTOR_BYTES)
    }

    /// Does it to all bytes of `within`, which are in `content`.
    fn apply(&self, content: &mut [u8], within: Range<usize>) {
        let range = self.range(content.len());
        let (start, end) = (range.start.max(within.start), range.end.min(within.end));
        let Some(target) = content.get_mut(start..end.max(start)) else {
            return;
        };
        match self {
            Self::Write(at, data) => {
                if let Some(source) = data.get(start - at..).and_then(|data| data.get(..target.len())) {
                    target.copy_from_slice(source);
                }
            }
            Self::Resize(_) => target.fill(0),
        }
    }
}
