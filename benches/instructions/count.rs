//! One row under callgrind.

use std::{collections::HashMap, env, error::Error, fs, path::Path, process::Command};

use crate::ROW;

/// Enough that a call is counted to the instruction, few enough that valgrind is soon done.
const CALLS: u64 = 100;

/// Instructions of one call.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    /// Of the block function of SHA-256. `ring` picks one by what the processor has, and valgrind's has no SHA-NI, so
    /// that these are not the instructions that run without valgrind.
    pub(crate) hash: u64,
    /// Of everything else.
    pub(crate) rest: u64,
}

impl Count {
    /// The difference of two runs, so that what starts, sets up and ends the program is left out.
    pub(crate) fn of(row: &str) -> Result<Self, Box<dyn Error>> {
        let (few, many) = (run(row, 1)?, run(row, 1 + CALLS)?);
        Ok(Self {
            hash: (many.hash - few.hash) / CALLS,
            rest: (many.rest - few.rest) / CALLS,
        })
    }
}

fn run(row: &str, calls: u64) -> Result<Count, Box<dyn Error>> {
    let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("callgrind-{row}"));
    let status = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(env::current_exe()?)
        .args([ROW, row, &calls.to_string()])
        .status()
        .map_err(|error| format!("valgrind must be installed: {error}"))?;
    if !status.success() {
        return Err(format!("valgrind on {row}: {status}").into());
    }
    Ok(sum(&fs::read_to_string(profile)?))
}

/// Adds up what each function took itself; the line after `calls=` tells what its callee took.
fn sum(profile: &str) -> Count {
    let mut of_function: HashMap<&str, u64> = HashMap::new();
    let (mut function, mut is_callee) = ("", false);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with("calls=") {
            is_callee = true;
        } else if let Some((position, cost)) = line.split_once(' ')
            && position.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
            && let Ok(cost) = cost.parse::<u64>()
        {
            if !is_callee {
                *of_function.entry(function).or_default() += cost;
            }
            is_callee = false;
        }
    }
    let is_hash = |name: &str| name.contains("sha256_block_data_order_");
    let total: u64 = of_function.values().sum();
    let hash = of_function
        .iter()
        .filter(|(name, _)| is_hash(name))
        .map(|(_, cost)| cost)
        .sum();
    Count {
        hash,
        rest: total - hash,
    }
}
