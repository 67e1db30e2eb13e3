//! What was measured, as it is kept in the file from which table and charts are made.

use serde::{Deserialize, Serialize};

use crate::{machine::Machine, measure::Spread};

/// All that one run gave.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    /// The command line, without the program.
    pub(crate) arguments: Vec<String>,
    pub(crate) machine: Machine,
    pub(crate) seconds: u64,
    pub(crate) sections: Vec<Section>,
}

/// The lines that belong together.
#[derive(Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) lines: Vec<Line>,
    /// What a reader has to know of these figures.
    pub(crate) notes: Vec<String>,
    pub(crate) charts: Vec<Chart>,
}

/// One thing that was measured, and what stands beside it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) work: String,
    pub(crate) measured: Spread,
    pub(crate) unit: Unit,
    /// The budget of the figure itself, in its unit.
    pub(crate) budget: Option<Budget>,
    pub(crate) beside: Vec<Beside>,
}

/// A ratio.
#[derive(Serialize, Deserialize)]
pub(crate) struct Beside {
    /// Of what to what.
    pub(crate) ratio_of: String,
    pub(crate) ratio: Spread,
    pub(crate) budget: Option<Budget>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Budget {
    AtMost(f64),
    AtLeast(f64),
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    PerSecond,
    Seconds,
    Bytes,
    /// Of nothing: a ratio.
    Times,
}

/// Lines to draw. All charts are of this one kind.
#[derive(Serialize, Deserialize)]
pub(crate) struct Chart {
    /// Of the file, without its ending.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// What an axis shows.
#[derive(Serialize, Deserialize)]
pub(crate) struct Axis {
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) scale: AxisScale,
}

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AxisScale {
    /// From 0.
    Linear,
    /// By doubling.
    Log2,
    /// By powers of ten.
    Log10,
}

/// One line of a chart.
#[derive(Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Axis {
    pub(crate) fn new(label: &str, unit: Unit, scale: AxisScale) -> Self {
        Self {
            label: label.to_owned(),
            unit,
            scale,
        }
    }
}

impl Section {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lines: Vec::new(),
            notes: Vec::new(),
            charts: Vec::new(),
        }
    }

    /// A line, unless nothing was measured for it.
    pub(crate) fn line(
        &mut self,
        work: impl Into<String>,
        unit: Unit,
        measured: Option<Spread>,
    ) -> Option<&mut Line> {
        self.lines.push(Line {
            work: work.into(),
            measured: measured?,
            unit,
            budget: None,
            beside: Vec::new(),
        });
        self.lines.last_mut()
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Line {
    /// A ratio, unless nothing was measured for it.
    pub(crate) fn beside(
        &mut self,
        ratio_of: impl Into<String>,
        ratio: Option<Spread>,
        budget: Option<Budget>,
    ) {
        self.beside.extend(ratio.map(|ratio| Beside {
            ratio_of: ratio_of.into(),
            ratio,
            budget,
        }));
    }
}

impl Budget {
    pub(crate) fn is_kept_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}
