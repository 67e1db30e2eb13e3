//! The medians that criterion wrote, as ratios.

use std::{collections::HashMap, fmt, fs, io, path::Path};

/// What is measured side by side.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// As criterion knows it.
    pub(crate) name: &'static str,
    /// The variant that does no more than cannot be left out.
    pub(crate) floor: &'static str,
    pub(crate) what: &'static str,
    /// All others, in the order of the table.
    pub(crate) variants: &'static [&'static str],
    pub(crate) against: &'static [Against],
}

/// Two variants that do the same.
pub(crate) struct Against {
    pub(crate) ours: &'static str,
    pub(crate) peer: &'static str,
}

impl Against {
    /// Ours beside each of these.
    pub(crate) const fn each<const N: usize>(ours: &'static str, peers: [&'static str; N]) -> [Self; N] {
        let mut all = [const { Self { ours: "", peer: "" } }; N];
        let mut index = 0;
        while index < N {
            all[index] = Self {
                ours,
                peer: peers[index],
            };
            index += 1;
        }
        all
    }
}

/// `ring` and the peers hash with SHA-NI where this machine has it: another floor, and other ratios to it.
pub(crate) fn hashing() -> &'static str {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if std::is_x86_feature_detected!("sha") {
        return "This machine has SHA-NI.";
    }
    "This machine has no SHA-NI."
}

pub(crate) struct Table {
    groups: &'static [Group],
    /// Median nanoseconds of each variant, a number a round.
    medians: HashMap<(&'static str, &'static str), Vec<f64>>,
}

impl Table {
    pub(crate) fn new(groups: &'static [Group]) -> Self {
        Self {
            groups,
            medians: HashMap::new(),
        }
    }

    /// Takes in what criterion wrote below `folder`. What a filter left out is not there.
    pub(crate) fn read_round(&mut self, folder: &Path) -> io::Result<()> {
        for group in self.groups {
            for variant in group.variants.iter().copied().chain([group.floor]) {
                let file = folder.join(group.name).join(variant).join("new/estimates.json");
                match fs::read(file) {
                    Ok(json) => {
                        let medians = self.medians.entry((group.name, variant)).or_default();
                        medians.push(median_of(&json)?);
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn medians(&self, group: &Group, variant: &'static str) -> Option<&[f64]> {
        self.medians.get(&(group.name, variant)).map(Vec::as_slice)
    }

    /// Round by round, so that both sides of a ratio were measured at about the same time.
    fn ratio(&self, group: &Group, of: &'static str, to: &'static str) -> Option<Spread> {
        let (of, to) = (self.medians(group, of)?, self.medians(group, to)?);
        Spread::of(of.iter().zip(to).map(|(of, to)| of / to).collect())
    }
}

fn median_of(estimates: &[u8]) -> io::Result<f64> {
    let estimates: serde_json::Value = serde_json::from_slice(estimates)?;
    estimates["median"]["point_estimate"]
        .as_f64()
        .ok_or_else(|| io::Error::other("criterion wrote no median"))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds = self.medians.values().map(Vec::len).max().unwrap_or(0);
        if rounds == 0 {
            return f.write_str("\nEverything ran; nothing was measured.");
        }
        writeln!(f, "\nMedian of {rounds} round(s), their middle half in brackets.")?;
        for group in self.groups {
            let Some(floor) = self.medians(group, group.floor) else {
                continue;
            };
            let floor = Spread::of(floor.to_vec()).ok_or(fmt::Error)?;
            writeln!(f, "\n{}\n  floor: {}", group.what, Time(floor.median))?;
            for variant in group.variants.iter().copied() {
                if let Some(ratio) = self.ratio(group, variant, group.floor) {
                    writeln!(f, "  {variant:<26} {ratio} times the floor")?;
                }
            }
            for Against { ours, peer } in group.against {
                if let Some(ratio) = self.ratio(group, peer, ours) {
                    writeln!(f, "  {ours:<26} {ratio} times as fast as {peer}")?;
                }
            }
        }
        Ok(())
    }
}

/// The quartiles of what the rounds gave.
struct Spread {
    lower: f64,
    median: f64,
    upper: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        Some(Self {
            lower: *values.get(values.len() / 4)?,
            median: *values.get(values.len() / 2)?,
            upper: *values.get(values.len() * 3 / 4)?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7.2} [{:.2} to {:.2}]", self.median, self.lower, self.upper)
    }
}

struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            nanos if nanos < 1_000.0 => write!(f, "{nanos:.0} ns"),
            nanos if nanos < 1_000_000.0 => write!(f, "{:.1} µs", nanos / 1_000.0),
            nanos => write!(f, "{:.2} ms", nanos / 1_000_000.0),
        }
    }
}
