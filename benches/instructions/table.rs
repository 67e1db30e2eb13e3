//! The counts of all rows: checked in, and compared.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    count::Count,
    rows::{BARE, BARE_BLOCKS},
};

/// By how much a count may grow unseen, in percent.
const ALLOWED: u64 = 5;

/// What is checked in for one row.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Row {
    /// Instructions of a call, without those of the hash function.
    instructions: u64,
    /// Blocks of SHA-256.
    blocks: u64,
}

#[derive(Default)]
pub(crate) struct Counted(BTreeMap<&'static str, Count>);

/// By name.
#[derive(Serialize, Deserialize)]
pub(crate) struct Table(BTreeMap<String, Row>);

impl Counted {
    pub(crate) fn put(&mut self, name: &'static str, count: Count) {
        self.0.insert(name, count);
    }

    /// Each block costs the same, so that the bare MAC, whose blocks are known, tells how many there are.
    pub(crate) fn in_blocks(&self) -> Table {
        let bare = self.0[BARE].hash;
        let row = |(name, count): (&&str, &Count)| {
            let blocks = (count.hash * BARE_BLOCKS + bare / 2) / bare;
            let row = Row {
                instructions: count.rest,
                blocks,
            };
            ((*name).to_owned(), row)
        };
        Table(self.0.iter().map(row).collect())
    }
}

impl Table {
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// A line for each row that costs more than it did, or that only one side knows.
    pub(crate) fn beyond(&self, before: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, now) in &self.0 {
            let Some(then) = before.0.get(name) else {
                lines.push(format!("{name}: not in counts.toml"));
                continue;
            };
            if now.instructions * 100 > then.instructions * (100 + ALLOWED) {
                lines.push(format!(
                    "{name}: {} instructions instead of {}, more than {ALLOWED} % above",
                    now.instructions, then.instructions
                ));
            }
            if now.blocks > then.blocks {
                lines.push(format!(
                    "{name}: {} blocks of SHA-256 instead of {}",
                    now.blocks, then.blocks
                ));
            }
        }
        let gone = before.0.keys().filter(|name| !self.0.contains_key(*name));
        lines.extend(gone.map(|name| format!("{name}: nothing counts it any more")));
        lines
    }
}

/// As the file has it.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = toml::to_string(self).map_err(|_| fmt::Error)?;
        write!(
            f,
            "# Written by `cargo bench -p issuer-instructions -- --write`; ../README.md says what is counted.\n\n{rows}"
        )
    }
}
